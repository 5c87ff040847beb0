"""What a layer states of itself: how it is counted, folded, watched, stored, exported and lowered."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from spareto.kernels.decision_log import DecisionSlot, KernelDecision


class SpikingLayer(nn.Module, ABC):
    """A layer on `(time, batch, ...)` that runs other modules; one file each in `layers/`.

    One with sums has a `slot`, where the kernels note how it ran.
    """

    computes: ClassVar[str] = ""
    """What it computes beside its parts, and why that costs nothing; empty for one that only runs them."""

    sums: ClassVar[str] = ""
    """Name of the part that multiplies, for a layer with neurons."""

    fires: ClassVar[str] = ""
    """Name of the neurons whose spikes it gives. Spikes are watched at the whole layer, which stays fused."""

    flattens: ClassVar[bool] = False
    """Whether the first part sees each sample as a row."""

    @property
    def decision(self) -> KernelDecision | None:
        """How the layer ran last; None if it has not."""
        slot: DecisionSlot | None = getattr(self, "slot", None)
        return None if slot is None else slot.latest

    def chain(self) -> dict[str, nn.Module] | None:
        """Its parts by name, each fed by the one before; None where they are connected in another way."""
        return None

    @classmethod
    @abstractmethod
    def examples(cls) -> Iterator[tuple[Self, Tensor]]:
        """Small layers, each with a sequence of spikes that fits: what the contract tests run."""


def present(**parts: nn.Module | None) -> dict[str, nn.Module]:
    """The parts that are there."""
    return {name: part for name, part in parts.items() if part is not None}


def some_spikes(*shape: int) -> Tensor:
    """Spikes at 4 of 11 places, the same every time, for examples."""
    return (torch.arange(math.prod(shape)) * 7 % 11 < 4).float().reshape(shape)
