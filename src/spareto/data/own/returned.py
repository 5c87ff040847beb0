"""What a user's function may return, and the splits it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from spareto.core.errors import DataError, Problem
from spareto.data.own.archive import arrays_of, is_archive
from spareto.data.own.arrays import as_array, as_frames, as_labels, is_array
from spareto.data.own.items import FRAME_KEYS, LABEL_KEYS, is_dataset, split_of_dataset
from spareto.data.own.splits import Split

Part: TypeAlias = str
"""`train`, `test`, or `all` where there is one split only."""
TITLES: dict[Part, str] = {"train": "training split", "test": "test split", "all": "data"}
WORDS: dict[Part, tuple[str, ...]] = {
    "train": ("train", "training", "train_set", "trainset", "train_dataset"),
    "test": ("test", "testing", "test_set", "testset", "test_dataset"),
}
RULE = "train and test data"
CURE = "Return (train, test) data sets, or the arrays (x_train, y_train, x_test, y_test)."


def splits_of(value: Any, where: str) -> dict[Part, Split]:
    """The two splits a value means, or the one there is, under `all`.

    Raises:
        DataError: It is nothing of the kind, or arrays and labels do not fit together.
    """
    value = _unwrapped(value, where)
    if is_dataset(value) and not isinstance(value, tuple | list):
        return {"all": split_of_dataset(value, TITLES["all"])}
    if isinstance(value, Mapping):
        return _of_mapping(value, where)
    if isinstance(value, tuple | list):
        return _of_sequence(value, where)
    if is_array(value):
        return {"all": _pair(value, None, "all")}
    got = "nothing: it has no return" if value is None else f"a {type(value).__name__}"
    raise DataError(Problem(where, got, RULE, CURE))


def _of_mapping(value: Mapping[Any, Any], where: str) -> dict[Part, Split]:
    parts = {
        part: next((value[word] for word in words if word in value), None) for part, words in WORDS.items()
    }
    if all(part is not None for part in parts.values()):
        return {part: _part(found, part, where) for part, found in parts.items()}
    arrays = {part: _named_arrays(value, part) for part in WORDS}
    if all(found is not None for found in arrays.values()):
        return {part: _pair(*found, part) for part, found in arrays.items() if found is not None}
    if (found := _frames_and_labels(value)) is not None:
        return {"all": _pair(*found, "all")}
    got = f"keys {', '.join(map(str, value))}"
    rule = "keys train and test, or x_train, y_train, x_test and y_test"
    raise DataError(Problem(where, got, rule, CURE))


def _frames_and_labels(value: Mapping[Any, Any]) -> tuple[Any, Any] | None:
    frames, labels = (
        next((value[key] for key in keys if key in value), None) for keys in (FRAME_KEYS, LABEL_KEYS)
    )
    return None if frames is None else (frames, labels)


def _named_arrays(value: Mapping[Any, Any], part: Part) -> tuple[Any, Any] | None:
    """Frames and labels under names such as `x_train`, `train_frames`, `y_train`."""
    lower = {str(key).lower(): item for key, item in value.items()}

    def find(words: tuple[str, ...]) -> Any:
        spelled = [name for word in words for name in (f"{word}_{part}", f"{part}_{word}")]
        return next((lower[name] for name in spelled if name in lower), None)

    frames, labels = find(FRAME_KEYS), find(LABEL_KEYS)
    return None if frames is None or labels is None else (frames, labels)


def _of_sequence(value: tuple[Any, ...] | list[Any], where: str) -> dict[Part, Split]:
    if len(value) and all(_is_sample(part) for part in value):
        return {"all": split_of_dataset(value, TITLES["all"])}
    if len(value) == 4 and all(_is_numbers(part) for part in value):
        return _of_four(value, where)
    if len(value) == 2 and is_array(value[0]) and _is_numbers(value[1]):
        return {"all": _pair(value[0], value[1], "all")}
    if len(value) == 2 and all(_is_part(part) for part in value):
        return {"train": _part(value[0], "train", where), "test": _part(value[1], "test", where)}
    if len(value) == 3 and all(_is_part(part) for part in value):
        train, test = _part(value[0], "train", where), _part(value[2], "test", where)
        note = "Of three splits the middle one is not used; training.validation_share holds samples out."
        return {"train": replace(train, notes=(*train.notes, note)), "test": test}
    kinds = ", ".join(type(part).__name__ for part in value[:5]) or "nothing"
    raise DataError(Problem(where, f"a {type(value).__name__} of {kinds}", RULE, CURE))


def _of_four(value: tuple[Any, ...] | list[Any], where: str) -> dict[Part, Split]:
    """Four arrays in the order of Keras, or in that of scikit-learn's `train_test_split`."""
    one, two, three, four = (as_array(part, where) for part in value)
    keras = _is_labels_of(two, one) and _is_labels_of(four, three)
    sklearn = _is_labels_of(three, one) and _is_labels_of(four, two)
    if keras == sklearn:
        shapes = ", ".join(str(array.shape) for array in (one, two, three, four))
        rule = "x_train, y_train, x_test, y_test with a label a sample"
        raise DataError(Problem(where, f"four arrays of shapes {shapes}", rule, CURE))
    pairs = (
        ((value[0], value[1]), (value[2], value[3]))
        if keras
        else ((value[0], value[2]), (value[1], value[3]))
    )
    return {"train": _pair(*pairs[0], "train"), "test": _pair(*pairs[1], "test")}


def _is_labels_of(labels: Any, frames: Any) -> bool:
    one_each = labels.ndim > 0 and labels.size == len(labels)
    return one_each and frames.ndim > 1 and labels.size in frames.shape[:2]


def _is_numbers(value: Any) -> bool:
    """An array, or a list of numbers as labels may be."""
    return is_array(value) or (isinstance(value, list | tuple) and bool(value) and isinstance(value[0], int))


def _is_sample(value: Any) -> bool:
    """A sample and its label, as an item of a list."""
    if isinstance(value, Mapping):
        return any(key in value and not hasattr(value[key], "__len__") for key in LABEL_KEYS)
    pair = isinstance(value, tuple | list) and len(value) == 2
    return pair and (isinstance(value[1], int | float) or getattr(value[1], "ndim", 1) == 0)


def _is_part(value: Any) -> bool:
    return is_dataset(value) or hasattr(value, "dataset") or isinstance(value, Mapping)


def _part(value: Any, part: Part, where: str) -> Split:
    """One split from a data set, a pair of arrays, or a mapping of two."""
    value = _unwrapped(value, where)
    if isinstance(value, Mapping):
        if (found := _frames_and_labels(value)) is not None:
            return _pair(*found, part)
        got = f"keys {', '.join(map(str, value))}"
        raise DataError(Problem(f"{where}: {TITLES[part]}", got, "keys frames and labels", CURE))
    if isinstance(value, tuple | list) and len(value) == 2 and is_array(value[0]) and _is_numbers(value[1]):
        return _pair(value[0], value[1], part)
    if is_array(value):
        raise DataError(Problem(f"{where}: {TITLES[part]}", "an array alone", "frames and labels", CURE))
    return split_of_dataset(value, TITLES[part])


def _pair(frames: Any, labels: Any, part: Part) -> Split:
    name = TITLES[part]
    named = None if labels is None else as_labels(labels, f"{name}: labels")
    return Split(name, as_frames(frames, f"{name}: frames"), named)


def _unwrapped(value: Any, where: str) -> Any:
    """The data set of a loader, whose order and batches do not matter here."""
    if hasattr(value, "dataset") and not hasattr(value, "__getitem__"):
        collate = getattr(getattr(value, "collate_fn", None), "__name__", "default_collate")
        if collate != "default_collate":
            cure = "Return its data set, with a transform that gives all samples one shape."
            raise DataError(Problem(where, f"a loader that runs {collate}", "a plain loader", cure))
        return _unwrapped(value.dataset, where)
    if is_archive(value):
        return arrays_of(value, where)
    if hasattr(value, "__iter__") and not hasattr(value, "__len__") and not hasattr(value, "shape"):
        cure = "Give it __len__ and __getitem__, or return arrays."
        raise DataError(Problem(where, f"a {type(value).__name__}, which has no length", RULE, cure))
    return value
