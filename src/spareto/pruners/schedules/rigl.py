"""The rigged lottery: small weights make room for those with the largest gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor
from typing_extensions import override

from spareto.pruners._base import Need, PrunerEvidence
from spareto.pruners.schedules._regrowth import Regrowing


class RigL(Regrowing):
    """At every update the smallest live weights of a layer are dropped and those grow that the loss asks for.

    Args:
        exchange: Share of the live weights exchanged at the first update; it falls to 0 along a half cosine.
        end: Share of the training after which masks stay.
        rounds: Number of exchanges.

    Reference:
        evci2020, algorithm 1.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"gradients"})

    @override
    def growth(self, weights: Mapping[str, Tensor], evidence: PrunerEvidence) -> dict[str, Tensor]:
        return {name: evidence.gradients[name].abs() for name in weights}
