"""One split of a user's data, whatever it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spareto.core.errors import DataError, Problem
from spareto.data.mapped import gathered, lies_in_file
from spareto.data.own.arrays import Array
from spareto.data.own.filed import Recorded

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Samples and labels before they are frames of one layout.

    Args:
        name: What it is called in messages: `training split`.
        samples: Frames of all samples, or their recordings.
        labels: Shape `(N,)`; None where there are none, which is enough to count spikes.
        sample_first: Whether the first axis of the frames is known to be that of the samples.
        places: Where each sample comes from, for messages; may be empty.
        sensor: What the data set says of its sensor.
        classes: What it says of their number.
        notes: What was found out, one sentence each.
    """

    name: str
    samples: Array | Sequence[Recorded]
    labels: Labels | None
    sample_first: bool = False
    places: Sequence[str] = ()
    sensor: tuple[int, int, int] | None = None
    classes: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def recordings(self) -> Sequence[Recorded] | None:
        """The recordings, if these are events."""
        return None if isinstance(self.samples, np.ndarray) else self.samples

    def place(self, sample: int) -> str:
        """Where a sample comes from."""
        return self.places[sample] if len(self.places) else f"{self.name}, sample {sample}"

    def take(self, chosen: npt.NDArray[np.intp], name: str) -> Split:
        """Some of the samples; frames must have their samples on the first axis."""
        samples: Any = self.samples
        if not isinstance(samples, np.ndarray):
            some: Any = [samples[i] for i in chosen]
        elif lies_in_file(samples):
            some = gathered(samples, chosen, 0)
        else:
            some = samples[chosen]
        places = tuple(str(self.places[i]) for i in chosen) if len(self.places) else ()
        labels = None if self.labels is None else self.labels[chosen]
        return Split(name, some, labels, self.sample_first, places, self.sensor, self.classes, self.notes)


def held_out(labels: Labels, share: float, where: str) -> npt.NDArray[np.bool_]:
    """Which samples are for testing: of each class every so-many-th, in the order they come in.

    Raises:
        DataError: A class has too few samples to be in both splits.
    """
    test = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = max(1, round(share * len(members)))
        if count >= len(members):
            got, cure = f"{len(members)} of class {label}", "Give it more samples, or leave it out."
            raise DataError(Problem(where, got, "at least one sample of each class in either split", cure))
        test[members[(np.arange(count) + 1) * len(members) // count - 1]] = True
    return test


def classes_of(splits: Sequence[Split], asked: int | None) -> int:
    """Number of classes, as the plan or the data set says, else one more than the largest label.

    Raises:
        DataError: A label is beyond the classes, or a class is only in the test split.
    """
    told = asked or next((split.classes for split in splits if split.classes), None)
    largest = max(int(split.labels.max()) for split in splits if split.labels is not None)
    classes = told or largest + 1
    DataError.if_any(
        Problem(
            f"{split.place(int(sample))}: label",
            str(split.labels[sample]),
            f"a class from 0 to {classes - 1}",
            "Mend the label, or set data.classes.",
        )
        for split in splits
        if split.labels is not None
        for sample in np.flatnonzero(split.labels >= classes)[:1]
    )
    if len(splits) > 1 and all(split.labels is not None for split in splits):
        _refuse_unlearnt(splits[0], splits[1])
    return classes


def _refuse_unlearnt(train: Split, test: Split) -> None:
    assert train.labels is not None
    assert test.labels is not None
    unlearnt = np.setdiff1d(test.labels, train.labels)
    if len(unlearnt):
        sample = int(np.flatnonzero(test.labels == unlearnt[0])[0])
        shown, cure = ", ".join(map(str, unlearnt[:5])), "Add training samples of it, or leave it out."
        raise DataError(
            Problem(f"{test.place(sample)}: label", f"class {shown}", "a class of the training split", cure)
        )
