"""What a chip draws whether it works or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from spareto.core.config import Record
from spareto.core.units import Watts
from spareto.records.cost import ActionCost


class Supply(Record):
    """The power supply.

    Args:
        static_power: Leakage and what cannot be switched off.
    """

    kind: Literal["supply"]
    name: str
    about: str = ""
    static_power: Watts


def pj_per_cycle(power_mw: float, clock_mhz: float) -> float:
    """Energy drawn in one cycle, picojoules.

    >>> pj_per_cycle(1.0, 1000.0)
    1.0
    """
    return power_mw * 1e3 / clock_mhz


def idle_action(supply: Supply | None, clock_mhz: float | None, cycles: float) -> Iterator[ActionCost]:
    """What the supply is charged for over some cycles."""
    if supply and clock_mhz:
        each = pj_per_cycle(supply.static_power.amount, clock_mhz)
        yield ActionCost(
            component=supply.name, tensor="idle", action="leak", count=cycles, energy_pj=cycles * each
        )
