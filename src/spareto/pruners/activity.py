"""Spike-activity-aware pruning: weights that rarely meet a spike go first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from spareto.pruners._base import Need, Pruner, PrunerEvidence


class ActivityPruner(Pruner):
    """|w| times how often its input spikes, compared with the other inputs of its layer.

    Without that comparison, a ranking of all layers together would empty those whose inputs spike least,
    the last ones as a rule, which the network needs most.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"activity"})

    @override
    def scores(self, weights: Mapping[str, Tensor], evidence: PrunerEvidence) -> dict[str, Tensor]:
        return {
            name: weight.detach().abs() * _relative(evidence, name, weight)
            for name, weight in weights.items()
        }


def _relative(evidence: PrunerEvidence, name: str, weight: Tensor) -> Tensor:
    """Activity of each input over the mean of its layer's inputs; 0 in a layer that no spike reaches."""
    activity = evidence.activity[name]
    mean = float(activity.mean())
    return torch.as_tensor(activity / mean if mean > 0 else activity, dtype=weight.dtype)
