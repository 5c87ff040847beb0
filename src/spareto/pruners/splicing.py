"""Splicing: small weights go, but for those that training is about to make large."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from typing_extensions import override

from spareto.core.bounds import MOST_AMOUNT
from spareto.core.config import Rule
from spareto.pruners._base import Need, Pruner, PrunerEvidence

Step = Annotated[float, Field(ge=0, le=MOST_AMOUNT), Rule("a number of at least 0")]


class SplicingPruner(Pruner):
    """Magnitude after one step along the gradient that moves weights whether or not they are cut.

    A weight that is small but grows is spliced in again; one that is a little larger and shrinks goes.

    Args:
        step: Length of the step, in standard deviations of the layer's weights for a gradient of one standard
            deviation of the layer's gradients.

    Raises:
        ConfigError: The step is no number of at least 0.

    Reference:
        guo2016: dynamic network surgery keeps training what it has cut; this is its decision at one moment. A
        gradual schedule takes it again at each of its updates.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"gradients"})

    def __init__(self, step: Step = 0.1) -> None:
        self.step = float(step)

    @override
    def scores(self, weights: Mapping[str, Tensor], evidence: PrunerEvidence) -> dict[str, Tensor]:
        return {
            name: self._moved(weight.detach().double(), evidence.gradients[name].double())
            for name, weight in weights.items()
        }

    def _moved(self, weight: Tensor, gradient: Tensor) -> Tensor:
        spread, slope = torch.std(weight, correction=0), torch.std(gradient, correction=0)
        if not (float(slope) > 0 and float(spread) > 0):
            return weight.abs()
        return (weight - self.step * spread * (gradient / slope)).abs()
