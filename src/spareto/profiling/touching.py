"""Outputs of a product that a live weight and a non-zero input meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spareto.kernels import trains
from spareto.kernels.library import backend
from spareto.kernels.trains import Counts, Spread, Words
from spareto.observing.products import Geometry, ProductCall
from spareto.profiling.effects import convolve, operator_of


@dataclass(frozen=True)
class _Reach:
    """What `kernels.trains.reached` is given of a layer."""

    masks: Words
    class_of: Counts
    weights: Counts
    spread: Spread


class Touching:
    """Counts them.

    Args:
        product: The product with its weight.
        features: Shape of what enters at one timestep of one sample.
        channels: Which output channels to look at.
    """

    def __init__(self, product: ProductCall, features: tuple[int, ...], channels: Tensor) -> None:
        if product.kind == "embedding":
            features = (len(product.other),)  # looked up one row, as if by a vector with a single 1
        self._product, self._features, self._channels = product, features, channels
        flat = product.geometry is None or product.geometry.axes <= 2
        self._reach = _reach(product, features, channels) if flat and backend() == "c" else None
        full = product.geometry is None and product.kind != "embedding" and _groups(product) == 1
        self._all = int(channels.sum()) if full and bool((product.other != 0).all()) else None

    def counts(self, words: Words) -> npt.NDArray[np.float64]:
        """How many, shape `(rows,)`.

        Args:
            words: What enters as bits, shape `(rows, words)`; see `kernels.trains.pack`.
        """
        if self._all is not None:  # whatever enters reaches every output
            return np.where(words.any(1), float(self._all), 0.0)
        if self._reach is not None:
            reach = self._reach
            found = trains.reached(words, reach.masks, reach.class_of, reach.weights, reach.spread)
            return found.astype(np.float64)
        live = trains.unpack(words, int(np.prod(self._features))).astype(np.float32)
        x = torch.from_numpy(live).reshape(-1, *self._features)
        return touched(self._product, x, self._channels).double().numpy()


def _reach(product: ProductCall, features: tuple[int, ...], channels: Tensor) -> _Reach:
    live = product.other != 0
    spread = _spread(product.geometry, features, live)
    if bool(live.all()):
        return _whole(_groups(product), features[0], channels, spread)
    masks = _masks(product, live).reshape(features[0], *spread.kernel, -1)
    packed, _ = trains.pack(masks.flatten(0, 2).to(torch.float32))
    weights = np.zeros(64 * packed.shape[1], np.int64)
    weights[: len(channels)] = channels.numpy()
    own = np.arange(features[0])
    return _Reach(packed.reshape(*masks.shape[:3], -1), own, weights, spread)


def _whole(groups: int, inputs: int, channels: Tensor, spread: Spread) -> _Reach:
    """Where no weight is zero, every output of a group is reached where any is: one bit per group."""
    one, _ = trains.pack(torch.eye(groups))
    masks = np.broadcast_to(one[:, None, None], (groups, *spread.kernel, one.shape[1])).copy()
    weights = np.zeros(64 * one.shape[1], np.int64)
    weights[:groups] = channels.reshape(groups, -1).sum(1).numpy()
    return _Reach(masks, np.arange(inputs) // (inputs // groups), weights, spread)


def _groups(product: ProductCall) -> int:
    if product.geometry is not None:
        return product.geometry.groups
    return len(product.other) if product.other.dim() == 3 else 1


def _masks(product: ProductCall, live: Tensor) -> Tensor:
    """Which outputs each input channel reaches by each tap, shape `(inputs, taps..., outputs)`."""
    if product.kind == "embedding":
        return live
    groups = _groups(product)
    if product.geometry is None:
        each = live if live.dim() == 3 else live.unsqueeze(0)
        each = each.transpose(1, 2)  # (groups, inputs, outputs)
    elif product.geometry.transposed:
        each = live.unflatten(0, (groups, -1)).movedim(2, -1)
    else:
        each = live.unflatten(0, (groups, -1)).movedim(1, -1)
    inputs, taps, outputs = each.shape[1], each.shape[2:-1], each.shape[-1]
    whole = torch.zeros(groups, inputs, *taps, groups, outputs, dtype=torch.bool)
    for group in range(groups):
        whole[group, ..., group, :] = each[group]
    return whole.flatten(0, 1).flatten(-2)


def _spread(geometry: Geometry | None, features: tuple[int, ...], live: Tensor) -> Spread:
    if geometry is None:
        return Spread((features[0], 1, 1))
    missing = 2 - geometry.axes
    sizes, kernel = (1,) * missing + features[1:], (1,) * missing + tuple(live.shape[2:])
    stride, dilation = (1,) * missing + geometry.stride, (1,) * missing + geometry.dilation
    padding = ((0, 0),) * missing + geometry.padding
    more = (0,) * missing + (geometry.output_padding if geometry.transposed else (0,) * geometry.axes)
    outputs = [
        (size - 1) * step - sum(pads) + apart * (taps - 1) + extra + 1
        if geometry.transposed
        else (size + sum(pads) - apart * (taps - 1) - 1) // step + 1
        for size, taps, step, apart, pads, extra in zip(
            sizes, kernel, stride, dilation, padding, more, strict=True
        )
    ]
    return Spread(
        inputs=(features[0], sizes[0], sizes[1]),
        outputs=(outputs[0], outputs[1]),
        kernel=(kernel[0], kernel[1]),
        stride=(stride[0], stride[1]),
        padding=(padding[0][0], padding[1][0]),
        dilation=(dilation[0], dilation[1]),
        transposed=geometry.transposed,
    )


def touched(product: ProductCall, x: Tensor, channels: Tensor) -> Tensor:
    """Outputs that a live weight and a non-zero input meet.

    Args:
        product: The product with its weight.
        x: What enters, shape `(rows, features...)`.
        channels: Which output channels to look at.

    Returns:
        How many, shape `(rows,)`.
    """
    live = (x != 0).to(torch.float32)
    mask = (product.other != 0).to(torch.float32)
    if bool((mask == 1).all()) and product.geometry is not None and not product.geometry.transposed:
        return _touched_by_full(product.geometry, mask, live, channels)
    met = operator_of(product)(live, mask) > 0
    return met[:, channels].flatten(1).sum(1)


def _touched_by_full(geometry: Geometry, mask: Tensor, live: Tensor, channels: Tensor) -> Tensor:
    """Where no weight is zero, every output of a window with a non-zero input is touched."""
    groups = geometry.groups
    grouped = live.unflatten(1, (groups, -1)).amax(2)
    window = torch.ones(groups, 1, *mask.shape[2:])
    reached = convolve(grouped, window, geometry) > 0
    outputs = channels.reshape(groups, -1).sum(1)
    return (reached.flatten(2).sum(2) * outputs).sum(1)
