"""Where time and samples lie in a tensor: from a run on one sample, on two, and on a longer one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Final, Literal

import numpy as np
import torch
from torch import Tensor

from spareto.kernels.trains import Words, pack

LEADING: Final = 4  # axes of which the marks keep every entry
AT_ONCE: Final = 1 << 16  # elements that are made doubles together
EQUAL_ROWS: Final = 0.98  # share of rows that must agree: sums may round differently in another batch

Kind = Literal["time", "batch", "place"]
Part = tuple[int, Kind]
"""Entries of an axis, and what they stand for; as many samples as there are is written 0."""

_SAMPLES: Final[tuple[tuple[Part, ...], ...]] = (((0, "batch"),),)
"""The commonest axes: samples alone."""


@dataclass(frozen=True)
class Mark:
    """A tensor's shape, and one number per place of its first axes that tells its rows apart.

    Args:
        shape: Shape of the tensor.
        rows: A fixed weighted sum over all other axes, shape `shape[:4]`, or `shape[:3]` of four axes.
    """

    shape: tuple[int, ...]
    rows: Tensor

    @classmethod
    def of(cls, tensor: Tensor) -> Mark:
        """The mark of a tensor."""
        shape = tuple(tensor.shape)
        kept = LEADING - 1 if len(shape) == LEADING else LEADING  # a last axis of four is a line of a plane
        inner = prod(shape[kept:])
        flat, weights = tensor.detach().reshape(prod(shape[:kept]), inner), _weights(inner)
        if flat.dtype == torch.float32:
            rows = (flat @ weights.float()).double()
            if bool(rows.isfinite().all()):
                return cls(shape, rows.reshape(shape[:kept]))
        rows, each = torch.empty(len(flat), dtype=torch.float64), max(1, AT_ONCE // max(1, inner))
        for part, sums in zip(flat.split(each), rows.split(each), strict=True):
            sums.copy_(part.double() @ weights)  # doubles of all would leave the caches
        return cls(shape, rows.reshape(shape[:kept]))


@lru_cache(maxsize=64)
def _weights(count: int) -> Tensor:
    return torch.sin(torch.arange(1, count + 1, dtype=torch.float64))


@dataclass(frozen=True)
class Layout:
    """What the leading axes of a tensor hold.

    Args:
        lead: Number of leading axes; those behind belong to one sample at one timestep and place.
        axes: The parts of each axis, the outermost first; an axis that is not named belongs to the sample.
        steps: Timesteps that the tensor holds.
    """

    lead: int
    axes: tuple[tuple[Part, ...], ...]
    steps: int = 1

    @property
    def order(self) -> str:
        """`time-batch` or `batch-time` where the tensor holds several timesteps, else nothing."""
        if self.steps == 1:
            return ""
        kinds = [kind for axis in self.axes for _, kind in axis]
        return "time-batch" if kinds.index("time") < kinds.index("batch") else "batch-time"

    @property
    def places(self) -> int:
        """Entries of the leading axes that stand for places."""
        sizes = [size for axis in self.axes for size, kind in axis if kind == "place"]
        return int(torch.tensor(sizes).prod()) if sizes else 1

    def split(self, tensor: Tensor) -> Tensor:
        """`tensor` as `(timesteps, samples, places, ...)`.

        Args:
            tensor: Leading axes as they were; the number of samples may be any.
        """
        if self.axes == _SAMPLES and self.steps == 1:
            return tensor.unsqueeze(0).unsqueeze(2)
        parts: list[Part] = []
        for own, size in zip(self.axes, tensor.shape, strict=False):
            others = _entries(own)
            for count, kind in own:
                parts.append((size // others if kind == "batch" else count, kind))
        features = tensor.shape[len(self.axes) :]
        order = [i for kind in ("time", "batch", "place") for i, (_, own) in enumerate(parts) if own == kind]
        split = tensor.reshape(*(size for size, _ in parts), *features)
        split = split.permute(*order, *range(len(parts), split.dim()))
        samples = next(size for size, kind in parts if kind == "batch")
        places = split.shape[2 if self.steps > 1 else 1 : len(parts)].numel()
        return split.reshape(self.steps, samples, places, *features)

    def words(self, tensor: Tensor) -> tuple[Words, bool]:
        """`tensor` as bits: packed as it lies in memory, and only then split.

        Returns:
            Which elements are not zero, shape `(timesteps, samples, places, words)`, and whether all of them
            are 1; see `kernels.trains.pack`.
        """
        lead = tensor.shape[: len(self.axes)]
        packed, ones = pack(tensor.reshape(lead.numel(), -1))
        if self.axes == _SAMPLES and self.steps == 1:
            return packed[None, :, None], ones
        split = self.split(torch.from_numpy(packed.view(np.int64)).reshape(*lead, -1))
        return split.contiguous().numpy().view(np.uint64), ones


def _entries(parts: tuple[Part, ...]) -> int:
    count = 1
    for size, kind in parts:
        count *= 1 if kind == "batch" else size
    return count


@dataclass(frozen=True)
class Sight:
    """One tensor in several runs.

    Args:
        one: For one sample.
        two: For that sample, first, and another.
        longer: For one sample with one timestep more, its last one twice; None where that was not run.
    """

    one: Mark
    two: Mark
    longer: Mark | None = None

    def grows(self, steps: int) -> int | None:
        """The one axis that is longer for one timestep more; None where none or several are."""
        if self.longer is None or len(self.longer.shape) != len(self.one.shape):
            return None
        pairs = list(zip(self.one.shape, self.longer.shape, strict=True))
        grown = [axis for axis, (size, more) in enumerate(pairs) if size != more]
        fits = len(grown) == 1 and pairs[grown[0]][0] * (steps + 1) == pairs[grown[0]][1] * steps
        return grown[0] if fits else None


def layouts(sight: Sight, lead: int | None, steps: int) -> list[Layout]:
    """Every layout that the runs allow.

    Args:
        sight: The tensor.
        lead: Number of leading axes; None where axes behind time and samples belong to the sample.
        steps: Timesteps that the tensor holds.

    Returns:
        All that agree with the shapes and the rows; empty if the samples stand on no leading axis.
    """
    one, two = sight.one, sight.two
    looked = min(len(one.shape), LEADING - 1) if lead is None else min(lead, LEADING)
    if len(one.shape) != len(two.shape) or one.shape[looked:] != two.shape[looked:]:
        return []
    grown = [axis for axis in range(looked) if one.shape[axis] != two.shape[axis]]
    if len(grown) != 1 or two.shape[grown[0]] != 2 * one.shape[grown[0]]:
        return []
    outers = _divisors(one.shape[grown[0]])
    found = [
        axes
        for outer in outers
        if len(outers) == 1 or _agree(one.rows, two.rows, grown[0], outer)
        for axes in _timed(sight, looked, grown[0], outer, steps)
    ]
    return list(dict.fromkeys(_layout(axes, one.shape, lead, steps) for axes in found))


def _layout(
    axes: dict[int, tuple[Part, ...]], shape: tuple[int, ...], lead: int | None, steps: int
) -> Layout:
    needed = 1 + max(axes) if lead is None else lead
    parts = [axes.get(axis, ((shape[axis], "place"),)) for axis in range(needed)]
    kept = [tuple(part for part in own if part[0] != 1 or part[1] == "time") for own in parts]
    return Layout(needed, tuple(kept), steps)


def _timed(
    sight: Sight, looked: int, batch: int, outer: int, steps: int
) -> Iterator[dict[int, tuple[Part, ...]]]:
    """The parts of the axes with samples and with time."""
    size = sight.one.shape[batch]
    before: Part = (outer, "place")
    behind: Part = (size // outer, "place")
    samples: Part = (0, "batch")
    if steps == 1:
        yield {batch: (before, samples, behind)}
        return
    grows = sight.grows(steps)
    proven = False
    for axes in _placements(sight.one.shape, looked, batch, outer, steps) if grows is not None else ():
        time = next(axis for axis, own in axes.items() if any(kind == "time" for _, kind in own))
        if time == grows and _causal(sight, time, axes[time], steps):
            proven = True
            yield axes
    if proven:
        return
    for axes in _plain(sight.one.shape, looked, batch, outer, steps):
        time = next(axis for axis, own in axes.items() if any(kind == "time" for _, kind in own))
        if grows is None or time == grows:
            yield axes


def _placements(
    shape: tuple[int, ...], looked: int, batch: int, outer: int, steps: int
) -> Iterator[dict[int, tuple[Part, ...]]]:
    """Time anywhere: as an axis, or inside of one."""
    inner = shape[batch] // outer
    ends: tuple[Part, Part, Part] = ((outer, "place"), (0, "batch"), (inner, "place"))
    for axis in range(looked):
        if axis != batch:
            for own in _inside(shape[axis], steps):
                yield {batch: ends, axis: own}
    for own in _inside(outer, steps):
        yield {batch: (*own, *ends[1:])}
    for own in _inside(inner, steps):
        yield {batch: (*ends[:2], *own)}


def _inside(size: int, steps: int) -> Iterator[tuple[Part, ...]]:
    if size % steps == 0:
        for before in _divisors(size // steps):
            yield (before, "place"), (steps, "time"), (size // steps // before, "place")


def _plain(
    shape: tuple[int, ...], looked: int, batch: int, outer: int, steps: int
) -> Iterator[dict[int, tuple[Part, ...]]]:
    """Time as a whole axis, or next to the samples."""
    inner = shape[batch] // outer
    for axis in range(looked):
        if axis != batch and shape[axis] == steps:
            yield {batch: ((outer, "place"), (0, "batch"), (inner, "place")), axis: ((steps, "time"),)}
    if outer == steps:
        yield {batch: ((steps, "time"), (0, "batch"), (inner, "place"))}
    elif outer == 1 and inner == steps:
        yield {batch: ((0, "batch"), (steps, "time"))}


def _causal(sight: Sight, axis: int, parts: tuple[Part, ...], steps: int) -> bool:
    """Whether the longer run begins with the same timesteps, at this place of the axis."""
    assert sight.longer is not None, "asked only where there is one"
    if axis >= sight.one.rows.dim():
        return False
    before = 1
    for size, kind in parts:
        if kind == "time":
            break
        before *= 1 if kind == "batch" else size
    one, more = (mark.rows.movedim(axis, 0) for mark in (sight.one, sight.longer))
    short = one.reshape(before, steps, -1)
    first = more.reshape(before, steps + 1, -1)[:, :steps]
    return _same(short, first)


def _agree(one: Tensor, two: Tensor, batch: int, outer: int) -> bool:
    """Whether the first of two samples stands where `outer` rows outside of the samples put it."""
    rows, both = one.movedim(batch, 0), two.movedim(batch, 0)
    inner = len(rows) // outer
    first = both.reshape(outer, 2, inner, *both.shape[1:])[:, 0].reshape(rows.shape)
    return _same(rows, first)


def agree(one: Sequence[Mark], other: Sequence[Mark]) -> bool:
    """Whether the first tensors of another run are the same as these."""
    pairs = list(zip(one, other, strict=False))
    return all(a.shape == b.shape and _same(a.rows, b.rows) for a, b in pairs)


def _same(rows: Tensor, others: Tensor) -> bool:
    """Whether rows agree, of those that are not all zero."""
    live = (rows != 0) | (others != 0)
    if not bool(live.any()):
        return True
    apart = (others - rows).abs()[live] > 1e-5 * float(rows.abs().max())
    return float(apart.double().mean()) <= 1 - EQUAL_ROWS


def _divisors(count: int) -> list[int]:
    return [outer for outer in range(1, count + 1) if count % outer == 0]
