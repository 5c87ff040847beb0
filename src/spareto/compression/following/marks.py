"""Marks: for every element of a tensor, the number of the channel that it belongs to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor

CONSTANT: Final = -3.0
"""Not computed from what the network was given: a parameter, zeros."""
MIXED: Final = -2.0
"""Computed from several channels."""
OTHER: Final = -1.0
"""Computed from what the network was given, but from no layer's channel."""


@dataclass
class Origin:
    """Where the elements of a tensor, and of all views of it, come from.

    Args:
        layers: Names of the layers whose channels are in it, also those that are mixed.
        lost: The operation after which nobody knows where the channels are; empty as long as it is known.
    """

    layers: set[str] = field(default_factory=set[str])
    lost: str = ""


@dataclass(frozen=True)
class Marks:
    """What is known of one tensor.

    Args:
        numbers: Shape of the tensor; the number of a channel, or one of the constants above.
        origin: Shared with views of the tensor.
    """

    numbers: Tensor
    origin: Origin = field(default_factory=Origin)

    @property
    def layers(self) -> frozenset[str]:
        """Names of the layers whose channels are in it."""
        return frozenset(self.origin.layers)

    @property
    def lost(self) -> str:
        """The operation that lost track of the channels."""
        return self.origin.lost

    def kept(self) -> Marks:
        """As they are now, whatever is written into the tensor later."""
        return Marks(self.numbers.clone(), Origin(set(self.origin.layers), self.origin.lost))

    def axis(self, exact: bool = False) -> int | None:
        """The one axis, counted from the end, along which the channels differ; None of none or several."""
        axes = _varying(self.numbers, exact)
        return axes[0] - self.numbers.dim() if len(axes) == 1 else None

    def along(self, axis: int, exact: bool = False) -> Tensor | None:
        """The numbers along an axis; None where they differ along others.

        Args:
            axis: The axis.
            exact: Whether a constant beside a channel, as padding leaves it, is a difference.
        """
        axis %= self.numbers.dim()
        if not self.numbers.numel() or any(each != axis for each in _varying(self.numbers, exact)):
            return None
        return self.numbers.movedim(axis, 0).flatten(1).amax(1)  # a constant is the least of all numbers

    def order(self) -> tuple[float, ...] | None:
        """The channels in the order they lie, equal neighbours once; None if they lie in no row."""
        axes = _varying(self.numbers, exact=False)
        if len(axes) > 1 or not self.numbers.numel():
            return None
        row = self.along(axes[0] if axes else 0) if self.numbers.dim() else self.numbers.flatten()
        return None if row is None else tuple(torch.unique_consecutive(row).tolist())


def constant(shape: Sequence[int], number: float = CONSTANT) -> Tensor:
    """Equal marks."""
    return torch.full(tuple(shape), number)


def combined(marks: Sequence[Tensor], shape: Sequence[int]) -> Tensor:
    """The marks of what is computed element by element from several tensors."""
    result = constant(shape)
    for each in marks:
        new = each.expand(tuple(shape))
        known = torch.where((new == CONSTANT) | (new == result), result, torch.full_like(result, MIXED))
        result = torch.where(result == CONSTANT, new, known)
    return result


def reduced(marks: Tensor, axes: Sequence[int], keep: bool) -> Tensor:
    """The marks of a sum, a mean or the like over some axes."""
    if marks.dim() == 0:
        return marks
    axes = tuple(axes) or tuple(range(marks.dim()))
    low, high = marks.amin(axes, keepdim=keep), marks.amax(axes, keepdim=keep)
    return torch.where(low == high, low, torch.full_like(low, MIXED))


def pooled(marks: Tensor, axes: int, shape: Sequence[int]) -> Tensor:
    """The marks behind a pooling over the last axes: those before, if they are equal there."""
    whole = reduced(marks, tuple(range(-axes, 0)), keep=True)
    return whole.expand(tuple(shape)).clone()


def _varying(numbers: Tensor, exact: bool) -> list[int]:
    """Axes along which numbers differ."""
    if exact:
        low = high = numbers
    else:  # a constant is like any channel
        still = numbers == CONSTANT
        low, high = numbers.masked_fill(still, math.inf), numbers.masked_fill(still, -math.inf)
    return [
        axis
        for axis, size in enumerate(numbers.shape)
        if size > 1 and bool((low.amin(axis) < high.amax(axis)).any())
    ]
