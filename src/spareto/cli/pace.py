"""How fast a study goes, how long the rest takes, and the best of what it has found."""

from __future__ import annotations

import time
from collections import deque

from spareto.cli.spans import span
from spareto.core.amounts import MICROJOULES, energy
from spareto.records import Trial
from spareto.study.front import front
from spareto.study.watching import RECENT, seconds_left


class Pace:
    """Hears of every trial; says the rest of the line of the trials' bar."""

    def __init__(self) -> None:
        self._ended: deque[float] = deque([time.monotonic()], maxlen=RECENT)
        self._gaps: deque[float] = deque(maxlen=RECENT)
        self._front: list[Trial] = []

    def after(self, trial: Trial, left: int, *, reused: bool) -> str:
        """Trials an hour, the range of the time that is left, and the front so far."""
        found = [*self._front, trial]
        self._front = [each for each, best in zip(found, front(found), strict=True) if best]
        if not reused:
            now = time.monotonic()
            self._gaps.append(now - self._ended[-1])
            self._ended.append(now)
        said: list[str] = []
        if len(self._gaps) > 1:
            said.append(f"{3600 * len(self._gaps) / sum(self._gaps):.3g}/h")
        if (rest := seconds_left(self._gaps, left, 1)) is not None:
            said.append(f"{span(rest[0])} to {span(rest[1])} left")
        said.append(f"front {len(self._front)}, best {self._best()}")
        return f" ({', '.join(said)})"

    def _best(self) -> str:
        best = max(self._front, key=lambda trial: trial.chosen_by)
        return f"{best.chosen_by:.1%} at {energy(best.energy_pj, MICROJOULES).strip()}"
