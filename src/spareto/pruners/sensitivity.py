"""Sensitivity pruning: each layer's threshold is the same multiple of its standard deviation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from typing_extensions import override

from spareto.pruners._base import Pruner, PrunerEvidence


class SensitivityPruner(Pruner):
    """Weights below s standard deviations of their layer go; s follows from the sparsity that is asked for.

    Ranked over all layers together, every layer has one and the same s, and its own sparsity.

    Reference:
        han2015, section 3.1: a quality parameter times the standard deviation of a layer's weights.
    """

    @override
    def scores(self, weights: Mapping[str, Tensor], evidence: PrunerEvidence) -> dict[str, Tensor]:
        return {name: _in_deviations(weight.detach()) for name, weight in weights.items()}


def _in_deviations(weight: Tensor) -> Tensor:
    """Magnitudes over the layer's standard deviation; as they are where all weights are alike."""
    magnitude = weight.double().abs()
    deviation = torch.std(weight.double(), correction=0)
    return magnitude / deviation if float(deviation) > 0 else magnitude
