"""Movement pruning: weights that training drives towards zero go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor
from typing_extensions import override

from spareto.pruners._base import Need, Pruner, PrunerEvidence


class MovementPruner(Pruner):
    """Keep weights that a gradient step would push away from zero: −w · dL/dw.

    The score is taken when a mask is drawn; a gradual schedule takes it again at each of its updates.

    Reference:
        sanh2020, section 4, equation 2, for one step.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"gradients"})

    @override
    def scores(self, weights: Mapping[str, Tensor], evidence: PrunerEvidence) -> dict[str, Tensor]:
        return {name: -weight.detach() * evidence.gradients[name] for name, weight in weights.items()}
