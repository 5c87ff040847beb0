"""What a pruner is: it scores weights, or whole channels of them; the lowest scores go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from torch import Tensor

from spareto.core.options import hold_options

Need = Literal["gradients", "activity", "responses"]
Unit = Literal["weight", "channel"]


@dataclass(frozen=True)
class PrunerEvidence:
    """What a pruner may look at beside the weights.

    Args:
        seed: Decides what a pruner draws at random.
        gradients: Layer name to the gradient of the loss with respect to each weight, the weight's shape;
            filled where the pruner's `needs` names it.
        activity: Layer name to the share of timesteps and positions at which the input of a weight is not
            zero, 0..1, in a shape that broadcasts to the weight's; filled where `needs` names it.
        responses: Layer name to the mean square of each output channel, before the neuron, shape
            `(out channels,)`; filled where `needs` names it.
    """

    seed: int = 0
    gradients: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    activity: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    responses: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])


class Pruner(ABC):
    """Scores the weights of a network; one file each in `pruners/`.

    Attributes:
        needs: What of the evidence the scores depend on; whoever asks for scores has to measure it.
        unit: Whether single weights go, or whole output channels.
        block: If set, weights compete only within blocks of so many inputs of one output, whatever the
            scope; the last block of an output may be shorter.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()
    unit: ClassVar[Unit] = "weight"
    block: int | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        hold_options(cls, "pruner")

    @property
    def keeps_pattern(self) -> bool:
        """Whether the weights that stay form a pattern, which regrowing single weights would break."""
        return self.unit != "weight" or self.block is not None

    @abstractmethod
    def scores(self, weights: Mapping[str, Tensor], evidence: PrunerEvidence) -> dict[str, Tensor]:
        """How much each weight or channel matters.

        Args:
            weights: Layer name to weight, shape `(out channels, ...)`.
            evidence: What else there is to look at.

        Returns:
            Layer name to finite scores, higher means keep: of the weight's shape, or of shape
            `(out channels,)` where channels go.
        """
