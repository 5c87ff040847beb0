"""Connection sensitivity: gradient times weight, by size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor
from typing_extensions import override

from spareto.pruners._base import Need, Pruner, PrunerEvidence


class SnipPruner(Pruner):
    """Weights whose removal moves the loss least, to first order, go: |w · dL/dw|.

    Reference:
        lee2019, equation 5, without the normalization, which changes no rank.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"gradients"})

    @override
    def scores(self, weights: Mapping[str, Tensor], evidence: PrunerEvidence) -> dict[str, Tensor]:
        return {name: (weight.detach() * evidence.gradients[name]).abs() for name, weight in weights.items()}
