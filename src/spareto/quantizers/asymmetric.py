"""Uniform quantizer with a zero point, for weights that lean to one side."""

from __future__ import annotations

from typing import ClassVar, Unpack

import torch
from torch import Tensor
from typing_extensions import override

from spareto.quantizers._base import Quantizer, Shared
from spareto.quantizers._snap import snap
from spareto.quantizers._symmetric import SMALLEST_CLIP, over_group

LARGEST_END = 1e38  # rounding the zero point moves an end by half a step, up to a third of the range


class Asymmetric(Quantizer):
    """Codes `clamp(round(w / s) + z, 0, 2^bits − 1)` over `min(w, 0) .. max(w, 0)`.

    The zero point `z` is an integer, so that zero is stored exactly. In training the range follows the
    weights; in evaluation it stays where it was.

    Reference:
        jacob2018, section 2.1.
    """

    tracks_weights: ClassVar[bool] = True
    scale: Tensor
    zero_point: Tensor

    def __init__(self, bits: int, **shared: Unpack[Shared]) -> None:
        super().__init__(bits, **shared)
        self.levels = 2**bits - 1
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("zero_point", torch.zeros(()))

    @property
    @override
    def code_range(self) -> tuple[int, int]:
        return 0, self.levels

    @override
    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        kept = weight.detach() if live is None else weight.detach() * live
        axes = over_group(weight, self.granularity)
        low = kept.amin(axes, keepdim=True).clamp(-LARGEST_END, 0.0)
        high = kept.amax(axes, keepdim=True).clamp(0.0, LARGEST_END)
        self.scale = (high - low).clamp_min(SMALLEST_CLIP) / self.levels
        self.zero_point = (-low / self.scale).round().clamp(0, self.levels)

    @override
    def encode(self, weight: Tensor) -> Tensor:
        clipped = (weight / self.scale).clamp(*self._bounds)
        return (clipped.round() + self.zero_point).to(torch.int32)

    @override
    def decode(self, codes: Tensor) -> Tensor:
        return (codes.to(self.scale.dtype) - self.zero_point) * self.scale

    @override
    def forward(self, weight: Tensor, live: Tensor | None = None) -> Tensor:
        if self.training:
            self.start(weight, live)
        position = weight.detach() / self.scale
        return snap(weight, position, self._bounds, self.scale, self.scale, self.rounding)

    @property
    def _bounds(self) -> tuple[Tensor, Tensor]:
        return -self.zero_point, self.levels - self.zero_point
