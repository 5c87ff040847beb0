"""Uniform quantizer that lets the few largest weights saturate."""

from __future__ import annotations

from typing import Annotated, ClassVar, Unpack

from pydantic import Field
from torch import Tensor
from typing_extensions import override

from spareto.core.config import Rule
from spareto.quantizers._base import Shared
from spareto.quantizers._range import RangeQuantizer
from spareto.quantizers._symmetric import bounded, over_group

Percentile = Annotated[float, Field(gt=0, le=100), Rule("a number above 0 up to 100")]


class PercentileRange(RangeQuantizer):
    """Signed symmetric codes over `−c .. c`, where `c` is a percentile of |w|.

    Args:
        bits: Width of a code.
        shared: See `Shared`.
        percentile: Share of the live weights inside the range, above 0 up to 100.

    Raises:
        ConfigError: A percentile that is none.

    Reference:
        mckinstry2018: ranges from percentiles of the magnitude.
    """

    tracks_weights: ClassVar[bool] = False

    def __init__(
        self,
        bits: int,
        *,
        percentile: Percentile = 99.9,
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(bits, **shared)
        self.percentile = percentile

    @override
    def clip(self, weight: Tensor, live: Tensor | None) -> Tensor:
        magnitude = weight.abs() if live is None else (weight * live).abs()
        count = magnitude.numel() if self.granularity == "per_tensor" else magnitude[0].numel()
        rows = magnitude.reshape(-1, count).sort(dim=1, descending=True).values
        kept = count if live is None else live.reshape(-1, count).sum(1, keepdim=True)
        outside = ((100 - self.percentile) / 100 * (rows.new_zeros(len(rows), 1) + kept)).long()
        shape = [
            1 if axis in over_group(weight, self.granularity) else n for axis, n in enumerate(weight.shape)
        ]
        return bounded(rows.gather(1, outside.clamp_max(count - 1)).view(shape))
