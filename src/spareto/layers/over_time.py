"""Stateless layers see all timesteps as one large batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from torch import Tensor, nn
from typing_extensions import override

from spareto.kernels.spikes import Spikes, dense
from spareto.layers._base import SpikingLayer, some_spikes
from spareto.layers._fusion import over_time


class OverTime(SpikingLayer, nn.Sequential):
    """Run stateless layers on `(time, batch, ...)` as on a batch of `time x batch` samples."""

    def forward(self, input: Tensor | Spikes) -> Tensor:
        """`(time, batch, ...)` in, `(time, batch, ...)` out."""
        return over_time(dense(input), *self)

    @override
    def chain(self) -> dict[str, nn.Module]:
        return dict(self.named_children())

    @classmethod
    @override
    def examples(cls) -> Iterator[tuple[Self, Tensor]]:
        yield cls(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3)), some_spikes(3, 2, 2, 4, 4)
