"""How each layer ran, and why: logged when it changes, and kept for `decisions()`."""

from __future__ import annotations

import logging
import weakref
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any, Final, Literal

Way = Literal["events", "dense", "reference"]

CROSSOVER: Final = 0.5
"""Density of its input below which a layer's sums are event-driven; measured by `benchmarks/density.py`."""

CONNECTED: Final = 0.65
"""The same of a dense layer, whose dense sums are one matrix product."""

DEPTHWISE: Final = 1.0
"""The same of a depthwise convolution: bits beat floats however many are set."""

GROUPED: Final[dict[str, float]] = {"usual": 0.4, "strided": 0.05, "1x1": 0.15}
"""The same of groups of several inputs, whose dense sums are small products."""

UNGROUPED: Final[dict[str, float]] = {"usual": CROSSOVER, "strided": 0.12, "1x1": 0.25}
"""The same without groups: with a stride, and with a single weight per kernel, a spike is used less often."""


class Reason(StrEnum):
    """Why a layer went which way; what stands in braces is filled in."""

    FEW = "at most {:g} of its inputs are spikes"
    MANY = "more than {:g} of its inputs are spikes"
    MIXED = "its input is not spikes only"
    CONVOLUTION = "its convolution is not an nn.Conv2d padded with zeros"
    DROPOUT = "dropout scales its input"
    ASKED = "the reference was asked for"
    AUTOCAST = "autocast is at work"
    EXPORTING = "exported programs hold plain torch"
    NOT_LOADED = "the C kernels are not loaded"
    WEIGHT = "weights are {} on {}"
    INPUT = "its input is {} on {}"
    SHORTCUT = "its shortcut is {} on {}"
    EMPTY = "its input is empty"
    HOOKS = "hooks watch its parts"
    NORM = "{} has no kernel"
    CHANNELS = "its batch norm has other channels"
    NEURONS = "its neurons have no kernel"
    SURROGATE = "its surrogate has no kernel"

    def of(self, *details: object) -> Why:
        """The reason with its details."""
        return Why(self.format(*details), self)


class Why(str):
    """A reason in words; a compiled graph hands on the words alone.

    Attributes:
        reason: Which it is.
    """

    reason: Reason | None = None

    def __new__(cls, text: str, reason: Reason | None = None) -> Why:
        """Copies are made of the words alone, and take over what else there is."""
        made = super().__new__(cls, text)
        made.reason = reason
        return made


UNASKED: Final = (Reason.AUTOCAST, Reason.NORM, Reason.SURROGATE)
"""Reasons that take a layer off the fast path although nobody may have meant it."""

_log = logging.getLogger("spareto")
_warned: set[tuple[str, str]] = set()
_numbers = count()
_slots: weakref.WeakValueDictionary[int, DecisionSlot] = weakref.WeakValueDictionary()


@dataclass(frozen=True)
class KernelDecision:
    """How a layer ran last.

    Args:
        layer: What `repr` says of its convolution or dense layer.
        way: `events` (event-driven sums), `dense` (torch's sums, the rest fused), `reference` (plain torch).
        why: The reason, one of `Reason` with its details.
        density: Share of its inputs that were spikes, 0..1; None where it was not measured.
    """

    layer: str
    way: Way
    why: str
    density: float | None = None


class DecisionSlot:
    """Where a layer keeps its latest decision; an operator in a compiled graph finds it by its number."""

    def __init__(self) -> None:
        self.number = next(_numbers)
        self.latest: KernelDecision | None = None
        _slots[self.number] = self

    def __reduce__(self) -> tuple[Any, ...]:  # copies of a layer decide for themselves
        return DecisionSlot, ()


def decide(slot: DecisionSlot | int, layer: object, way: Way, why: str, density: float | None = None) -> None:
    """Note a decision; log a new way, and warn, once a layer, of a reference nobody asked for.

    Args:
        slot: The layer's, or its number.
        layer: What `KernelDecision.layer` shows.
        way: See `KernelDecision`.
        why: See `KernelDecision`.
        density: See `KernelDecision`.
    """
    found = _slots.get(slot) if isinstance(slot, int) else slot
    if found is None:
        return
    before = found.latest
    if before is not None and (before.way, before.why, before.density) == (way, why, density):
        return
    found.latest = KernelDecision(_shown(layer) if before is None else before.layer, way, why, density)
    if before is None or (before.way, before.why) != (way, why):
        _tell(found.latest, before is None or before.way != way)


def _tell(decision: KernelDecision, changed: bool) -> None:
    level = logging.INFO if changed else logging.DEBUG
    if decision.way == "reference" and getattr(decision.why, "reason", decision.why) in UNASKED:
        key = (decision.layer, decision.why)
        level = level if key in _warned else logging.WARNING
        _warned.add(key)
    measured = "" if decision.density is None else f" at density {decision.density:.3f}"
    text = "spareto: %s runs as %s%s: %s." + " No fused kernel speeds it up." * (level == logging.WARNING)
    _log.log(level, text, decision.layer, decision.way, measured, decision.why)


def _shown(layer: object) -> str:
    """In one line, be the layer parametrized."""
    if not hasattr(layer, "extra_repr"):
        return str(layer)
    return f"{type(layer).__name__.removeprefix('Parametrized')}({layer.extra_repr()})"  # pyright: ignore


def crossover(groups: int, inputs: int, stride: int, taps: int) -> float:
    """Density up to which the sums of a convolution are event-driven.

    Args:
        groups: Its groups.
        inputs: Its input channels.
        stride: The larger one.
        taps: Weights a kernel.
    """
    if groups == inputs and groups > 1:
        return DEPTHWISE
    kind = "strided" if stride > 1 else "1x1" if taps == 1 else "usual"
    return (GROUPED if groups > 1 else UNGROUPED)[kind]


def by_density(density: float, most: float = CROSSOVER) -> tuple[Way, str]:
    """The way of a layer whose inputs are all spikes, and why.

    Args:
        density: Share of spikes, 0..1.
        most: The largest at which its sums are event-driven.
    """
    if density > most:
        return "dense", Reason.MANY.of(most)
    return "events", Reason.FEW.of(most)


def decisions() -> tuple[KernelDecision, ...]:
    """How every living spiking layer ran last."""
    return tuple(slot.latest for slot in list(_slots.values()) if slot.latest is not None)
