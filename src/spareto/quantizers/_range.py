"""Uniform quantizers whose range is read off the weights: each says how in one function."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Unpack

import torch
from torch import Tensor
from typing_extensions import override

from spareto.quantizers._base import Quantizer, Shared
from spareto.quantizers._snap import snap
from spareto.quantizers._symmetric import levels


class RangeQuantizer(Quantizer):
    """Signed symmetric codes over `−clip .. clip`; nothing to learn, so it serves after training too.

    Where it does not follow the weights, reading the range off at every step would cost too much.
    """

    tracks_weights: ClassVar[bool] = True
    scale: Tensor

    def __init__(self, bits: int, **shared: Unpack[Shared]) -> None:
        super().__init__(bits, **shared)
        self.levels = levels(bits)
        self.register_buffer("scale", torch.ones(()))

    @abstractmethod
    def clip(self, weight: Tensor, live: Tensor | None) -> Tensor:
        """Largest weight that can be stored, of each group, within the limits of `bounded`."""

    @property
    @override
    def code_range(self) -> tuple[int, int]:
        return -self.levels, self.levels

    @override
    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        self.scale = self.clip(weight.detach(), live) / self.levels

    @override
    def encode(self, weight: Tensor) -> Tensor:
        return (weight / self.scale).clamp(*self.code_range).round().to(torch.int32)

    @override
    def decode(self, codes: Tensor) -> Tensor:
        return codes.to(self.scale.dtype) * self.scale

    @override
    def forward(self, weight: Tensor, live: Tensor | None = None) -> Tensor:
        if self.training and self.tracks_weights:
            self.start(weight, live)
        position = weight.detach() / self.scale
        return snap(weight, position, self.code_range, self.scale, self.scale, self.rounding)
