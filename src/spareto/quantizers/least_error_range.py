"""Uniform quantizer whose range rounds the weights best: for networks that are not trained again."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from typing_extensions import override

from spareto.quantizers._least_error import least_error_clip
from spareto.quantizers._range import RangeQuantizer


class LeastErrorRange(RangeQuantizer):
    """Signed symmetric codes over the range with the least squared rounding error.

    Reference:
        banner2019: clipping for the least squared error, after training.
    """

    tracks_weights: ClassVar[bool] = False

    @override
    def clip(self, weight: Tensor, live: Tensor | None) -> Tensor:
        return least_error_clip(weight, self.levels, self.granularity, live)
