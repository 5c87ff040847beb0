"""Marks: for every element of a tensor, the number of the channel that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

CONSTANT: Final = -1.0
"""Not computed from what the network was given: a parameter, zeros."""
MIXED: Final = -2.0
"""Computed from several channels."""
OTHER: Final = -3.0
"""Computed from what the network was given, but from no layer's channel."""


@dataclass(frozen=True)
class Marks:
    """What is known of one tensor.

    Args:
        numbers: Shape of the tensor; the number of a channel, or one of the constants above.
        layers: Names of the layers whose channels are in it, also those that are mixed.
        lost: The operation after which nobody knows where the channels are; empty as long as it is known.
    """

    numbers: Tensor
    layers: frozenset[str] = frozenset()
    lost: str = ""

    @property
    def axis(self) -> int | None:
        """The one axis, counted from the end, along which the channels differ; None of none or several."""
        axes = _varying(self.numbers)
        return axes[0] - self.numbers.dim() if len(axes) == 1 else None

    def along(self, axis: int) -> Tensor | None:
        """The numbers along an axis; None where they differ along others."""
        if any(each != axis % self.numbers.dim() for each in _varying(self.numbers)):
            return None
        return self.numbers.movedim(axis, 0).flatten(1)[:, 0] if self.numbers.numel() else None

    @property
    def order(self) -> tuple[float, ...] | None:
        """The channels in the order they lie, equal neighbours once; None if they lie in no row."""
        axes = _varying(self.numbers)
        if len(axes) > 1 or not self.numbers.numel():
            return None
        row = self.numbers.movedim(axes[0], 0).flatten(1)[:, 0] if axes else self.numbers.flatten()[:1]
        return tuple(torch.unique_consecutive(row).tolist())


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


def _varying(numbers: Tensor) -> list[int]:
    """Axes along which numbers differ."""
    return [
        axis
        for axis, size in enumerate(numbers.shape)
        if size > 1 and not torch.equal(numbers.narrow(axis, 0, size - 1), numbers.narrow(axis, 1, size - 1))
    ]
