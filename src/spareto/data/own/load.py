"""A user's data as the frames that everything else works on: time first, both splits, with a content hash."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from spareto.core.arguments import of_kind
from spareto.core.errors import ConfigError, DataError, Problem
from spareto.core.usercode import Code, find_code
from spareto.core.userrandom import fixed_random
from spareto.data._base import DatasetInfo
from spareto.data.cache import content_hash
from spareto.data.load import FrameData, load_plan
from spareto.data.own.binning import Binner
from spareto.data.own.folder import splits_of_folder
from spareto.data.own.layout import Laid, laid_out
from spareto.data.own.returned import TITLES, Part, splits_of
from spareto.data.own.splits import Split, classes_of, held_out
from spareto.records.data import DataPlan, FolderData, ImportedData, OwnData

OwnPlan = ImportedData | FolderData
SPLIT_PARAMETERS: dict[str, dict[Part, Any]] = {
    "split": {"train": "train", "test": "test"},
    "train": {"train": True, "test": False},
}
"""A function with one of these parameters is called twice, once a split."""

EVENTS_ONLY: Final = ("time_unit", "duration_us", "outside", "binary", "bins", "bin_size")
"""What a plan says of events alone."""


def load_data(plan: DataPlan | OwnPlan) -> FrameData:
    """Both splits of any data: a data set of ours, or the user's own; see `load_frames` and `load_own`.

    Args:
        plan: What a study file says under `data`.

    Raises:
        ConfigError: It is no such plan, or does not fit the data.
        DataError: The data have a fault.
    """
    of_kind(plan, (DataPlan, ImportedData, FolderData), "plan", "a DataPlan, ImportedData or FolderData")
    return load_plan(plan) if isinstance(plan, DataPlan) else load_own(plan)


def load_own(plan: OwnPlan) -> FrameData:
    """Both splits of a user's data.

    Raises:
        ConfigError: The user's function cannot be found, imported or called.
        DataError: The data have a fault, or leave open what must be said in the plan; the message says how.
    """
    found, notes = _read(plan)
    if isinstance(found, FrameData):
        return _checked(found)
    splits = _both(found, plan)
    for split in splits:
        _refuse_unlabelled(split)
    classes = classes_of(splits, plan.classes)
    laid, told = _laid(splits, plan)
    arrays: dict[str, Any] = {}
    for name, split, each in zip(("train", "test"), splits, laid, strict=True):
        arrays[f"{name}_frames"], arrays[f"{name}_labels"] = each.frames, split.labels
    _refuse_unlike(splits, laid)
    info = DatasetInfo(classes, _sensor(laid[0]), 0, licence="the user's own", source=name_of(plan))
    notes = (*notes, *(note for split in splits for note in split.notes), *told)
    named = {**arrays, "timesteps": np.array(laid[0].timesteps or 0), f"layout {laid[0].layout}": np.array(0)}
    views = {f"{name}_frames": each.view() for name, each in zip(("train", "test"), laid, strict=True)}
    return FrameData(
        **{**arrays, **views},
        info=info,
        name=name_of(plan),
        hash=content_hash(named),
        layout=laid[0].layout,
        notes=_once(notes),
    )


def load_test_split(plan: OwnPlan) -> tuple[Split, Laid, tuple[str, ...]]:
    """What a network is measured on: the test split, or all there is; labels may be missing.

    Raises:
        ConfigError: See `load_own`.
        DataError: See `load_own`.
    """
    found, notes = _read(plan)
    if isinstance(found, FrameData):
        split = Split(TITLES["test"], found.test_frames, found.test_labels, classes=found.info.classes)
        return split, Laid(found.test_frames, found.layout, found.timesteps), (*notes, *found.notes)
    split = found["test"] if "test" in found else next(iter(found.values()))
    if split.labels is not None:
        classes_of([split], plan.classes)
    (laid,), told = _laid([split], plan)
    return split, laid, _once((*notes, *split.notes, *told))


def name_of(plan: OwnPlan) -> str:
    """What tables and reports call the data."""
    if isinstance(plan, FolderData):
        return Path(plan.folder).name
    file, _, name = plan.import_.rpartition(":")
    return f"{Path(file).name}:{name}"


def _read(plan: OwnPlan) -> tuple[dict[Part, Split] | FrameData, tuple[str, ...]]:
    if isinstance(plan, FolderData):
        return splits_of_folder(plan)
    code = find_code(plan.import_, Path(), "data")
    with _drawn_alike():
        return _imported(code, plan.options), ()


def _imported(code: Code, options: dict[str, Any]) -> dict[Part, Split] | FrameData:
    """What the user's function gives, called once, or once a split if it asks which one."""
    place = code.place
    parameters = _parameters(code)
    asks = next((name for name in SPLIT_PARAMETERS if name in parameters and name not in options), None)
    if asks is not None:
        calls = SPLIT_PARAMETERS[asks]
        splits: dict[Part, Split] = {}
        for part, value in calls.items():
            made = code.call({**options, asks: value}, "data.options")
            with code.running("samples that can be read"):
                only = splits_of(made, place)
            if "all" not in only:
                got = "two splits from one call"
                raise DataError(Problem(place, got, f"one, for it takes '{asks}'", f"Remove '{asks}'."))
            splits[part] = replace(only["all"], name=TITLES[part])
        return splits
    made = code.call(options, "data.options")
    if isinstance(made, FrameData):
        return made
    with code.running("samples that can be read"):
        return splits_of(made, place)


def _parameters(code: Code) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(code.load()).parameters)
    except (TypeError, ValueError):
        return ()


@contextmanager
def _drawn_alike() -> Generator[None]:
    """The same random numbers at every reading, so that a study finds its data again."""
    torch = sys.modules.get("torch")  # never imported here
    before = torch.get_rng_state() if torch else None
    if torch:
        torch.manual_seed(0)
    try:
        with fixed_random(0):
            yield
    finally:
        if torch:
            torch.set_rng_state(before)


def _checked(data: FrameData) -> FrameData:
    """The user's own `FrameData`; a hash that is none of ours is replaced by that of the content.

    Raises:
        DataError: A split has no sample.
    """
    for split in ("train", "test"):
        if len(getattr(data, f"{split}_labels")) == 0:
            raise DataError(Problem(f"{split} split: labels", "no sample", "at least one", "Check the data."))
    if re.fullmatch("[0-9a-f]{16}", data.hash):
        return data
    arrays = {name: getattr(data, name) for name in vars(data) if name.endswith(("_frames", "_labels"))}
    return replace(data, hash=content_hash(arrays))


def _both(found: dict[Part, Split], plan: OwnPlan) -> tuple[Split, Split]:
    if set(found) == {"train", "test"}:
        return found["train"], found["test"]
    where = name_of(plan)
    if plan.test_share is None or set(found) != {"all"}:
        got = f"only a {next(iter(found.values())).name}" if set(found) != {"all"} else "no test split"
        cure = "Give train and test data, or write data.test_share: 0.2."
        raise DataError(Problem(where, got, "a training split and a test split", cure))
    split = found["all"]
    _refuse_unlabelled(split)
    assert split.labels is not None
    test = held_out(split.labels, plan.test_share, where)
    if not split.sample_first and isinstance(split.samples, np.ndarray):
        laid = laid_out(split, plan)
        frames = laid.frames
        if laid.layout == "time-first":
            frames = np.moveaxis(frames, 1, 0) if len(frames) == laid.timesteps else frames[0]
        split = replace(split, samples=frames, sample_first=True)
    chosen = [np.flatnonzero(mask) for mask in (~test, test)]
    return split.take(chosen[0], TITLES["train"]), split.take(chosen[1], TITLES["test"])


def _laid(splits: Sequence[Split], plan: OwnPlan) -> tuple[list[Laid], tuple[str, ...]]:
    """Frames of all splits in one layout, events binned in one way; and what was said of them."""
    recordings = [events for split in splits for events in split.recordings or ()]
    if not recordings:
        return [_framed(split, plan) for split in splits], ()
    binner = Binner.of(recordings, plan, next((split.sensor for split in splits if split.sensor), None))
    laid: list[Laid] = []
    notes = list(binner.clock.notes)
    first = 0
    for split in splits:
        some = split.recordings or ()
        frames, told = binner.frames(some, first, split.name)
        laid.append(Laid(frames, "time-first", binner.bins.timesteps))
        notes += told
        first += len(some)
    return laid, tuple(notes)


def _framed(split: Split, plan: OwnData) -> Laid:
    """Frames of a split, of the pixels that the plan names; it says nothing that only events have."""
    for_events = [name for name in EVENTS_ONLY if getattr(plan, name) != OwnData.model_fields[name].default]
    if for_events:
        got = f"{' and '.join(for_events)} for frames"
        cure = f"Remove {'it' if len(for_events) == 1 else 'them'}, or give events x, y, p and t."
        raise ConfigError(Problem(f"data.{for_events[0]}", got, "what frames have", cure))
    laid = laid_out(split, plan)
    if plan.sensor is not None and laid.layout is not None and tuple(plan.sensor) != _sensor(laid):
        rule = f"{list(plan.sensor)} numbers a sample and timestep"
        cure = "Correct data.sensor, or remove it."
        raise DataError(Problem(f"{split.name}: frames", f"shape {laid.frames.shape}", rule, cure))
    return laid


def _refuse_unlabelled(split: Split) -> None:
    if split.labels is None:
        rule, cure = "a label a sample", "Return frames and labels."
        raise DataError(Problem(f"{split.name}: labels", "nothing", rule, cure))
    if len(split.labels) == 0:
        raise DataError(Problem(f"{split.name}: labels", "no sample", "at least one", "Check the data."))


def _refuse_unlike(splits: Sequence[Split], laid: Sequence[Laid]) -> None:
    train, test = laid
    if (train.layout, train.timesteps, train.sample_shape) != (
        test.layout,
        test.timesteps,
        test.sample_shape,
    ):
        got, rule = f"shape {test.frames.shape}", f"samples as in the training split, {train.frames.shape}"
        cure = "Bring both to the same timesteps and pixels, or write data.layout."
        raise DataError(Problem(f"{splits[1].name}: frames", got, rule, cure))


def _sensor(laid: Laid) -> tuple[int, int, int]:
    """The shape of one frame as polarities, height and width; of features, as channels."""
    shape = laid.sample_shape
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    return (1, shape[0], shape[1]) if len(shape) == 2 else (int(np.prod(shape)), 1, 1)


def _once(notes: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(notes))
