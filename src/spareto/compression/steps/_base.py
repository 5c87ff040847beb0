"""What a step is: one change to the weights of the touched layers, made in place at its start."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import nn

from spareto.compression.parametrization import Order


class Step(ABC):
    """Carries out one item of a recipe; one file each in `compression/steps/`, named like its `kind`."""

    @abstractmethod
    def apply(self, layers: Mapping[str, nn.Module], plan: Any, order: Order) -> None:
        """Compress the layers in place.

        Args:
            layers: The touched layers by dotted name.
            plan: The recipe's item, a `PruneStep` or `QuantizeStep`.
            order: Order of quantizer and mask on one weight.

        Raises:
            ConfigError: The plan asks for something the layers cannot give.
        """
