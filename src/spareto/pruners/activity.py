"""Spike-activity-aware pruning: weights that rarely meet a spike go first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from spareto.pruners._base import Evidence, Need, Pruner


class ActivityPruner(Pruner):
    """The mean current a weight adds to its neuron: |w| times how often its input spikes."""

    needs: ClassVar[frozenset[Need]] = frozenset({"activity"})

    def scores(self, weights: Mapping[str, Tensor], evidence: Evidence) -> dict[str, Tensor]:
        """See `Pruner.scores`."""
        return {
            name: weight.detach().abs() * torch.as_tensor(evidence.activity[name], dtype=weight.dtype)
            for name, weight in weights.items()
        }
