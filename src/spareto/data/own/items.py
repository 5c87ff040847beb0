"""Data sets that give a sample and its label by number: torch's, Tonic's, or a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from spareto.core.errors import DataError, Problem
from spareto.data.mapped import room_for
from spareto.data.own.arrays import Array, as_array, as_frames, as_labels, is_array
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
    """Every item of a data set, read once; frames that are too many for memory go to a file one by one.

    Raises:
        DataError: There is none; items differ in shape or from one reading to the next; or a label is none.
    """
    count = len(dataset)
    if count == 0:
        raise DataError(Problem(name, "no sample", "at least one", "Check the data."))
    numbers: list[int | float] = []
    samples = _each(dataset, count, name, numbers)
    first = next(samples)
    found: Array | list[Events]
    if isinstance(first, Events):
        found = [first, *(each for each in samples if isinstance(each, Events))]
    else:
        found = stack(first, (each for each in samples if not isinstance(each, Events)), count, name)
    for index in {0, count - 1}:
        _refuse_changing(found[index], _item(dataset[index], name)[0], f"{name}, sample {index}")
    labels = as_labels(np.array(numbers), f"{name}: labels")
    return Split(name, found, labels, sample_first=True, sensor=_sensor(dataset), classes=_classes(dataset))


def _each(dataset: Any, count: int, name: str, numbers: list[int | float]) -> Iterator[Array | Events]:
    """The samples one by one; their labels go to `numbers`."""
    events = None
    for index in range(count):
        sample, number = _item(dataset[index], f"{name}, sample {index}")
        numbers.append(number)
        if events is not None and isinstance(sample, Events) is not events:
            raise DataError(Problem(name, "events and frames", "one of them", "Give all samples alike."))
        events = isinstance(sample, Events)
        yield sample


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


def stack(first: Array, others: Iterable[Array], count: int, name: str, places: Sequence[str] = ()) -> Array:
    """Frames of equal shape with the samples first; see `room_for`.

    Args:
        first: Those of the first sample.
        others: Those of the others, in their order.
        count: How many samples there are.
        name: What they are called in messages.
        places: Where each comes from; may be empty.

    Raises:
        DataError: One has another shape than the first.
        StoreError: See `room_for`.
    """
    made = room_for((count, *first.shape), first.dtype)
    for index, sample in enumerate(chain([first], others)):
        if sample.shape != first.shape:
            where = places[index] if len(places) else f"{name}, sample {index}"
            like = places[0] if len(places) else "sample 0"
            cure = "Bin or pad all samples to one shape. Events belong in arrays x, y, p and t."
            raise DataError(Problem(where, f"shape {sample.shape}", f"{first.shape}, as {like}", cure))
        if made.dtype != sample.dtype and made.dtype == np.uint8:
            made = _as_floats(made, index)
        made[index] = sample
    return made


def _as_floats(made: Array, count: int) -> Array:
    """Room for numbers that are no bytes, with the first samples in it."""
    wide = room_for(made.shape, np.float32)
    for index in range(count):
        wide[index] = made[index]
    return wide


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
