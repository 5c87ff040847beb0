"""NumPy arrays from arrays, tensors and lists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from spareto.core.errors import DataError, Problem
from spareto.data.mapped import in_steps, room_for
from spareto.data.paging import watched

Array = npt.NDArray[Any]


def is_tensor(value: Any) -> bool:
    """Whether this is a tensor of torch, told without importing torch."""
    return hasattr(value, "detach") and hasattr(value, "cpu") and hasattr(value, "numpy")


def is_array(value: Any) -> bool:
    """Whether this is an array or a tensor."""
    return isinstance(value, np.ndarray) or is_tensor(value)


def as_array(value: Any, where: str) -> Array:
    """An array of numbers; of a tensor, wherever it is and whatever its width.

    Raises:
        DataError: It is ragged, or holds something that is no number.
    """
    if is_tensor(value):
        value = value.detach().cpu()
        if "bfloat16" in str(value.dtype):
            value = value.float()
        value = value.numpy()
    cure = "Give an array, a tensor, or a list of numbers."
    try:
        array = watched(value).view() if isinstance(value, np.memmap) else np.asarray(value)  # as it was
    except (ValueError, TypeError, RuntimeError):
        got = f"a {type(value).__name__} that is no array"
        raise DataError(Problem(where, got, "numbers in one shape", cure)) from None
    if array.dtype.kind not in "biuf":
        name = f"an array of {array.dtype}" if is_array(value) else f"a {type(value).__name__}"
        raise DataError(Problem(where, name, "numbers in one shape", cure))
    return array


def as_frames(value: Any, where: str) -> Array:
    """An array of frames: whole numbers up to 255 as bytes, all else as 32-bit floats.

    Raises:
        DataError: It is no array, or not finite.
    """
    array = as_array(value, where)
    if array.dtype.kind == "f":
        refuse_not_finite(array, where)
        return as_bytes(_converted(array, np.float32))
    fits = array.size == 0 or (array.min() >= 0 and array.max() <= 255)
    return _converted(array, np.uint8 if fits else np.float32)


def as_bytes(array: Array) -> Array:
    """The same numbers as bytes, if they are whole and from 0 to 255."""
    fits = array.size > 0 and array.min() >= 0 and array.max() <= 255
    whole = fits and all(np.array_equal(array[some], np.floor(array[some])) for some in _steps(array))
    return _converted(array, np.uint8) if whole else array


def refuse_not_finite(array: Array, where: str) -> None:
    """Refuse NaN and infinity, with the share of them.

    Raises:
        DataError: There is one.
    """
    wrong = array.size - sum(int(np.isfinite(array[some]).sum()) for some in _steps(array))
    if wrong:
        got = f"nan or infinity in {wrong / array.size:.2%} of the numbers"
        raise DataError(Problem(where, got, "finite numbers", "Mend or remove them."))


def _converted(array: Array, kind: type[np.generic]) -> Array:
    """The same numbers in another type; many of them lie in a file."""
    if array.dtype == kind:
        return array
    made = room_for(array.shape, kind)
    for some in _steps(array):
        made[some] = array[some]
    return made


def _steps(array: Array) -> Iterable[Any]:
    """Places on the first axis, some at a time; all there is of an array without axes."""
    return in_steps(len(array), array.nbytes) if array.ndim else [...]


def as_labels(value: Any, where: str) -> npt.NDArray[np.int64]:
    """Labels of shape `(N,)` as whole numbers, from `(N,)`, `(N, 1)`, floats or tensors.

    Raises:
        DataError: They have another shape, are negative, or are no whole numbers.
    """
    array = as_array(value, where)
    if array.ndim > 1 and array.size == array.shape[0]:
        array = array.reshape(-1)
    if array.ndim == 2 and array.shape[-1] > 1:
        cure = "Give class numbers; of one-hot rows, labels.argmax(1)."
        raise DataError(Problem(where, f"shape {array.shape}", "one label a sample", cure))
    if array.ndim != 1:
        raise DataError(Problem(where, f"shape {array.shape}", "one label a sample", "Flatten them."))
    if array.dtype.kind == "f":
        refuse_not_finite(array, where)
        if not np.array_equal(array, np.floor(array)):
            got = f"{array[array != np.floor(array)][0]:g}"
            raise DataError(Problem(where, got, "whole numbers", "Give class numbers."))
    labels = array.astype(np.int64)
    if labels.size and labels.min() < 0:
        cure = "Leave out what has no class; number classes from 0."
        raise DataError(Problem(where, str(labels.min()), "class numbers from 0", cure))
    return labels
