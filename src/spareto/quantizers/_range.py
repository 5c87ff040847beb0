"""Uniform quantizers whose range is read off the weights: each says how in one function."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Unpack

import torch
from torch import Tensor
from typing_extensions import override

from spareto.quantizers._base import Shared
from spareto.quantizers._uniform import UniformQuantizer


class RangeQuantizer(UniformQuantizer):
    """Signed symmetric codes over `−clip .. clip`; nothing to learn, so it serves after training too.

    Where it does not follow the weights, reading the range off at every step would cost too much.
    """

    tracks_weights: ClassVar[bool] = True
    scale: Tensor

    def __init__(self, bits: int, **shared: Unpack[Shared]) -> None:
        super().__init__(bits, **shared)
        self.register_buffer("scale", torch.ones(()))

    @abstractmethod
    def clip(self, weight: Tensor, live: Tensor | None) -> Tensor:
        """Largest weight that can be stored, of each group, within the limits of `bounded`."""

    @override
    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        self.scale = self.clip(weight.detach(), live) / self.levels

    @override
    def steps(self, like: Tensor) -> tuple[Tensor, Tensor]:
        return self.scale, self.scale

    @override
    def forward(self, weight: Tensor, live: Tensor | None = None) -> Tensor:
        if self.training and self.tracks_weights:
            self.start(weight, live)
        return super().forward(weight, live)
