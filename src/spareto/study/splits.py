"""What a study trains on, what it chooses by, and what it opens once, when everything is chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from spareto.core.errors import Problem, StoreError
from spareto.data._base import Frames
from spareto.data.frames import held
from spareto.data.load import FrameData
from spareto.data.mapped import gathered, is_mapped, lies_in_file, some_of
from spareto.data.own.splits import held_out

Labels = npt.NDArray[np.int64]
VALIDATION: Final = "validation split"
TEST: Final = "test split"


@dataclass(frozen=True)
class SplitSamples:
    """Some frames with their labels.

    Args:
        name: `validation split` or `test split`.
        frames: In the layout of the data they come from.
        labels: Shape `(samples,)`.
    """

    name: str
    frames: Frames
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class StudyData:
    """All that trials, samplers and halvings ever see of the data.

    Args:
        train: The samples that are trained on; there are none in its test split.
        validation: The samples that trials are compared by.
        hash: Content hash of the whole data set.
    """

    train: FrameData
    validation: SplitSamples
    hash: str

    @property
    def watched(self) -> FrameData:
        """The training split, and the validation split to be measured on after every epoch."""
        seen = self.validation
        return replace(self.train, validation_frames=seen.frames, validation_labels=seen.labels)


class SealedTest:
    """The test split of a study, which can be opened once.

    Nothing that trains, samples or compares is handed this object; it is opened when every trial is in the
    store.
    """

    def __init__(self, samples: SplitSamples) -> None:
        self.__samples: SplitSamples | None = samples
        self.size: int = len(samples)

    def open(self) -> SplitSamples:
        """The samples.

        Raises:
            StoreError: They were opened before.
        """
        samples, self.__samples = self.__samples, None
        if samples is None:
            rule, cure = "a split that is opened once", "Choose by the validation split."
            raise StoreError(Problem("the test split", "a second opening", rule, cure))
        return samples


def split_data(data: FrameData, share: float) -> tuple[StudyData, SealedTest]:
    """Hold a share of the training split out for validation, and seal the test split.

    Of each class every so-many-th training sample is held out, in the order they come in, so every seed,
    recipe and search of a data set is compared by the same samples.

    Args:
        data: Both splits.
        share: Share of the training split to hold out, above 0 and below 1.

    Raises:
        DataError: A class has too few samples to be in both.
        StoreError: Mapped frames cannot be written to the cache a second time, split.
    """
    out = held_out(data.train_labels, share, "study.validation_share")
    axis = 1 if data.layout == "time-first" else 0
    kept, chosen = np.flatnonzero(~out), np.flatnonzero(out)
    train = replace(
        data,
        train_frames=_taken(data.train_frames, kept, axis),
        train_labels=data.train_labels[kept],
        test_frames=_taken(data.train_frames, kept[:0], axis),
        test_labels=data.train_labels[:0],
    )
    validation = SplitSamples(VALIDATION, _taken(data.train_frames, chosen, axis), data.train_labels[chosen])
    return StudyData(train, validation, data.hash), SealedTest(
        SplitSamples(TEST, data.test_frames, data.test_labels)
    )


def _taken(frames: Frames, chosen: npt.NDArray[np.intp], axis: int) -> Frames:
    """Some samples; a frame that holds at every timestep is there once, and mapped ones are mapped."""
    if is_mapped(frames) and axis == 1 and frames.dtype == np.uint8:
        return some_of(frames, chosen)
    if axis == 1 and len(frames) > 1 and frames.strides[0] == 0:
        return held(_taken(frames[0], chosen, 0)[None], len(frames))
    if lies_in_file(frames):
        return gathered(frames, chosen, axis)
    return frames[:, chosen] if axis else frames[chosen]
