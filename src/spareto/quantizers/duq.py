"""Uniform quantizer with two learned scales, the study's choice."""

from __future__ import annotations

from typing import ClassVar, Unpack

import torch
from torch import Tensor, nn
from typing_extensions import override

from spareto.quantizers._base import Shared
from spareto.quantizers._symmetric import positive, three_sigma
from spareto.quantizers._uniform import UniformQuantizer


class DuQ(UniformQuantizer):
    """`c · round(n · hardtanh(w / a)) / n` with `n = 2^(bits−1) − 1`; both scales start at `max|μ ± 3σ|`.

    Since `a` and `c` part ways in training, a weight then need not get the nearest of its values, nor keep
    its code when it is quantized again.

    Reference:
        schaefer2023, section III: two learned scales, one before and one after rounding, with EWGS.
    """

    nearest: ClassVar[bool] = False

    def __init__(self, bits: int, **shared: Unpack[Shared]) -> None:
        super().__init__(bits, **shared)
        self.input_clip = nn.Parameter(torch.ones(()))
        self.output_clip = nn.Parameter(torch.ones(()))

    @override
    def start(self, weight: Tensor, live: Tensor | None = None) -> None:
        clip = three_sigma(weight, self.granularity, live)
        self.input_clip, self.output_clip = nn.Parameter(clip), nn.Parameter(clip.clone())

    @override
    def steps(self, like: Tensor) -> tuple[Tensor, Tensor]:
        return positive(self.input_clip) / self.levels, positive(self.output_clip) / self.levels
