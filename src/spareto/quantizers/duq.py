"""Uniform quantizer with two learned scales, the study's choice."""

from __future__ import annotations

from typing import ClassVar, Unpack

import torch
from torch import Tensor, nn
from typing_extensions import override

from spareto.quantizers._base import Quantizer, Shared
from spareto.quantizers._snap import snap
from spareto.quantizers._symmetric import levels, positive, three_sigma


class DuQ(Quantizer):
    """`c · round(n · hardtanh(w / a)) / n` with `n = 2^(bits−1) − 1`; both scales start at `max|μ ± 3σ|`.

    Since `a` and `c` part ways in training, a weight then need not get the nearest of its values, nor keep
    its code when it is quantized again.

    Reference:
        schaefer2023, section III: two learned scales, one before and one after rounding, with EWGS.
    """

    nearest: ClassVar[bool] = False

    def __init__(self, bits: int, **shared: Unpack[Shared]) -> None:
        super().__init__(bits, **shared)
        self.levels = levels(bits)
        self.input_clip = nn.Parameter(torch.ones(()))
        self.output_clip = nn.Parameter(torch.ones(()))

    @property
    @override
    def code_range(self) -> tuple[int, int]:
        return -self.levels, self.levels

    @override
    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        clip = three_sigma(weight, self.granularity, live)
        self.input_clip, self.output_clip = nn.Parameter(clip), nn.Parameter(clip.clone())

    @override
    def encode(self, weight: Tensor) -> Tensor:
        return (weight / self._step_in).clamp(*self.code_range).round().to(torch.int32)

    @override
    def decode(self, codes: Tensor) -> Tensor:
        return codes.to(self.output_clip.dtype) * self._step_out

    @override
    def forward(self, weight: Tensor, live: Tensor | None = None) -> Tensor:
        step_in = self._step_in
        position = weight.detach() / step_in.detach()
        return snap(weight, position, self.code_range, step_in, self._step_out, self.rounding)

    @property
    def _step_in(self) -> Tensor:
        return positive(self.input_clip) / self.levels

    @property
    def _step_out(self) -> Tensor:
        return positive(self.output_clip) / self.levels
