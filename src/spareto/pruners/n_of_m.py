"""N:M sparsity: of every M consecutive inputs of an output, the same number of weights stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from torch import Tensor
from typing_extensions import override

from spareto.core.config import Rule
from spareto.pruners._base import Pruner, PrunerEvidence

Block = Annotated[int, Field(ge=2), Rule("an integer of at least 2")]


class NOfMPruner(Pruner):
    """Of each block the smallest weights go; sparsity 0.5 with blocks of 4 leaves the 2:4 pattern.

    Blocks run along the input channels of a convolution, kernel position by kernel position, as sparse
    matrix units want them.

    Args:
        block: Weights in a block, M; `floor(sparsity · M + 1/2)` of them go.

    Raises:
        ConfigError: A block is not an integer of at least 2.

    Reference:
        mishra2021: 2:4; zhou2021: N:M in general.
    """

    def __init__(self, block: Block = 4) -> None:
        self.block = block

    @override
    def scores(self, weights: Mapping[str, Tensor], evidence: PrunerEvidence) -> dict[str, Tensor]:
        return {name: weight.detach().abs() for name, weight in weights.items()}
