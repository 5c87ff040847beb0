"""Magnitude pruning, the study's choice."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from typing_extensions import override

from spareto.pruners._base import Pruner, PrunerEvidence


class MagnitudePruner(Pruner):
    """Weights near zero matter least.

    Reference:
        han2015: learning both weights and connections; schaefer2023 ranks all layers together.
    """

    @override
    def scores(self, weights: Mapping[str, Tensor], evidence: PrunerEvidence) -> dict[str, Tensor]:
        return {name: weight.detach().abs() for name, weight in weights.items()}
