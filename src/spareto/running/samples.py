"""Frames and labels of any kind in one shape."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spareto.core.errors import ConfigError, DataError, Problem, ShapeError, did_you_mean, one_of
from spareto.data.paging import has_read
from spareto.kernels.c_layers import finite
from spareto.kernels.library import backend
from spareto.kernels.spikes import was_binary
from spareto.running.labels import Labels, labels_of, refuse_masked

Layout = Literal["time-first", "batch-first", "static"]
BATCH_BYTES: Final = 1 << 26
"""Bytes of a batch's frames as 32-bit floats, up to which a batch has as many samples as asked for."""

LAYOUT_CURE = 'Say layout="time-first", "batch-first" or "static".'


@dataclass(frozen=True)
class Samples:
    """Frames, and a label per sample.

    Args:
        frames: `(time, samples, ...)` if time-first, else `(samples, ...)`; any real type, on any device.
        labels: Shape `(samples,)`; None without labels.
        layout: `time-first`; `batch-first`, `(samples, time, ...)`; `static`, without a time axis; None where
            the samples come first and the shapes do not say whether time follows.
    """

    frames: Tensor
    labels: Labels | None
    layout: Layout | None

    @property
    def axis(self) -> int:
        """The axis of the samples."""
        return 1 if self.layout == "time-first" else 0

    @property
    def count(self) -> int:
        """Number of samples."""
        return self.frames.shape[self.axis]

    @property
    def timesteps(self) -> int | None:
        """Number of timesteps; None where no axis is known to be time."""
        if self.layout == "time-first":
            return self.frames.shape[0]
        return self.frames.shape[1] if self.layout == "batch-first" else None

    def places(self, size: int) -> Iterator[slice]:
        """Where each batch of at most so many samples stands; one of large samples has fewer."""
        each = 4 * self.frames.numel() // max(self.count, 1)
        size = max(1, min(size, BATCH_BYTES // max(each, 1)))
        for first in range(0, self.count, size):
            yield slice(first, min(first + size, self.count))
            has_read(each * size)

    def batch(self, first: int, last: int) -> Tensor:
        """The samples from `first` to below `last`, in the layout of the data."""
        return self.frames.narrow(self.axis, first, min(last, self.count) - first)

    def chosen(self, indices: list[int]) -> Tensor:
        """The samples of these indices, in the layout of the data."""
        return self.frames.index_select(self.axis, torch.tensor(indices, device=self.frames.device))


def samples_of(
    frames: Any,
    labels: Any = None,
    *,
    layout: Layout | None = None,
    where: str = "frames",
    time_first: bool = False,
    classes: int | None = None,
    lazily: bool = False,
) -> Samples:
    """Frames and labels in one shape.

    Args:
        frames: An array or a tensor `(time, samples, ...)`, or, where only the first axis is as long as there
            are labels, `(samples, ...)`.
        labels: See `labels_of`.
        layout: Says where time and samples lie, where the shapes do not.
        where: What the frames are called in messages.
        time_first: The network declares that time comes first, so that nothing is asked.
        classes: Labels lie below it; None does not look.
        lazily: The caller looks whether frames are finite, batch by batch; see `refuse_not_finite`.

    Raises:
        DataError: There is no sample, frames and labels do not fit, a label is no class, or a frame is not
            finite.
        ConfigError: The shapes do not say which axis is time.
    """
    tensor = frames_of(frames, where, lazily=lazily)
    known = None if labels is None else labels_of(labels, _beside(where, "labels"), classes)
    if known is not None and len(known) == 0:
        raise DataError(Problem(_beside(where, "labels"), "no sample", "at least one", "Check the data."))
    found = _layout(tuple(tensor.shape), known, layout, where, time_first)
    samples = Samples(tensor, known, found)
    if samples.count == 0:
        raise DataError(Problem(where, f"shape {tuple(tensor.shape)}", "at least one sample"))
    if samples.timesteps == 0:
        raise DataError(Problem(where, f"shape {tuple(tensor.shape)}", "at least one timestep"))
    return samples


def frames_of(frames: Any, where: str = "frames", *, lazily: bool = False) -> Tensor:
    """Frames as a tensor of real numbers, finite ones unless `lazily`, on the device they are on.

    Raises:
        DataError: They are something else.
    """
    tensor = frames.detach() if isinstance(frames, Tensor) else _tensor(frames, where)
    if tensor.is_nested:
        rule, cure = "samples of one shape", "Bring them to the same timesteps and pixels."
        raise DataError(Problem(where, "a nested tensor", rule, cure))
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_complex() or tensor.is_quantized:
        raise DataError(Problem(where, f"numbers of type {tensor.dtype}", "real numbers"))
    if tensor.is_meta:
        raise DataError(Problem(where, "a tensor on the meta device", "numbers", "Load the data."))
    if tensor.dim() < 2:
        got, rule = f"shape {tuple(tensor.shape)}", "(time, samples, ...) or (samples, ...)"
        raise DataError(Problem(where, got, rule))
    if not lazily:
        refuse_not_finite(tensor, where)
    return tensor


def refuse_not_finite(tensor: Tensor, where: str) -> None:
    """Refuse frames that hold NaN or infinity. What was just packed as spikes is not read again.

    Raises:
        DataError: They do.
    """
    if tensor.is_floating_point() and not (was_binary(tensor) or _finite(tensor)):
        raise DataError(Problem(where, "nan or infinity", "finite numbers", "Check the data."))


def _finite(tensor: Tensor) -> bool:
    """Whether all numbers are finite; the kernel takes a third of the time."""
    fits = tensor.dtype == torch.float32 and tensor.device.type == "cpu" and backend() == "c"
    if fits and tensor.is_contiguous():
        return finite(tensor)
    if fits and len(tensor) and tensor[0].is_contiguous():
        return all(finite(part) for part in tensor)
    return all(bool(torch.isfinite(part).all()) for part in tensor)


def _tensor(frames: Any, where: str) -> Tensor:
    refuse_masked(frames, where)
    try:
        array: npt.NDArray[Any] = np.asarray(frames)
    except (ValueError, TypeError) as error:
        raise DataError(Problem(where, f"{type(frames).__name__} ({error})", "an array of numbers")) from None
    if array.dtype.kind not in "biuf":
        got = f"{type(frames).__name__}" if array.dtype.kind == "O" else f"numbers of type {array.dtype}"
        raise DataError(Problem(where, got, "an array or a tensor of real numbers"))
    return tensor_of(array)


def tensor_of(array: npt.NDArray[Any]) -> Tensor:
    """An array of real numbers as a tensor to read from; it shares memory where it can."""
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int32 if array.dtype.itemsize == 2 else np.int64)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if any(stride < 0 for stride in array.strides):
        array = array.copy()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # nobody writes
        return torch.from_numpy(array)


def _beside(where: str, name: str) -> str:
    head, _, _ = where.rpartition("frames")
    return f"{head}{name}" if where.endswith("frames") else f"{where}: {name}"


def _layout(
    shape: tuple[int, ...], labels: Labels | None, layout: Layout | None, where: str, time_first: bool
) -> Layout | None:
    if layout is not None:
        _refuse_stated(shape, labels, layout, where)
        return layout
    if labels is None:
        if time_first:
            return "time-first"
        rule = "labels, which tell where the samples are, or a layout"
        raise ShapeError(Problem(where, f"shape {shape} without labels", rule, LAYOUT_CURE))
    first, second = shape[0] == len(labels), shape[1] == len(labels)
    if second and (not first or time_first):
        return "time-first"
    if first and second:
        got = f"shape {shape} for {len(labels)} labels"
        raise ShapeError(Problem(where, got, "one axis that is as long as there are labels", LAYOUT_CURE))
    if first and not time_first:
        return None
    got = f"shape {labels.shape} for {shape[1]} samples" if time_first else f"shape {labels.shape}"
    rule = f"shape ({shape[1]},), one a sample" if time_first else f"one a sample of frames of shape {shape}"
    raise DataError(Problem(_beside(where, "labels"), got, rule, "Check the data."))


def _refuse_stated(shape: tuple[int, ...], labels: Labels | None, layout: object, where: str) -> None:
    if layout not in get_args(Layout):
        cure = did_you_mean(layout, get_args(Layout))
        raise ConfigError(Problem("layout", repr(layout), one_of(get_args(Layout)), cure))
    axis = 1 if layout == "time-first" else 0
    if labels is not None and shape[axis] != len(labels):
        got = f"shape {shape} for {len(labels)} labels"
        raise DataError(Problem(where, got, f"as many on axis {axis}, as layout='{layout}' says"))
