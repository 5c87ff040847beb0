"""What one input element of a product meets: how many weights, live or not, and which outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from spareto.observing.products import Geometry, ProductCall

Operator = Callable[[Tensor, Tensor], Tensor]


def operator_of(product: ProductCall) -> Operator:
    """The product as a function of activations `(rows, features...)` and weight, without bias."""
    if product.geometry is not None:
        return lambda x, weight: convolve(x, weight, product.geometry)  # pyright: ignore[reportArgumentType]
    if product.other.dim() == 3:
        return lambda x, weight: torch.einsum(
            "ngk,gmk->ngm", x.unflatten(1, (len(weight), -1)), weight
        ).flatten(1)
    if product.kind == "embedding":
        return lambda x, weight: x @ weight
    return lambda x, weight: x @ weight.T


def convolve(x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """The convolution that a geometry describes, without bias."""
    padding = tuple(before for before, _ in geometry.padding)
    if any(before != after for before, after in geometry.padding):
        x = F.pad(x, [size for sizes in reversed(geometry.padding) for size in sizes])
        padding = (0,) * geometry.axes
    output_padding = geometry.output_padding if geometry.transposed else (0,) * geometry.axes
    return torch.ops.aten.convolution.default(
        x,
        weight,
        None,
        list(geometry.stride),
        list(padding),
        list(geometry.dilation),
        geometry.transposed,
        list(output_padding),
        geometry.groups,
    )


def effects_of(product: ProductCall, features: tuple[int, ...]) -> Tensor:
    """Weights that each input element meets: live ones, and any.

    Args:
        product: The product with its weight.
        features: Shape of what enters at one timestep of one sample.

    Returns:
        Whole numbers, shape `(*features, 2)`, double precision.
    """
    if product.geometry is None:
        live = (product.other != 0).sum(1 if product.kind == "embedding" else -2).flatten()
        outputs = product.other.shape[1 if product.kind == "embedding" else -2]
        return torch.stack([live, torch.full_like(live, outputs)], dim=1).double()
    geometry = product.geometry
    outputs = product.other if geometry.transposed else product.other.unflatten(0, (geometry.groups, -1))
    live = (outputs != 0).sum(1).double().reshape(features[0], 1, *product.other.shape[2:])
    alone = replace(geometry, groups=features[0])  # each input channel by itself
    masks = (live, torch.full_like(live, outputs.shape[1]))
    return torch.stack([_met(mask, alone, features) for mask in masks], dim=-1)


def _met(mask: Tensor, geometry: Geometry, features: tuple[int, ...]) -> Tensor:
    """How many weights of a mask each element meets: the gradient of all sums."""
    with torch.inference_mode(False), torch.enable_grad():
        x = torch.zeros(1, *features, dtype=torch.float64, requires_grad=True)
        (met,) = torch.autograd.grad(convolve(x, mask.clone(), geometry).sum(), x)
    return met[0].round()


def is_plain(product: ProductCall) -> bool:
    """Whether a layer record describes the product as it is, without unfolding its input."""
    geometry = product.geometry
    if geometry is None:
        return True
    return (
        geometry.axes <= 2
        and not geometry.transposed
        and set(geometry.dilation) == {1}
        and all(before == after for before, after in geometry.padding)
    )


def unfolded(product: ProductCall, x: Tensor) -> Tensor:
    """What every output place is given: shape `(rows, channels x taps, places...)`.

    Args:
        product: A convolution of any kind.
        x: Shape `(rows, channels, ...)`.
    """
    geometry, weight = product.geometry, product.other
    assert geometry is not None, "only convolutions are unfolded"
    taps = weight[0, 0].numel()
    channels = x.shape[1]
    one_hot = torch.eye(taps, dtype=x.dtype).reshape(taps, *weight.shape[2:])
    alone = Geometry(**{**vars(geometry), "groups": channels})
    kernels = one_hot.repeat(channels, *[1] * geometry.axes)
    if geometry.transposed:
        kernels = kernels.reshape(channels, taps, *weight.shape[2:])
    else:
        kernels = kernels.unsqueeze(1)
    return convolve(x, kernels, alone)


def unfolded_weight(product: ProductCall) -> Tensor:
    """The weight over an unfolded input, shape `(outputs, channels a group x taps)`."""
    geometry, weight = product.geometry, product.other
    assert geometry is not None, "only convolutions are unfolded"
    if not geometry.transposed:
        return weight.flatten(1)
    grouped = weight.unflatten(0, (geometry.groups, -1)).flatten(3)  # (groups, inputs, outputs, taps)
    return grouped.transpose(1, 2).flatten(0, 1).flatten(1)
