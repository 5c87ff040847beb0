"""Which way each layer went, and why: logged when it changes, and kept for whoever asks."""

from __future__ import annotations

import logging
import weakref
from dataclasses import dataclass
from typing import Any, Final, Literal

Way = Literal["events", "dense", "reference"]

CROSSOVER: Final = 0.5
"""Density of its input below which a layer's sums are event-driven; measured by `benchmarks/density.py`."""

_log = logging.getLogger("spareto")
_latest: weakref.WeakKeyDictionary[Any, Decision] = weakref.WeakKeyDictionary()


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


def decide(module: Any, layer: Any, way: Way, why: str, density: float | None = None) -> None:
    """Note a decision; log it if the way or the reason is new."""
    before = _latest.get(module)
    if before is not None and (before.way, before.why, before.density) == (way, why, density):
        return
    decision = Decision(str(layer) if before is None else before.layer, way, why, density)
    _latest[module] = decision
    if before is None or (before.way, before.why) != (way, why):
        measured = "" if density is None else f" at density {density:.3f}"
        _log.debug("spareto: %s runs as %s%s: %s.", decision.layer, way, measured, why)


def decision(module: Any) -> Decision | None:
    """How a spiking layer ran last; None if it has not."""
    return _latest.get(module)


def decisions() -> tuple[Decision, ...]:
    """How every living spiking layer ran last."""
    return tuple(_latest.values())
