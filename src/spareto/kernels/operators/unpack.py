"""`spareto::unpack`: spikes as numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spareto.kernels import c_layers


@torch.library.custom_op("spareto::unpack", mutates_args=())
def unpack(carrier: Tensor, bits: Tensor) -> Tensor:
    """0 and 1 in float32, in the shape `(N, *spatial, channels)` of the carrier."""
    return c_layers.unpack(bits, carrier.shape[-1]).view(carrier.shape)


@unpack.register_fake
def _(carrier: Tensor, bits: Tensor) -> Tensor:
    return carrier.new_empty(carrier.shape)


def _gradients(ctx: Any, g: Tensor) -> tuple[Tensor | None, None]:
    return g, None


unpack.register_autograd(_gradients)
