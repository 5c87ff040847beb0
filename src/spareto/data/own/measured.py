"""What a network is measured on: frames, and labels if there are any."""

from __future__ import annotations

from dataclasses import dataclass, replace

from spareto.data.load import load_plan
from spareto.data.own.arrays import Array
from spareto.data.own.layout import Layout
from spareto.data.own.load import load_test_split, name_of
from spareto.data.own.splits import Labels
from spareto.records.data import DataPlan, FolderData, ImportedData


@dataclass(frozen=True)
class Measured:
    """A test split.

    Args:
        frames: `(time, samples, ...)` if time-first, else `(samples, ...)`.
        labels: Shape `(samples,)`; None where there are none.
        layout: `time-first`; `static` without time; None where the network has to tell.
        name: What tables call it.
        notes: What was found out or left out, one sentence each.
    """

    frames: Array
    labels: Labels | None
    layout: Layout
    name: str
    notes: tuple[str, ...]

    def first(self, samples: int | None) -> Measured:
        """Only the first so many samples; all of them if None."""
        if samples is None:
            return self
        frames = self.frames[:, :samples] if self.layout == "time-first" else self.frames[:samples]
        labels = None if self.labels is None else self.labels[:samples]
        return replace(self, frames=frames, labels=labels)


def load_measured(plan: DataPlan | ImportedData | FolderData, samples: int | None = None) -> Measured:
    """The test split of any data, or all of them where there is one split only.

    Raises:
        UnknownName: See `load_frames`.
        ConfigError: See `load_own`.
        DataError: See `load_own`.
    """
    if isinstance(plan, DataPlan):
        data = load_plan(plan)
        name = f"{data.name}, test split"
        return Measured(data.test_frames, data.test_labels, "time-first", name, data.notes).first(samples)
    split, laid, notes = load_test_split(plan)
    name = name_of(plan) if split.name == "data" else f"{name_of(plan)}, {split.name}"
    return Measured(laid.view(), split.labels, laid.layout, name, notes).first(samples)
