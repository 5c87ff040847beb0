"""`spareto::sums`: a layer's weights times inputs that may be spikes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spareto.kernels.c_layers import padded
from spareto.kernels.decision_log import decide
from spareto.kernels.mixed import Mixed


@torch.library.custom_op("spareto::sums", mutates_args=())
def sums(
    x: Tensor, bits: Tensor | None, weight: Tensor, geometry: list[int], slot: int, layer: str
) -> Tensor:
    """Sums `(N, OH, OW, channels padded)` without bias.

    Args:
        x: Inputs `(N, channels, *spatial)`, or the carrier of spikes.
        bits: Bits of the spikes, or None.
        weight: The layer's weight, contiguous.
        geometry: Of a convolution the values of `ConvShape`; none of a dense layer.
        slot: Number of the layer's slot for decisions.
        layer: Its name there.
    """
    mixed = Mixed.of(x, bits, geometry)
    decide(slot, layer, *mixed.decision, mixed.density)
    return mixed.forward(weight)


@sums.register_fake
def _(x: Tensor, bits: Tensor | None, weight: Tensor, geometry: list[int], slot: int, layer: str) -> Tensor:
    size = geometry[4:6] if geometry else [1, 1]
    return x.new_empty(x.shape[0], *size, padded(weight.shape[0]))


@torch.library.custom_op("spareto::sums_backward", mutates_args=())
def _backward(
    g: Tensor, x: Tensor, bits: Tensor | None, weight: Tensor, geometry: list[int], wants: list[bool]
) -> tuple[Tensor, Tensor]:
    found = Mixed.of(x, bits, geometry).backward(g.contiguous(), weight, *wants)
    dx, dw = (g.new_empty(0) if part is None else part.contiguous() for part in found)
    return dx, dw


@_backward.register_fake
def _(
    g: Tensor, x: Tensor, bits: Tensor | None, weight: Tensor, geometry: list[int], wants: list[bool]
) -> tuple[Tensor, Tensor]:
    return g.new_empty(x.shape if wants[0] else (0,)), g.new_empty(weight.shape if wants[1] else (0,))


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, bits, weight, geometry, *_ = inputs
    ctx.save_for_backward(x, bits, weight)
    ctx.geometry = geometry


def _gradients(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    x, bits, weight = ctx.saved_tensors
    wants = [ctx.needs_input_grad[0], ctx.needs_input_grad[2]]
    dx, dw = _backward(g, x, bits, weight, ctx.geometry, wants)
    return dx if wants[0] else None, None, dw if wants[1] else None, None, None, None


sums.register_autograd(_gradients, setup_context=_keep)
