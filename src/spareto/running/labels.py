"""Labels of any shape and type, with one meaning."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spareto.core.errors import DataError, Problem

Labels = npt.NDArray[np.int64]


def labels_of(labels: Any, where: str = "labels", classes: int | None = None) -> Labels:
    """Labels as integers `(samples,)`.

    Args:
        labels: Shape `(samples,)` or `(samples, 1)`: a list, an array or a tensor of whole numbers from 0.
        where: What they are called in messages.
        classes: They lie below it; None does not look.

    Raises:
        DataError: They have another shape, or are no whole numbers from 0 below `classes`.
    """
    array = _array(labels, where)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    _refuse_shape(array, where)
    whole = _whole(array, where)
    if len(whole) and (whole.min() < 0 or (classes is not None and whole.max() >= classes)):
        rule = "values from 0" if classes is None else f"values from 0 to {classes - 1}"
        raise DataError(Problem(where, f"{whole.min()} to {whole.max()}", rule, "Check the data."))
    return whole


def _array(labels: Any, where: str) -> npt.NDArray[Any]:
    if isinstance(labels, Tensor):
        if labels.is_meta:
            raise DataError(Problem(where, "a tensor on the meta device", "numbers", "Load the data."))
        labels = labels.detach().cpu()
        labels = labels.float() if labels.dtype is torch.bfloat16 else labels
    refuse_masked(labels, where)
    try:
        return np.asarray(labels)
    except (ValueError, TypeError) as error:
        raise DataError(Problem(where, f"{type(labels).__name__} ({error})", "one number a sample")) from None


def _refuse_shape(array: npt.NDArray[Any], where: str) -> None:
    if array.ndim == 1:
        return
    cure = "Call .argmax(1) on one-hot rows." if array.ndim == 2 else ""
    rule = "shape (samples,) or (samples, 1), one whole number a sample"
    raise DataError(Problem(where, f"shape {array.shape}", rule, cure))


def _whole(array: npt.NDArray[Any], where: str) -> Labels:
    if array.dtype.kind in "biu":
        return array.astype(np.int64)
    if array.dtype.kind != "f":
        if array.size == 0:
            return array.astype(np.int64)
        rule = "whole numbers from 0"
        raise DataError(Problem(where, f"values of type {array.dtype}", rule, "Number the classes."))
    wrong = array[~np.isfinite(array) | (array != np.floor(array))]
    if len(wrong):
        raise DataError(Problem(where, f"{wrong[0]:g}", "whole numbers from 0", "Check the data."))
    return array.astype(np.int64)


def refuse_masked(values: Any, where: str) -> None:
    """Refuse an array of which some entries are masked out: they would be taken for numbers.

    Raises:
        DataError: It is one.
    """
    if isinstance(values, np.ma.MaskedArray) and bool(np.ma.getmaskarray(values).any()):
        share = float(np.ma.getmaskarray(values).mean())
        rule, cure = "a number in every place", "Fill them, or leave the samples out."
        raise DataError(Problem(where, f"{share:.1%} masked out", rule, cure))
