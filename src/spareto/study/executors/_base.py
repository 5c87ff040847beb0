"""What every executor is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from spareto.core.errors import TrainingError
from spareto.study.database.tasks import Claim
from spareto.study.known import KnownTrials

ATTEMPTS: Final = 3
"""Workers that may die of one trial."""


class Executor(ABC):
    """Carries out a store's tasks; results and store do not depend on which executor does it.

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
