"""Where time and samples lie in a tensor: worked out from a run on one sample and one on two."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

LEADING: Final = 3  # axes of which the marks keep every entry
EQUAL_ROWS: Final = 0.98  # share of rows that must agree: sums may round differently in another batch


@dataclass(frozen=True)
class Mark:
    """A tensor's shape, and one number a place of its first axes that tells its rows apart.

    Args:
        shape: Shape of the tensor.
        rows: A fixed weighted sum over all other axes, shape `shape[:3]`.
    """

    shape: tuple[int, ...]
    rows: Tensor

    @classmethod
    def of(cls, tensor: Tensor) -> Mark:
        """The mark of a tensor."""
        shape = tuple(tensor.shape)
        flat = tensor.detach().double().reshape(*shape[:LEADING], -1)
        weights = torch.sin(torch.arange(1, flat.shape[-1] + 1, dtype=torch.float64))
        return cls(shape, flat @ weights)


@dataclass(frozen=True)
class Layout:
    """Where time and samples lie in the leading axes of a tensor.

    Args:
        lead: Number of leading axes; those behind belong to one sample at one timestep and place.
        batch: The axis with the samples.
        outer: Entries of that axis which stand outside of the samples: it holds (outer, samples, inner).
        inner: Entries of that axis which stand inside of the samples.
        time: The axis with the timesteps; -1 if time is merged into the batch axis, None if the tensor holds
            one timestep.
        steps: Timesteps that the tensor holds.
    """

    lead: int
    batch: int
    outer: int = 1
    inner: int = 1
    time: int | None = None
    steps: int = 1

    @property
    def needed(self) -> int:
        """Leading axes without those behind time and samples."""
        return 1 + max(self.batch, self.time or 0)

    @property
    def order(self) -> str:
        """`time-batch` or `batch-time` where the tensor holds several timesteps, else nothing."""
        if self.steps == 1:
            return ""
        if self.time == -1:
            return "batch-time" if self.outer == 1 else "time-batch"
        return "time-batch" if self.time is not None and self.time < self.batch else "batch-time"

    def split(self, tensor: Tensor) -> Tensor:
        """`tensor` as `(timesteps, samples, places, ...)`.

        Args:
            tensor: Leading axes as they were; the number of samples may be any.
        """
        features = tensor.shape[self.lead :]
        shape = tensor.shape[: self.lead]
        samples = shape[self.batch] // (self.outer * self.inner)
        parts = [[(size, "place")] for size in shape]
        parts[self.batch] = [(self.outer, "place"), (samples, "batch"), (self.inner, "place")]
        if self.time == -1:
            merged = 0 if self.outer == self.steps else 2
            parts[self.batch][merged] = (self.steps, "time")
        elif self.time is not None:
            parts[self.time] = [(self.steps, "time")]
        flat = [part for axis in parts for part in axis]
        order = [i for kind in ("time", "batch", "place") for i, (_, own) in enumerate(flat) if own == kind]
        split = tensor.reshape(*(size for size, _ in flat), *features)
        split = split.permute(*order, *range(len(flat), split.dim()))
        return split.reshape(self.steps, samples, -1, *features)


def layouts(one: Mark, two: Mark, lead: int | None, steps: int) -> list[Layout]:
    """Every layout that a run on one sample and one on that sample and another allow.

    Args:
        one: The tensor for one sample.
        two: The tensor for that sample, first, and another.
        lead: Number of leading axes; None where axes behind time and samples belong to the sample.
        steps: Timesteps that the tensor holds.

    Returns:
        All that agree with the shapes and the rows; empty if the samples stand on no leading axis.
    """
    looked = min(len(one.shape), LEADING) if lead is None else min(lead, LEADING)
    if len(one.shape) != len(two.shape) or one.shape[looked:] != two.shape[looked:]:
        return []
    grown = [axis for axis in range(looked) if one.shape[axis] != two.shape[axis]]
    if len(grown) != 1 or two.shape[grown[0]] != 2 * one.shape[grown[0]]:
        return []
    found = [
        layout
        for outer in _divisors(one.shape[grown[0]])
        if _agree(one.rows, two.rows, grown[0], outer)
        for layout in _with_time(one.shape[:looked], grown[0], outer, steps)
    ]
    return [replace(layout, lead=layout.needed if lead is None else lead) for layout in found]


def _with_time(shape: tuple[int, ...], batch: int, outer: int, steps: int) -> list[Layout]:
    inner = shape[batch] // outer
    if steps == 1:
        return [Layout(0, batch, outer, inner)]
    found = [
        Layout(0, batch, outer, inner, axis, steps)
        for axis in range(len(shape))
        if axis != batch and shape[axis] == steps
    ]
    if outer == steps or (outer == 1 and inner == steps):
        found.append(Layout(0, batch, outer, inner, -1, steps))
    return found


def _agree(one: Tensor, two: Tensor, batch: int, outer: int) -> bool:
    """Whether the first of two samples stands where `outer` rows outside of the samples put it."""
    rows, both = one.movedim(batch, 0), two.movedim(batch, 0)
    inner = len(rows) // outer
    first = both.reshape(outer, 2, inner, *both.shape[1:])[:, 0].reshape(rows.shape)
    scale = max(float(rows.abs().max()), 1e-12) if rows.numel() else 1.0
    return float(((first - rows).abs() <= 1e-5 * scale).double().mean()) >= EQUAL_ROWS


def _divisors(count: int) -> list[int]:
    return [outer for outer in range(1, count + 1) if count % outer == 0]
