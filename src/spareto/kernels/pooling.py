"""Max pooling of currents before the neurons: of sums that spikes make, and of any.

A window hands its gradient to one of its sums. So the gradient of the layer's input is summed from there,
where that is the faster way.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spareto.kernels import c_layers, c_pooling
from spareto.kernels.c_layers import Gradient, NotFinite
from spareto.kernels.sums import ConvSums

Window = tuple[int, int]

TOGETHER: Final = 1 << 20
"""Bytes of sums of the images whose gradients are written out together."""

SCATTERED: Final = 4
"""Pixels a window from which its one gradient is scattered."""

NARROW: Final = 32
"""Channels up to which that beats Winograd's algorithm."""


def sums(made: ConvSums, carrier: Tensor, bits: Tensor, weight: Tensor, window: Window) -> Tensor:
    """Largest event-driven sums, without bias, of each window: `(N, height, width, channels padded)`.

    Args:
        made: How they are summed.
        carrier: Of the incoming spikes.
        bits: Of the incoming spikes.
        weight: The convolution's weight.
        window: Height and width of the windows, which lie side by side.
    """
    return _Sums.apply(made, window, carrier, bits, weight)


def largest(y: Tensor, window: Window) -> Tensor:
    """Largest values of each window of `y (N, H, W, channels)`; the first of several takes the gradient."""
    return _Largest.apply(y.contiguous(), window)


def _pooled_sums(made: ConvSums, bits: Tensor, weight: Tensor, window: Window) -> tuple[Tensor, Tensor]:
    """Largest sums and their places; in one kernel where it can."""
    made.guard(bits, weight)
    s = made.shape
    if s.groups == 1:
        with suppress(NotFinite):
            return c_pooling.pooled_sums(bits, weight, s, window, made.events)
    z, places = c_pooling.behind((s.N, s.OH, s.OW, s.OC), window)
    for part in _parts(made):
        y, _ = made.of_images(part.stop - part.start).forward(bits[part], weight)
        c_pooling.max_pool(y, window, z[part], places[part])
        del y
    return z, places


def _by_parts(
    made: ConvSums, window: Window, kept: tuple[Tensor, ...], dz: Tensor, finite: bool, wants: list[bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of weight and input, if wanted, from those of all sums, a few images at a time."""
    bits, weight, places = kept
    dw, found = torch.zeros(weight.shape, dtype=torch.float64), list[Tensor]()
    for part in _parts(made):
        some = made.of_images(part.stop - part.start)
        size = some.shape.N, some.shape.OH, some.shape.OW, some.shape.OC
        gradient = Gradient(c_pooling.max_pool_gradient(dz[part], places[part], size, window), finite=finite)
        dw += some.weight_gradient(bits[part], gradient, weight) if wants[0] else 0
        found += [some.input_gradient(gradient, weight)] if wants[1] else []
        del gradient
    return dw.float() if wants[0] else None, torch.cat(found) if wants[1] else None


def _parts(made: ConvSums) -> list[slice]:
    """Images whose sums stay in the caches together."""
    s = made.shape
    step = max(1, TOGETHER // (4 * s.OH * s.OW * s.OC))
    return [slice(first, min(first + step, s.N)) for first in range(0, s.N, step)]


class _Sums(torch.autograd.Function):
    """Keeps incoming bits and places, but no sums."""

    @staticmethod
    def forward(
        ctx: Any, made: ConvSums, window: Window, carrier: Tensor, bits: Tensor, weight: Tensor
    ) -> Tensor:
        z, places = _pooled_sums(made, bits, weight, window)
        ctx.constants = made, window
        ctx.save_for_backward(bits, weight, places)
        return z

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        bits, weight, places = ctx.saved_tensors
        (made, window), dz = ctx.constants, grads[0].contiguous()
        wants = ctx.needs_input_grad[4], ctx.needs_input_grad[2]
        found: list[Tensor | None] = [None, None]
        if finite := c_layers.finite(dz):
            if wants[0] and few_outputs(made, window):
                found[0] = c_pooling.pooled_weight_gradient(bits, dz, places, weight, made.shape, window)
            if wants[1] and _scattered(made, window):
                with suppress(NotFinite):
                    found[1] = c_pooling.pooled_input_gradient(dz, places, weight, made.shape, window)
        left = [want and one is None for want, one in zip(wants, found, strict=True)]
        if any(left):
            written = _by_parts(made, window, ctx.saved_tensors, dz, finite, left)
            found = [one if other is None else other for one, other in zip(written, found, strict=True)]
        return None, None, found[1], None, found[0]


def few_outputs(made: ConvSums, window: Window) -> bool:
    """Whether a weight gradient comes faster from the outputs that have a gradient than from all spikes.

    The numbers are times of both kernels: of sixteen channels of a tap, an output, and a pixel written out.
    """
    s, blocks = made.shape, made.shape.OC // 16
    outputs = s.N * (s.OH // window[0]) * (s.OW // window[1]) * s.OC
    spikes = made.events * s.KH * s.KW * blocks + 75 * s.N * s.OH * s.OW * blocks
    return s.plain and 1.2 * outputs * (s.KH * -(-s.KW * s.C // 16) + 4) < spikes


def _scattered(made: ConvSums, window: Window) -> bool:
    """Whether an input gradient comes faster from the outputs that have a gradient."""
    narrow = not made.usual or made.shape.C <= NARROW
    return made.shape.plain and narrow and window[0] * window[1] >= SCATTERED


class _Largest(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, window: Window) -> Tensor:
        z, places = c_pooling.behind(tuple(y.shape), window)
        c_pooling.max_pool(y, window, z, places)
        ctx.constants = tuple(y.shape), window
        ctx.save_for_backward(places)
        return z

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        (places,), (size, window) = ctx.saved_tensors, ctx.constants
        return c_pooling.max_pool_gradient(grads[0].contiguous(), places, size, window), None
