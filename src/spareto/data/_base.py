"""What a data set is: labelled event recordings or still images in two disjoint splits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from spareto.core.options import hold_options

SplitName = Literal["train", "test"]
Frames = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class DatasetInfo:
    """Facts every recording of a data set shares.

    Args:
        classes: Number of labels; labels are 0 .. classes - 1.
        sensor: Polarities, height and width of the camera.
        duration_us: Nominal length of one recording, microseconds; events later than this are dropped
            when frames are made. 0 for still images.
        licence: Licence of the recordings.
        source: Where they come from.
    """

    classes: int
    sensor: tuple[int, int, int]
    duration_us: int
    licence: str
    source: str


@dataclass(frozen=True)
class Recordings:
    """The event streams of one split, one after the other in flat arrays.

    Args:
        x: Column of each event, shape (events,).
        y: Row of each event, shape (events,).
        polarity: 1 for ON (brighter), 0 for OFF, shape (events,).
        t_us: Time since the start of its recording, microseconds, shape (events,).
        offsets: Recording i holds events `offsets[i]:offsets[i + 1]`, shape (recordings + 1,).
        labels: Class of each recording, shape (recordings,).
    """

    x: npt.NDArray[np.integer]
    y: npt.NDArray[np.integer]
    polarity: npt.NDArray[np.integer]
    t_us: npt.NDArray[np.integer]
    offsets: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.integer]) -> Recordings:
        """The recordings at these indices, or where this mask is true, in that order."""
        starts, counts = self.offsets[:-1][chosen], np.diff(self.offsets)[chosen]
        offsets = np.concatenate(([0], np.cumsum(counts)))
        events = np.repeat(starts - offsets[:-1], counts) + np.arange(offsets[-1])
        return Recordings(
            x=self.x[events],
            y=self.y[events],
            polarity=self.polarity[events],
            t_us=self.t_us[events],
            offsets=offsets,
            labels=self.labels[chosen],
        )


class ImageEncoder(ABC):
    """Turns still images into frames; one file each in `data/encoders/images/`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        hold_options(cls, "image coding")

    @abstractmethod
    def encode(self, pixels: Frames, timesteps: int, split: SplitName) -> Frames:
        """Frames of some images.

        Args:
            pixels: Grey values 0..255, shape (images, channels, height, width).
            timesteps: T.
            split: Which split they are; equal images of two splits may spike differently.

        Returns:
            Shape (time, images, channels, height, width), or (1, images, ...) for frames that hold at every
            timestep.
        """


@dataclass(frozen=True)
class Images:
    """The still images of one split.

    Args:
        pixels: Grey values 0..255, shape (images, channels, height, width).
        labels: Class of each image, shape (images,).
        encoder: Turns them into frames.
    """

    pixels: Frames
    labels: npt.NDArray[np.int64]
    encoder: ImageEncoder

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.integer]) -> Images:
        """The images at these indices, or where this mask is true, in that order."""
        return Images(self.pixels[chosen], self.labels[chosen], self.encoder)


class Dataset(ABC):
    """Labelled event recordings or images; one file a data set in `data/datasets/`.

    A concrete class takes its options as keyword-only arguments, whose annotations are their rules. Nothing
    is read before `split`.

    Attributes:
        info: Facts of the recordings; an instance may narrow those of its class (a smaller sensor).
        version: Raise it when the same files begin to give other recordings; cached frames are then remade.
    """

    info: DatasetInfo
    version: ClassVar[int] = 1

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        hold_options(cls, "data set")

    @abstractmethod
    def split(self, name: SplitName) -> Recordings | Images:
        """Read one split.

        Raises:
            DataError: A file is missing, truncated or malformed; the message says how to get it.
        """

    def parts(self, name: SplitName) -> Iterator[Recordings | Images]:
        """One split, part by part, each small enough for memory; all of it at once unless said otherwise.

        Raises:
            DataError: See `split`.
        """
        yield self.split(name)

    def count(self, name: SplitName) -> int | None:
        """Recordings of a split, told without reading them; None where only reading tells.

        Raises:
            DataError: See `split`.
        """
        return None

    def sources(self) -> tuple[Path, ...]:
        """Files the recordings are read from; cached frames are remade when one of them changes."""
        return ()
