"""What a step is: one change to the weights of the touched layers, made in place at its start."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from spareto.compression.parametrization import Order
from spareto.compression.runs import Run


@dataclass(frozen=True)
class StepContext:
    """What a step may know beside its plan.

    Args:
        network: The network that is being compressed; the touched layers are part of it.
        where: The item's place in the recipe, `recipe.steps[0]`, for error messages.
        order: Order of quantizer and mask on one weight.
        seed: Decides what a step draws at random.
        run: Frames, or a function that runs a network on some; None where the caller gave none.
        stored: Names in the state dict that is loaded afterwards: they tell what a run has shown before.
    """

    network: nn.Module
    where: str
    order: Order
    seed: int = 0
    run: Run | None = None
    stored: frozenset[str] | None = None


class Step(ABC):
    """Carries out one item of a recipe; one file each in `compression/steps/`, named like its `kind`."""

    @abstractmethod
    def apply(self, layers: Mapping[str, nn.Module], plan: Any, context: StepContext) -> None:
        """Compress the layers in place.

        Args:
            layers: The touched layers by dotted name.
            plan: The recipe's item, the record of the same kind.
            context: The network around the layers, order, seed, data.

        Raises:
            ConfigError: The plan asks for something the layers cannot give.
        """
