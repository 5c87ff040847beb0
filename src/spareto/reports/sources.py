"""What a report can ask for beside the trials: their files, and who is on a front."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from spareto.records.details import TrialDetails
from spareto.records.trial import Trial
from spareto.records.workload import Workload

Points: TypeAlias = Sequence[Sequence[float]]


class TrialFiles(Protocol):
    """The files that a study left of each trial; each is None where it is not there."""

    def workload(self, trial: Trial) -> Workload | None:
        """The measured network as the hardware side sees it."""
        ...

    def details(self, trial: Trial) -> TrialDetails | None:
        """Training curve, confusion matrix, weights and spikes."""
        ...

    def network(self, trial: Trial) -> str | None:
        """Path of the compressed network."""
        ...

    def workload_path(self, trial: Trial) -> str | None:
        """Path of the workload, as commands name it."""
        ...

    def where(self) -> str:
        """Path of the run folder, as commands name it."""
        ...


@dataclass(frozen=True)
class Judge:
    """Knows what "dominates" means: functions of the study room, which is the one place that says so.

    Args:
        front: Points and senses in, a flag per point out: whether no other point dominates it.
        knee: Points of accuracy and energy in, the place of the front's knee out.
        hypervolume: Points, a reference point and senses in, the area between them out.
    """

    front: Callable[[Points, Sequence[Any]], list[bool]]
    knee: Callable[[Points], int | None]
    hypervolume: Callable[[Points, Sequence[float], Sequence[Any]], float]
