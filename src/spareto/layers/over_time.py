"""Stateless layers see all timesteps as one large batch."""

from __future__ import annotations

from torch import Tensor, nn


class OverTime(nn.Sequential):
    """Run stateless layers on `(time, batch, ...)` as on a batch of `time x batch` samples."""

    def forward(self, input: Tensor) -> Tensor:
        """`(time, batch, ...)` in, `(time, batch, ...)` out."""
        time, batch = input.shape[:2]
        return super().forward(input.flatten(0, 1)).unflatten(0, (time, batch))
