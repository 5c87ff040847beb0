"""Stateless layers see all timesteps as one large batch."""

from __future__ import annotations

from torch import Tensor, nn

from spareto.kernels.spikes import Spikes, dense
from spareto.layers._fusion import over_time


class OverTime(nn.Sequential):
    """Run stateless layers on `(time, batch, ...)` as on a batch of `time x batch` samples."""

    def forward(self, input: Tensor | Spikes) -> Tensor:
        """`(time, batch, ...)` in, `(time, batch, ...)` out."""
        return over_time(dense(input), *self)
