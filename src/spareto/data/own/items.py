"""Data sets that give a sample and its label by number: torch's, Tonic's, or a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spareto.core.errors import DataError, Problem
from spareto.data.own.arrays import Array, as_array, as_bytes, as_frames, as_labels, is_array
from spareto.data.own.events import Events, events_of, looks_like_events
from spareto.data.own.splits import Split

FRAME_KEYS = ("frames", "frame", "x", "data", "image", "images", "input", "inputs", "events", "sample")
LABEL_KEYS = ("labels", "label", "y", "target", "targets", "class")


def is_dataset(value: Any) -> bool:
    """Whether it gives items by number and says how many; arrays, texts and mappings are something else."""
    if is_array(value) or isinstance(value, str | bytes | Mapping):
        return False
    return hasattr(value, "__getitem__") and hasattr(value, "__len__")


def split_of_dataset(dataset: Any, name: str) -> Split:
    """Every item of a data set, read once.

    Raises:
        DataError: There is none; items differ in shape or from one reading to the next; or a label is none.
    """
    count = len(dataset)
    if count == 0:
        raise DataError(Problem(name, "no sample", "at least one", "Check the data."))
    items = [_item(dataset[index], f"{name}, sample {index}") for index in range(count)]
    for index in {0, count - 1}:
        _refuse_changing(items[index][0], _item(dataset[index], name)[0], f"{name}, sample {index}")
    labels = as_labels(np.array([label for _, label in items]), f"{name}: labels")
    samples = _stacked([sample for sample, _ in items], name)
    return Split(name, samples, labels, sample_first=True, sensor=_sensor(dataset), classes=_classes(dataset))


def _item(item: Any, where: str) -> tuple[Array | Events, int | float]:
    sample, label = _pair(item, where)
    number = as_array(label, f"{where}: label").reshape(-1)
    if number.size != 1:
        cure = "Give the class number; of a one-hot row, its argmax."
        raise DataError(Problem(f"{where}: label", f"{number.size} numbers", "one", cure))
    if looks_like_events(sample):
        return events_of(sample, where), number[0]
    if hasattr(sample, "getbands"):
        cure = "Add the transform torchvision.transforms.ToTensor()."
        raise DataError(Problem(where, "a picture of PIL", "an array, channels first", cure))
    return as_frames(sample, where), number[0]


def _pair(item: Any, where: str) -> tuple[Any, Any]:
    if isinstance(item, Mapping):
        frames = next((item[key] for key in FRAME_KEYS if key in item), None)
        label = next((item[key] for key in LABEL_KEYS if key in item), None)
        if frames is not None and label is not None:
            return frames, label
        got = f"keys {', '.join(map(str, item))}"
    elif isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    else:
        got = f"{len(item)} parts" if isinstance(item, tuple | list) else f"a {type(item).__name__}"
    raise DataError(Problem(where, got, "a sample and its label", "Return (frames, label)."))


def _stacked(samples: Sequence[Array | Events], name: str) -> Array | list[Events]:
    recordings = [sample for sample in samples if isinstance(sample, Events)]
    if recordings:
        if len(recordings) < len(samples):
            raise DataError(Problem(name, "events and frames", "one of them", "Give all samples alike."))
        return recordings
    return stack([sample for sample in samples if not isinstance(sample, Events)], [], name)


def stack(frames: Sequence[Array], places: Sequence[str], name: str) -> Array:
    """Frames of equal shape with the samples first.

    Raises:
        DataError: One has another shape than the first.
    """
    for index, sample in enumerate(frames):
        if sample.shape != frames[0].shape:
            where = places[index] if len(places) else f"{name}, sample {index}"
            first = places[0] if len(places) else "sample 0"
            cure = "Bin or pad all samples to one shape. Events belong in arrays x, y, p and t."
            rule = f"{frames[0].shape}, as {first}"
            raise DataError(Problem(where, f"shape {sample.shape}", rule, cure))
    return as_bytes(np.stack(frames))


def _refuse_changing(first: Array | Events, again: Array | Events, where: str) -> None:
    if isinstance(first, Events) or isinstance(again, Events):
        same = isinstance(first, Events) and isinstance(again, Events) and np.array_equal(first.t, again.t)
    else:
        same = np.array_equal(first, again)
    if not same:
        cure = "Take random transforms out: training augments by itself, see max_shift."
        raise DataError(Problem(where, "another sample the second time", "the same each time", cure))


def _sensor(dataset: Any) -> tuple[int, int, int] | None:
    """Tonic writes the size of a sensor as (width, height, polarities)."""
    size = getattr(dataset, "sensor_size", None)
    if (
        isinstance(size, tuple | list)
        and len(size) == 3
        and all(isinstance(n, int | np.integer) for n in size)
    ):
        width, height, polarities = (int(n) for n in size)
        return polarities, height, width
    return None


def _classes(dataset: Any) -> int | None:
    names = getattr(dataset, "classes", None)
    return len(names) if isinstance(names, list | tuple) and names else None
