"""How a study gets on, from its store alone: what any terminal that reaches the store can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import quantiles
from typing import Any, Final

import sqlalchemy as sa

from spareto.core.text import shown
from spareto.records.rows import TrialRow
from spareto.study.database.formats import FORMAT
from spareto.study.database.tables import points
from spareto.study.database.tasks import Running
from spareto.study.store import TrialStore

SAID: Final = ("trial", "seed", "validation_accuracy", "energy_pj")
RECENT: Final = 40
"""Trials that the pace is taken from."""


@dataclass(frozen=True)
class State:
    """What is known at one moment.

    Args:
        study: Its name.
        done: Trials in the store.
        running: Under way.
        waiting: Asked for, and nobody is at them.
        front: Rows of the front so far, least energy first.
        trials_per_hour: By the last trials; None before the second one.
        seconds_left: The least and most that the rest may take, by the middle half of the last trials.
    """

    study: str
    done: int
    running: list[Running]
    waiting: int
    front: list[TrialRow]
    trials_per_hour: float | None
    seconds_left: tuple[float, float] | None

    def to_dict(self) -> dict[str, Any]:
        """As plain data; units in the keys."""
        return {
            "study": self.study,
            "done": self.done,
            "running": [
                {"trial": r.job.get("label"), "seed": r.job.get("seed"), "worker": r.worker,
                 "seconds": round(r.seconds, 1), "late": r.late}
                for r in self.running
            ],
            "waiting": self.waiting,
            "front": [{key: row[key] for key in SAID} for row in self.front],
            "trials_per_hour": self.trials_per_hour,
            "seconds_left": self.seconds_left,
        }  # fmt: skip


def state_of(store: TrialStore) -> State:
    """Look at a store."""
    front = sorted(store.rows(front=True), key=lambda row: row["energy_pj"])
    if store.format < FORMAT:
        return State(store.meta.get("study", ""), len(store), [], 0, front, None, None)
    with store.scanning() as connection:
        asked = sa.select(points.c.finished, points.c.seconds).where(points.c.finished.is_not(None))
        rows = connection.execute(asked.order_by(points.c.finished.desc()).limit(RECENT)).fetchall()
        for value in (value for row in rows for value in row):
            if not isinstance(value, float | int) or not isfinite(value):
                raise ValueError(f"{shown(value)} as a time of a trial")
    running, waiting = store.tasks.running(), store.tasks.waiting()
    pace = _pace([row.finished for row in rows])
    left = seconds_left([row.seconds for row in rows], len(running) + waiting, len(running))
    return State(store.meta.get("study", ""), len(store), running, waiting, front, pace, left)


def seconds_left(took: Sequence[float], left: int, at_once: int) -> tuple[float, float] | None:
    """A range for so many trials, by the quarters of what the last ones took."""
    if len(took) < 2 or not left:
        return None
    low, _, high = quantiles(took, n=4, method="inclusive")
    rounds = left / max(1, at_once)
    return low * rounds, high * rounds


def _pace(finished: Sequence[float]) -> float | None:
    span = max(finished) - min(finished) if len(finished) > 1 else 0.0
    return 3600 * (len(finished) - 1) / span if span > 0 else None
