"""Where one frame ends and the next one begins: bins of equal time or of equally many events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spareto.core.arguments import whole
from spareto.core.errors import ConfigError, Problem, one_of
from spareto.core.text import shown

Measure = Literal["time", "events"]
MEASURES: tuple[Measure, ...] = ("time", "events")
LARGEST_SIZE = 1 << 48


@dataclass(frozen=True)
class Bins:
    """How the events of a recording become T frames.

    Args:
        timesteps: T.
        by: `time`: bins of equal time; `events`: bins of equally many events.
        size: Microseconds or events of a bin; what comes after T bins is dropped, and a recording that is
            shorter ends with empty frames. Left out, T bins hold the nominal duration, or every event.
    """

    timesteps: int
    by: Measure = "time"
    size: int | None = None

    def __post_init__(self) -> None:
        whole(self.timesteps, "data.timesteps", 1, 1_000_000)
        if self.by not in MEASURES:
            raise ConfigError(Problem("data.bins", shown(self.by), one_of(MEASURES)))
        if self.size is not None:
            whole(self.size, "data.bin_size", 1, LARGEST_SIZE)

    def duration_us(self, nominal_us: int) -> int:
        """What the frames of a recording last, microseconds; 0 where that differs between recordings."""
        if self.by == "events":
            return 0
        return nominal_us if self.size is None else self.timesteps * self.size

    def cuts(self, t_us: npt.NDArray[np.integer], nominal_us: int) -> npt.NDArray[np.int64]:
        """Frame k holds events `cuts[k]:cuts[k + 1]`; shape (T + 1,).

        Of n events in T bins of equally many, each has floor(n / T) and the last one the rest, as in the
        frames that the study's network was trained on.

        Args:
            t_us: Times in order, microseconds since the start of the recording.
            nominal_us: What a recording lasts, microseconds.

        Reference:
            fang2023, `split_by='number'`.
        """
        steps, events = np.arange(self.timesteps + 1, dtype=np.int64), len(t_us)
        if self.by == "events":
            cuts = np.minimum(steps * (self.size or events // self.timesteps), events)
            if self.size is None:
                cuts[-1] = events
            return cuts
        edges = steps * self.size if self.size else -(-steps * nominal_us // self.timesteps)
        return np.searchsorted(t_us, edges).astype(np.int64)

    def told(self) -> dict[str, Any]:
        """What tells them from others, for the names of cached frames; nothing for the usual bins."""
        return {} if self == Bins(self.timesteps) else {"bins": self.by, "bin_size": self.size}
