"""Quantizers whose codes number the points of a fixed grid: each says which in one function."""

from __future__ import annotations

from abc import abstractmethod
from typing import Unpack

import torch
from torch import Tensor, nn
from typing_extensions import override

from spareto.quantizers._base import Quantizer, Shared
from spareto.quantizers._snap import snap_to
from spareto.quantizers._symmetric import positive, three_sigma


class TableQuantizer(Quantizer):
    """Code `±k` stands for `± grid[k] · a` with a learned clip `a`, which starts at `max|μ ± 3σ|`.

    A weight goes to the nearest point; the gradient for the weight and the clip is that of a uniform
    quantizer with a learned step, with the distance to the point counted in gaps of the grid.
    """

    grid: Tensor

    def __init__(self, bits: int, **shared: Unpack[Shared]) -> None:
        super().__init__(bits, **shared)
        self.register_buffer("grid", torch.tensor(self.points(bits)), persistent=False)
        self.clip = nn.Parameter(torch.ones(()))

    @staticmethod
    @abstractmethod
    def points(bits: int) -> list[float]:
        """Magnitudes of the codes 0, 1, 2, ...: rising from 0 to 1, `2^(bits−1)` at most."""

    @property
    @override
    def code_range(self) -> tuple[int, int]:
        return 1 - len(self.grid), len(self.grid) - 1

    @override
    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        self.grid = self.grid.to(weight)
        self.clip = nn.Parameter(three_sigma(weight, self.granularity, live))

    @override
    def encode(self, weight: Tensor) -> Tensor:
        size = self._size(weight)
        return (self._number(size).round() * weight.sign()).to(torch.int32)

    @override
    def decode(self, codes: Tensor) -> Tensor:
        return self._points(codes) * positive(self.clip)

    @override
    def forward(self, weight: Tensor, live: Tensor | None = None) -> Tensor:
        clip = positive(self.clip)
        size, sign = self._size(weight), weight.detach().sign()
        number = self._number(size)
        offset = (number - number.round()) * sign
        inside = weight.detach().abs() <= clip.detach()
        points = self._points((number.round() * sign).to(torch.int32))
        return snap_to(weight, clip, size * sign, points, offset, inside, self.rounding)

    def _size(self, weight: Tensor) -> Tensor:
        return (weight.detach().abs() / positive(self.clip).detach()).clamp_max(1.0)

    def _number(self, size: Tensor) -> Tensor:
        """Place on the grid, counted in its points: 2.25 lies a quarter of the gap above point 2."""
        below = torch.searchsorted(self.grid, size, right=True).sub_(1).clamp_(0, len(self.grid) - 2)
        low, high = self.grid[below], self.grid[below + 1]
        return below + (size - low) / (high - low)

    def _points(self, codes: Tensor) -> Tensor:
        return self.grid[codes.abs().long()] * codes.sign().to(self.grid.dtype)
