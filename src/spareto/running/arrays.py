"""Data of a program's own: arrays, tensors, torch data sets and loaders, as both splits of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler, SequentialSampler, SubsetRandomSampler

from spareto.core.arguments import whole
from spareto.core.bounds import MOST_COUNTED
from spareto.core.errors import DataError, Problem
from spareto.data import DatasetInfo
from spareto.data.cache import content_hash
from spareto.data.load import FrameData
from spareto.running.labels import labels_of
from spareto.running.samples import Layout, Samples, frames_of, samples_of

Split = Literal["train", "test"]


def from_arrays(
    x_train: Any,
    y_train: Any = None,
    x_test: Any = None,
    y_test: Any = None,
    *,
    layout: Layout | None = None,
    classes: int | None = None,
    name: str = "arrays",
) -> FrameData:
    """Both splits of a data set from arrays, tensors, or data sets and loaders of torch.

    Example:
        >>> import numpy as np
        >>> frames = np.zeros((10, 32, 2, 8, 8), np.uint8)  # (time, samples, polarities, height, width)
        >>> data = from_arrays(frames, np.arange(32) % 4)
        >>> data.timesteps, data.info.classes
        (10, 4)

    Args:
        x_train: Frames `(time, samples, ...)`, or `(samples, ...)` where only that axis is as long as there
            are labels; or a torch `Dataset` or `DataLoader` of frames and labels, which is read once.
        y_train: Labels `(samples,)` or `(samples, 1)`, whole numbers from 0; left out with a data set.
        x_test: As `x_train`; without it the test split is empty.
        y_test: As `y_train`.
        layout: Says where time and samples lie, where the shapes do not: `time-first` `(time, samples, ...)`,
            `batch-first` `(samples, time, ...)`, `static` `(samples, ...)`.
        classes: Number of classes; left out, one more than the largest label.
        name: What the data are called.

    Raises:
        DataError: Frames and labels do not fit, the splits do not fit each other, a label is no class, or a
            frame is not finite.
        ConfigError: The shapes do not say which axis is time.
    """
    train = read(x_train, y_train, layout, "x_train", "y_train")
    same = layout or train.layout
    test = _empty(train) if x_test is None else read(x_test, y_test, same, "x_test", "y_test")
    _refuse_unlike(train, test)
    known = [samples.labels for samples in (train, test) if samples.labels is not None]
    largest = max(int(labels.max(initial=-1)) for labels in known)
    count = largest + 1 if classes is None else whole(classes, "classes", 1, MOST_COUNTED)
    for samples, split in ((train, "train"), (test, "test")):
        labels_of(samples.labels, f"y_{split}", count)
    return _frame_data(train, test, count, name)


def data_of(data: Any) -> FrameData:
    """The data of a training, whatever they came as.

    Args:
        data: Frames of a data set; a tuple `(frames, labels)`, or four of them; a torch `Dataset` or
            `DataLoader`. See `from_arrays`.

    Raises:
        DataError: They are something else, or do not fit.
    """
    if isinstance(data, FrameData):
        return data
    if isinstance(data, tuple) and len(data) in (2, 4):
        return from_arrays(*data)
    if is_data_set(data):
        return from_arrays(data)
    rule = "frames of a data set, (frames, labels), a torch Dataset or a DataLoader"
    raise DataError(Problem("data", type(data).__name__, rule, "Use spareto.from_arrays(...)."))


def read(frames: Any, labels: Any, layout: Layout | None, x: str, y: str) -> Samples:
    """One split as samples.

    Args:
        frames: See `from_arrays`.
        labels: See `from_arrays`.
        layout: See `from_arrays`.
        x: What the frames are called in messages.
        y: What the labels are called.

    Raises:
        DataError: See `from_arrays`.
    """
    if isinstance(frames, DataLoader):
        return _of_loader(frames, layout, x)
    if is_data_set(frames):
        return _of_items(frames, layout, x)
    if labels is None:
        rule = "labels, one a sample"
        raise DataError(Problem(y, "nothing", rule, "Give them beside the frames."))
    return samples_of(frames, labels_of(labels, y), layout=layout, where=x)


# --- torch's data sets and loaders


def is_data_set(value: Any) -> bool:
    """Whether it is a data set or a loader of torch, or behaves as one, as Tonic's do."""
    if isinstance(value, Dataset | DataLoader):
        return True
    arrays = (Tensor, np.ndarray, list, tuple, str, bytes, dict)
    return not isinstance(value, arrays) and hasattr(value, "__getitem__") and hasattr(value, "__len__")


def _of_items(data: Any, layout: Layout | None, where: str) -> Samples:
    """Every item of a data set; its frames are one sample each, time first if there is time."""
    items = [data[index] for index in range(len(data))] if hasattr(data, "__len__") else list(data)
    if not items:
        raise DataError(Problem(where, "no sample", "at least one"))
    pairs = [_pair(item, where) for item in items]
    frames = [_frames_of_item(frame, where) for frame, _ in pairs]
    shapes = {tuple(frame.shape) for frame in frames}
    if len(shapes) > 1:
        some = " and ".join(map(str, sorted(shapes)[:2]))
        cure = "Bin them to the same number of timesteps and pixels."
        raise DataError(Problem(where, f"samples of shapes {some}", "samples of one shape", cure))
    labels = labels_of([_number(label, where) for _, label in pairs], f"{where}: labels")
    stacked = torch.stack(frames)
    stated: Layout | None = "batch-first" if layout == "time-first" else layout
    return Samples(frames_of(stacked if stacked.dim() > 1 else stacked.unsqueeze(1), where), labels, stated)


def _of_loader(loader: DataLoader[Any], layout: Layout | None, where: str) -> Samples:
    """Every batch of a loader, in the order of its data set, without shuffling."""
    pairs = [_pair(batch, where) for batch in _in_order(loader)]
    if not pairs:
        raise DataError(Problem(where, "no batch", "at least one"))
    labels = [labels_of(label, f"{where}: labels") for _, label in pairs]
    frames = [frames_of(frame, where) for frame, _ in pairs]
    axes = {0, 1} if layout is None else {1 if layout == "time-first" else 0}
    for frame, label in zip(frames, labels, strict=True):
        axes &= {axis for axis in (0, 1) if axis < frame.dim() and frame.shape[axis] == len(label)}
    if len(axes) != 1:
        got = f"batches of shape {tuple(frames[0].shape)} with {len(labels[0])} labels"
        cure = 'Say layout="time-first" or "batch-first" in spareto.from_arrays(...).'
        raise DataError(Problem(where, got, "one axis with the samples", cure))
    (axis,) = axes
    try:
        joint = torch.cat(frames, dim=axis)
    except RuntimeError as error:
        raise DataError(
            Problem(where, f"batches of several shapes ({error})", "samples of one shape")
        ) from None
    return Samples(joint, np.concatenate(labels), "time-first" if axis == 1 else layout)


def _in_order(loader: DataLoader[Any]) -> Iterable[Any]:
    """The loader's batches without shuffling; where it draws samples in its own way, as from seed 0."""
    data: Any = loader.dataset
    sampler: Any = getattr(loader, "sampler", None)
    options: dict[str, Any] = {"collate_fn": loader.collate_fn, "batch_size": loader.batch_size or 1}
    if type(sampler) in (RandomSampler, SequentialSampler) and not getattr(sampler, "replacement", False):
        return DataLoader(data, **options)
    if type(sampler) is SubsetRandomSampler:
        return DataLoader(data, sampler=_Listed(sampler.indices), **options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return list(loader)


class _Listed:
    """A sampler of given indices, in order."""

    def __init__(self, indices: Sequence[int]) -> None:
        self._indices = sorted(int(index) for index in indices)

    def __iter__(self) -> Any:
        return iter(self._indices)

    def __len__(self) -> int:
        return len(self._indices)


def _pair(item: Any, where: str) -> tuple[Any, Any]:
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    got = f"{len(item)} parts" if isinstance(item, tuple | list) else f"a {type(item).__name__}"
    raise DataError(Problem(where, f"{got} a sample", "two: frames and a label"))


def _frames_of_item(frame: Any, where: str) -> Tensor:
    if isinstance(frame, Tensor):
        return frame
    array = np.asarray(frame)
    if array.dtype.names is not None:
        got, cure = "events", "Give the data set a transform to frames, such as tonic.transforms.ToFrame."
        raise DataError(Problem(where, got, "frames", cure))
    return frames_of(array[None] if array.ndim else array.reshape(1, 1), where)[0]


def _number(label: Any, where: str) -> float | int:
    try:
        value = label.item() if isinstance(label, Tensor | np.ndarray | np.generic) else label
    except (ValueError, RuntimeError):  # more than one number
        value = None
    if not isinstance(value, int | float):
        raise DataError(Problem(f"{where}: labels", f"a {type(label).__name__}", "one number a sample"))
    return value


# --- both splits


def _empty(train: Samples) -> Samples:
    labels = np.empty(0, np.int64)
    return replace(train, frames=train.frames.narrow(train.axis, 0, 0), labels=labels)


def _refuse_unlike(train: Samples, test: Samples) -> None:
    """Refuse splits whose samples have other shapes, time included.

    Raises:
        DataError: They have.
    """
    shapes = [_sample_shape(samples) for samples in (train, test)]
    if train.axis == test.axis and shapes[0] == shapes[1]:
        return
    got, rule = f"samples of shape {shapes[1]}", f"{shapes[0]}, as in x_train"
    cure = "Bring both to the same timesteps and pixels, or say layout=."
    raise DataError(Problem("x_test", got, rule, cure))


def _sample_shape(samples: Samples) -> tuple[int, ...]:
    """Shape of one sample, its time first."""
    shape = tuple(samples.frames.shape)
    return shape[: samples.axis] + shape[samples.axis + 1 :]


def _frame_data(train: Samples, test: Samples, classes: int, name: str) -> FrameData:
    arrays: dict[str, Any] = {}
    for split, samples in (("train", train), ("test", test)):
        arrays[f"{split}_frames"] = _time_first(samples)
        arrays[f"{split}_labels"] = samples.labels
    layout = "static" if train.layout == "static" else None if train.layout is None else "time-first"
    shape = _sample_shape(train)
    sensor: Any = shape if layout != "time-first" else shape[1:]
    info = DatasetInfo(classes, sensor, 0, licence="unknown", source=name)
    hashed = {**arrays, "classes": np.array(classes), f"layout {layout}": np.array(0)}
    return FrameData(**arrays, info=info, name=name, hash=content_hash(hashed), layout=layout)


def _time_first(samples: Samples) -> Any:
    """The frames as an array, time first where time is known."""
    frames = samples.frames.cpu()
    if frames.dtype is torch.bfloat16:
        frames = frames.float()
    elif frames.dtype is torch.bool:
        frames = frames.byte()
    return (frames.transpose(0, 1) if samples.layout == "batch-first" else frames).numpy()
