"""Uniform quantizer with one scale for each crossbar array, which allows for the overlaps of an epitome."""

from __future__ import annotations

from typing import Annotated, Unpack

import torch
from pydantic import Field
from torch import Tensor
from typing_extensions import override

from spareto.core.config import Rule
from spareto.core.options import Portion
from spareto.quantizers._base import Shared
from spareto.quantizers._range import RangeQuantizer
from spareto.quantizers._symmetric import bounded

Side = Annotated[int, Field(ge=1, le=1 << 24), Rule("a whole number from 1 to 2^24")]


class CrossbarTile(RangeQuantizer):
    """Signed symmetric codes with one range for each tile of the unrolled weight.

    Unrolled, a weight is a matrix of one column per output channel; a tile is the part of it that one array
    holds. In an epitome some numbers are part of more weights than others. The range of a tile is
    `overlap_weight · m + (1 − overlap_weight) · r`, where `m` is the largest magnitude of the numbers used
    more often than the tensor's least used, and `r` that of the others; where a tile has only one kind, its
    largest. With one scale for a tile, `per_channel` means one for each column of a tile.

    Args:
        bits: Width of a code.
        shared: See `Shared`.
        rows: Weights of a column that one array holds.
        columns: Output channels that one array holds: its columns by the cells of a weight.
        overlap_weight: Weight of the numbers that are used more often, 0..1.

    Reference:
        wang2024epim: a scale for each crossbar, a range weighted by overlap; the formula is ours.
    """

    uses: Tensor | None

    def __init__(
        self,
        bits: int,
        *,
        rows: Side = 256,
        columns: Side = 256,
        overlap_weight: Portion = 0.8,
        **shared: Unpack[Shared],
    ) -> None:
        super().__init__(bits, **shared)
        self.rows, self.overlap_weight = rows, float(overlap_weight)
        self.columns = columns if self.granularity == "per_tensor" else 1
        self.register_buffer("uses", None, persistent=False)

    @override
    def weigh(self, uses: Tensor) -> None:
        self.uses = uses if int(uses.max()) > int(uses.min()) else None

    @override
    def clip(self, weight: Tensor, live: Tensor | None) -> Tensor:
        """One range a tile, shape (tiles of columns, tiles of rows)."""
        matrix = _matrix(weight.detach().abs() if live is None else weight.detach().abs() * live)
        if self.uses is None:
            return bounded(self._largest(matrix))
        uses = _matrix(self.uses).to(matrix.device)
        often = uses > uses.min()
        most, rest = self._largest(matrix * often), self._largest(matrix * ~often)
        mixed = self.overlap_weight * most + (1.0 - self.overlap_weight) * rest
        kinds = self._largest(often.to(matrix.dtype)), self._largest((~often).to(matrix.dtype))
        return bounded(torch.where((kinds[0] > 0) & (kinds[1] > 0), mixed, torch.maximum(most, rest)))

    def _largest(self, matrix: Tensor) -> Tensor:
        """The largest of each tile."""
        outputs, inputs = matrix.shape
        across, down = -(-outputs // self.columns), -(-inputs // self.rows)
        tall = torch.zeros(across * self.columns, down * self.rows, dtype=matrix.dtype, device=matrix.device)
        tall[:outputs, :inputs] = matrix
        return tall.view(across, self.columns, down, self.rows).amax((1, 3))

    @override
    def steps(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """The scale of each weight, its shape, twice."""
        if self.scale.dim() == 0:
            return self.scale, self.scale
        outputs, inputs = _matrix(like).shape
        tall = self.scale.repeat_interleave(self.columns, 0)[:outputs]
        scale = tall.repeat_interleave(self.rows, 1)[:, :inputs].reshape(like.shape)
        return scale, scale


def _matrix(weight: Tensor) -> Tensor:
    """Shape (output channels, input channels x kernel)."""
    return weight.reshape(len(weight), -1) if weight.dim() else weight.reshape(1, 1)
