"""Uniform quantizer that covers a bell-shaped weight up to three standard deviations."""

from __future__ import annotations

from torch import Tensor
from typing_extensions import override

from spareto.quantizers._range import RangeQuantizer
from spareto.quantizers._symmetric import three_sigma


class SigmaRange(RangeQuantizer):
    """Signed symmetric codes over `−c .. c` with `c = max|μ ± 3σ|`; what lies outside saturates.

    Reference:
        schaefer2023, section III, starts its learned scales there.
    """

    @override
    def clip(self, weight: Tensor, live: Tensor | None) -> Tensor:
        return three_sigma(weight, self.granularity, live)
