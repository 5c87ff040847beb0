"""Uniform quantizer that always covers the largest weight."""

from __future__ import annotations

from torch import Tensor
from typing_extensions import override

from spareto.quantizers._range import RangeQuantizer
from spareto.quantizers._symmetric import largest


class MaxRange(RangeQuantizer):
    """Signed symmetric codes over `−max|w| .. max|w|`.

    Reference:
        jacob2018: linear quantization over the observed range.
    """

    @override
    def clip(self, weight: Tensor, live: Tensor | None) -> Tensor:
        return largest(weight if live is None else weight * live, self.granularity)
