"""N:M sparsity: of every M consecutive inputs of an output, the same number of weights stays."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from typing_extensions import override

from spareto.core.errors import ConfigError, Problem
from spareto.core.text import shown
from spareto.pruners._base import Evidence, Pruner


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

    def __init__(self, block: int = 4) -> None:
        if isinstance(block, bool) or not isinstance(block, int) or block < 2:
            raise ConfigError(Problem("pruner 'n_of_m'.block", shown(block), "an integer of at least 2"))
        self.block = block

    @override
    def scores(self, weights: Mapping[str, Tensor], evidence: Evidence) -> dict[str, Tensor]:
        return {name: weight.detach().abs() for name, weight in weights.items()}
