"""What a schedule is: the whole list of mask updates of a training, known before it starts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from spareto.core.config import Record, Rule
from spareto.pruners._base import Need, PrunerEvidence

Count = Annotated[int, Field(ge=1, le=1_000_000, strict=True), Rule("an integer of at least 1, at most 1e6")]
End = Annotated[float, Field(gt=0, le=1, strict=True), Rule("a share of the training above 0 and at most 1")]


@dataclass(frozen=True)
class Update:
    """One change of the masks.

    Args:
        step: It happens before this training step, counted from the start of pruning.
        sparsity: Share of weights that is removed from then on, 0..1.
        exchange: Share of the live weights that make room for as many regrown ones, 0..1.
    """

    step: int
    sparsity: float
    exchange: float = 0.0


class Schedule(Record, ABC):
    """Data that say when masks change; one file each in `pruners/schedules/`, its fields are its options.

    A schedule depends on the number of steps and the target alone, so a training that was stopped goes on
    with the same masks.

    Attributes:
        restarts: Whether each update starts a new phase of training: a fresh optimizer, warm-up and
            learning-rate curve. Steps are then epochs, else optimizer steps.
        rewinds: Whether each update also takes all that was learnt back to where training started; only of
            schedules that restart.
        needs: What of the evidence `growth` depends on.
    """

    restarts: ClassVar[bool] = False
    rewinds: ClassVar[bool] = False
    needs: ClassVar[frozenset[Need]] = frozenset()

    @abstractmethod
    def updates(self, steps: int, target: float) -> tuple[Update, ...]:
        """All mask updates of a training.

        Args:
            steps: Steps from the start of pruning to the end of training, at least 1.
            target: Share of weights the recipe asks to remove, 0..1.

        Returns:
            Updates by rising step, the first at step 0, the last with `target` as its sparsity.
        """

    def growth(self, weights: Mapping[str, Tensor], evidence: PrunerEvidence) -> dict[str, Tensor]:
        """How much each removed weight deserves to come back; asked only where an update exchanges.

        Args:
            weights: Layer name to weight.
            evidence: Seed and, where `needs` says so, gradients.

        Returns:
            Layer name to finite scores of the weight's shape; the highest come back first.
        """
        return {name: weight.detach().abs() for name, weight in weights.items()}


def evenly(count: int, end: int) -> tuple[int, ...]:
    """At most `count + 1` different steps from 0 to `end`, both included, as evenly as integers allow.

    >>> evenly(4, 10)
    (0, 2, 5, 8, 10)
    """
    count = min(count, 2 * end or 1)  # more fall on the same steps
    return tuple(sorted({(2 * i * end + count) // (2 * count) for i in range(count + 1)}))


def last_of_each_step(updates: Iterable[Update]) -> tuple[Update, ...]:
    """Where short trainings let updates fall on one step, the last one holds."""
    return tuple({update.step: update for update in updates}.values())
