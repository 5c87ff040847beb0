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

from spareto.kernels import c_layers, c_pooling, workspace
from spareto.kernels.c_layers import Gradient, NotFinite
from spareto.kernels.sums import ConvSums

Window = tuple[int, int]

TOGETHER: Final = 1 << 20
"""Bytes of sums of the images that are summed and pooled together."""

SCATTERED: Final = 4
"""Pixels a window from which its one gradient is scattered; Winograd's algorithm beats it."""


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


def _pooled(size: tuple[int, ...], window: Window) -> tuple[Tensor, Tensor]:
    """Memory for the largest values and for their places."""
    images, height, width, channels = size
    behind = images, height // window[0], width // window[1], channels
    return workspace.empty(*behind), torch.empty(behind, dtype=torch.uint8)


class _Sums(torch.autograd.Function):
    """Keeps incoming bits and places, but no sums: a few images' sums at a time, which stay in the caches."""

    @staticmethod
    def forward(
        ctx: Any, made: ConvSums, window: Window, carrier: Tensor, bits: Tensor, weight: Tensor
    ) -> Tensor:
        s = made.shape
        z, places = _pooled((s.N, s.OH, s.OW, s.OC), window)
        for part in _parts(made):
            y, _ = made.of_images(part.stop - part.start).forward(bits[part], weight)
            c_pooling.max_pool(y, window, z[part], places[part])
            del y
        ctx.constants = made, window
        ctx.save_for_backward(bits, weight, places)
        return z

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        bits, weight, places = ctx.saved_tensors
        (made, window), dz, wants = ctx.constants, grads[0].contiguous(), ctx.needs_input_grad
        s, finite = made.shape, c_layers.finite(dz)
        dw, dx = torch.zeros(weight.shape, dtype=torch.float64), None
        if wants[2] and finite and s.plain and not made.usual and window[0] * window[1] >= SCATTERED:
            with suppress(NotFinite):
                dx = c_pooling.pooled_input_gradient(dz, places, weight, s, window)[..., : s.C]
        found: list[Tensor] = []
        for part in _parts(made):
            some = made.of_images(part.stop - part.start)
            size = some.shape.N, s.OH, s.OW, s.OC
            gradient = Gradient(
                c_pooling.max_pool_gradient(dz[part], places[part], size, window), finite=finite
            )
            dw += some.weight_gradient(bits[part], gradient, weight) if wants[4] else 0
            if wants[2] and dx is None:
                found.append(some.input_gradient(gradient, weight))
            del gradient
        return None, None, torch.cat(found) if found else dx, None, dw.float() if wants[4] else None


def _parts(made: ConvSums) -> list[slice]:
    """Images whose sums stay in the caches together."""
    s = made.shape
    step = max(1, TOGETHER // (4 * s.OH * s.OW * s.OC))
    return [slice(first, min(first + step, s.N)) for first in range(0, s.N, step)]


class _Largest(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, window: Window) -> Tensor:
        z, places = _pooled(tuple(y.shape), window)
        c_pooling.max_pool(y, window, z, places)
        ctx.constants = tuple(y.shape), window
        ctx.save_for_backward(places)
        return z

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        (places,), (size, window) = ctx.saved_tensors, ctx.constants
        return c_pooling.max_pool_gradient(grads[0].contiguous(), places, size, window), None
