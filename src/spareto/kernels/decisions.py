"""Which way each layer went, and why: logged when it changes, and kept for whoever asks."""

from __future__ import annotations

import logging
import weakref
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Literal

Way = Literal["events", "dense", "reference"]

CROSSOVER: Final = 0.5
"""Density of its input below which a layer's sums are event-driven; measured by `benchmarks/density.py`."""

GROUPED: Final = 0.4
"""The same of a convolution with groups of several inputs: its dense sums are small products."""

DEPTHWISE: Final = 1.0
"""The same of a depthwise convolution: bits beat floats however many are set."""

_log = logging.getLogger("spareto")
_numbers = count()
_slots: weakref.WeakValueDictionary[int, Slot] = weakref.WeakValueDictionary()


@dataclass(frozen=True)
class Decision:
    """How a layer ran last.

    Args:
        layer: What `repr` says of its convolution or dense layer.
        way: `events` (event-driven sums), `dense` (torch's sums, the rest fused), `reference` (plain torch).
        why: The reason.
        density: Share of its inputs that were spikes, 0..1; None where it was not measured.
    """

    layer: str
    way: Way
    why: str
    density: float | None = None


class Slot:
    """Where a layer keeps its latest decision; an operator in a compiled graph finds it by its number."""

    def __init__(self) -> None:
        self.number = next(_numbers)
        self.latest: Decision | None = None
        _slots[self.number] = self

    def __reduce__(self) -> tuple[Any, ...]:  # copies of a layer decide for themselves
        return Slot, ()


def decide(slot: Slot | int, layer: object, way: Way, why: str, density: float | None = None) -> None:
    """Note a decision; log it if the way or the reason is new.

    Args:
        slot: The layer's, or its number.
        layer: What `Decision.layer` shows.
        way: See `Decision`.
        why: See `Decision`.
        density: See `Decision`.
    """
    found = _slots.get(slot) if isinstance(slot, int) else slot
    if found is None:
        return
    before = found.latest
    if before is not None and (before.way, before.why, before.density) == (way, why, density):
        return
    found.latest = Decision(str(layer) if before is None else before.layer, way, why, density)
    if before is None or (before.way, before.why) != (way, why):
        measured = "" if density is None else f" at density {density:.3f}"
        _log.debug("spareto: %s runs as %s%s: %s.", found.latest.layer, way, measured, why)


def crossover(groups: int, inputs: int) -> float:
    """Density up to which the sums of a convolution of so many groups and input channels are event-driven."""
    if groups == 1:
        return CROSSOVER
    return DEPTHWISE if groups == inputs else GROUPED


def by_density(density: float, most: float = CROSSOVER) -> tuple[Way, str]:
    """The way of a layer whose inputs are all spikes, and why.

    Args:
        density: Share of spikes, 0..1.
        most: The largest at which its sums are event-driven.
    """
    if density > most:
        return "dense", f"more than {most:g} of its inputs are spikes"
    return "events", f"at most {most:g} of its inputs are spikes"


def decisions() -> tuple[Decision, ...]:
    """How every living spiking layer ran last."""
    return tuple(slot.latest for slot in list(_slots.values()) if slot.latest is not None)
