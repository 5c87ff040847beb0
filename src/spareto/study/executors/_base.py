"""What every executor is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from spareto.core.errors import TrainingError
from spareto.records import Recipe
from spareto.study.database.tasks import Claim, Task

if TYPE_CHECKING:
    from spareto.study.known import KnownTrials

POLL: Final = 0.5
"""Seconds between two looks at a store whose tasks others have."""

ATTEMPTS: Final = 3
"""Workers that may die of one trial."""

Stage = Literal["result", "search"]


@dataclass(frozen=True)
class Job:
    """A trial to be carried out.

    Args:
        recipe: What to do.
        seed: With which seed.
        stage: What for.
    """

    recipe: Recipe
    seed: int
    stage: Stage = "result"

    def task(self, key: str, needs: str | None) -> Task:
        """As the store keeps it."""
        job = {
            "recipe": self.recipe.to_dict(),
            "seed": self.seed,
            "stage": self.stage,
            "label": self.recipe.label,
        }
        return Task(key, job, needs)

    @classmethod
    def of(cls, job: Mapping[str, Any]) -> Job:
        """As it comes back from the store."""
        return cls(Recipe.parse(job["recipe"], "task"), int(job["seed"]), cast(Stage, job["stage"]))


class Executor(ABC):
    """Carries out what a store's tasks say; the results and the store are the same whoever does it.

    Args:
        workers: How many trials run at once.
        threads: Threads a trial takes; None for as many as there are cores for each.
    """

    def __init__(self, workers: int = 1, threads: int | None = None) -> None:
        self.workers, self.threads = workers, threads

    @abstractmethod
    def work(self, known: KnownTrials, keys: Sequence[str]) -> None:
        """Carry out tasks until every wanted trial is in the store; in another study's run, by whoever.

        Args:
            known: The study.
            keys: The trials that are wanted, all of them asked for.

        Raises:
            KeyboardInterrupt: The study was asked to stop, and what was under way is done.
            SparetoError: A trial cannot be carried out.
        """

    def close(self) -> None:  # noqa: B027 - most have nothing to end
        """End whatever was started."""


def refuse_deadly(claim: Claim) -> None:
    """Refuse a trial that several workers died of.

    Raises:
        TrainingError: They did.
    """
    if claim.attempts > ATTEMPTS:
        label = f"{claim.job.get('label', claim.key)}, seed {claim.job.get('seed')}"
        raise TrainingError(
            f"{label}: {ATTEMPTS} workers ended in the middle of it. Look for memory that ran out"
            " (fewer --workers, smaller batches); the same command tries again."
        )
