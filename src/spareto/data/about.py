"""What there is to say of a data set: its files, counts, durations and density, as measured."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from spareto.core.artifacts import anything_there, there
from spareto.core.errors import DataError
from spareto.data._base import Dataset, DatasetInfo, Images, SplitName
from spareto.data.checks import problems_of

SPLITS: tuple[SplitName, ...] = ("train", "test")
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class About:
    """One split of a data set, as it was read.

    Args:
        samples: Recordings or images.
        classes: Different labels among them.
        fewest: Samples of the class that has the fewest.
        most: Samples of the class that has the most.
        events: Mean events of a recording; None of images.
        duration_us: Mean time from the first to the last event, microseconds; None of images.
        longest_us: The longest; None of images.
        late: Share of the events behind the nominal duration; None of images.
        density: Mean events a pixel, polarity and recording; of images the mean grey value over 255.
        hash: SHA-256 of the events or pixels and labels, shortened to 16 digits.
    """

    samples: int
    classes: int
    fewest: int
    most: int
    events: float | None
    duration_us: float | None
    longest_us: int | None
    late: float | None
    density: float
    hash: str


def about(dataset: Dataset, name: SplitName) -> About:
    """Read a split, part by part, and say what is in it.

    Raises:
        DataError: A file is missing, truncated or malformed; see `Dataset.split`.
    """
    digest, labels = hashlib.sha256(), np.zeros(0, np.int64)
    events = late = longest = 0
    spans, grey = 0.0, 0.0
    images = False
    for part in dataset.parts(name):
        labels = np.concatenate((labels, part.labels))
        digest.update(np.ascontiguousarray(part.labels, "<i8").tobytes())
        if isinstance(part, Images):
            images = True
            grey += float(part.pixels.sum(dtype=np.float64)) / 255
            digest.update(np.ascontiguousarray(part.pixels).tobytes())
            continue
        events += len(part.x)
        late += int((part.t_us >= dataset.info.duration_us).sum())
        lengths = _lengths(part.t_us, part.offsets)
        spans, longest = spans + float(lengths.sum()), max(longest, int(lengths.max(initial=0)))
        for column in (part.x, part.y, part.polarity, part.t_us, np.diff(part.offsets)):
            digest.update(np.ascontiguousarray(column, "<i8").tobytes())
    samples = len(labels)
    counts = np.unique(labels, return_counts=True)[1]
    pixels = samples * float(np.prod(dataset.info.sensor))
    measured: Any = (None,) * 4 if images else (events / samples, spans / samples, longest, late / events)
    return About(
        samples,
        len(counts),
        int(counts.min()),
        int(counts.max()),
        *measured,
        density=(grey if images else events) / pixels,
        hash=digest.hexdigest()[:16],
    )


@dataclass(frozen=True)
class Checked:
    """What became of one check.

    Args:
        what: What was looked at.
        passed: Whether it is as it should be; None where it could not be looked at.
        said: What was found.
    """

    what: str
    passed: bool | None
    said: str


def checks(dataset: Dataset) -> Iterator[Checked]:
    """Look at everything that can be: the files, every recording in them, and published checksums.

    Checksums are those of the archives as their authors publish them; an archive that lies neither beside
    the files nor above them is told, not failed.
    """
    sources = dataset.sources()
    gone = [path for path in sources if not anything_there(path)]
    size = sum(path.stat().st_size for path in sources if there(path))
    told = f"{len(sources):,} files, {size / MEBIBYTE:,.1f} MiB" if sources else "none are needed"
    yield Checked("files", not gone, f"{gone[0]} is missing" if gone else told)
    seen: dict[SplitName, set[bytes]] = {}
    for name in SPLITS:
        try:
            found = about(dataset, name)
            fault, seen[name] = _looked_through(dataset, name)
        except DataError as error:
            yield Checked(f"{name} split", False, str(error.problems[0]))
            continue
        said = f"{found.samples:,} samples of {found.classes} classes, hash {found.hash}"
        yield Checked(f"{name} split", not fault, fault or said)
    if len(seen) == len(SPLITS):
        shared = len(seen["train"] & seen["test"])
        said = f"{shared:,} samples are in both" if shared else "no sample is in both"
        yield Checked("splits", not shared, said)
    yield from _checksums(dataset, sources)


def _looked_through(dataset: Dataset, name: SplitName) -> tuple[str, set[bytes]]:
    """The first rule that a split breaks, and a digest of every sample."""
    fault, digests = "", set[bytes]()
    for part in dataset.parts(name):
        if isinstance(part, Images):
            digests |= {hashlib.sha256(image.tobytes()).digest() for image in part.pixels}
            continue
        problems = problems_of(part, dataset.info, f"{name} split")
        fault = fault or (str(problems[0]) if problems else "")
        columns = np.stack(
            [np.asarray(each, "<i8") for each in (part.x, part.y, part.polarity, part.t_us)], 1
        )
        bounds = pairwise(part.offsets.tolist())
        digests |= {hashlib.sha256(columns[start:stop].tobytes()).digest() for start, stop in bounds}
    return fault, digests


def _checksums(dataset: Dataset, sources: tuple[Path, ...]) -> Iterator[Checked]:
    known: Mapping[str, str] = getattr(dataset, "checksums", {})
    root = getattr(dataset, "root", sources[0].parent if sources else Path())
    for name, wanted in known.items():
        path = next((place / name for place in (root, *root.parents[:2]) if there(place / name)), None)
        if path is None:
            yield Checked(name, None, "the archive is not here, so its checksum was not compared")
            continue
        with path.open("rb") as stream:
            got = hashlib.file_digest(stream, "md5").hexdigest()
        said = (
            "its checksum is the published one"
            if got == wanted
            else f"MD5 {got} is not {wanted}: get it again"
        )
        yield Checked(name, got == wanted, said)


def _lengths(t_us: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """From the first to the last event of each recording that has any, microseconds."""
    some = np.diff(offsets) > 0
    return (t_us[offsets[1:][some] - 1].astype(np.int64) - t_us[offsets[:-1][some]]).astype(np.int64)


def sensor_text(info: DatasetInfo) -> str:
    """Polarities, height and width: `2×34×34`."""
    return "×".join(map(str, info.sensor))
