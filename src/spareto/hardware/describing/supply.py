"""Power that a chip draws whether it works or not: leakage and clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from spareto.core.units import Energy, Watts
from spareto.hardware.describing.chip import ChipPart
from spareto.records.cost import ActionCost


class Supply(ChipPart):
    """The power supply.

    Args:
        static_power: Leakage and what cannot be switched off, of one chip.
        clock_energy: Energy a cycle of the clock takes even if nothing is done; None where it is not told
            apart.
    """

    kind: Literal["supply"]
    static_power: Watts
    clock_energy: Energy | None = None

    def pj_per_cycle(self, clock_mhz: float) -> float:
        """Energy drawn in one cycle, picojoules."""
        toggled = self.clock_energy.amount if self.clock_energy else 0.0
        return pj_per_cycle(self.static_power.amount, clock_mhz) + toggled


def pj_per_cycle(power_mw: float, clock_mhz: float) -> float:
    """Energy drawn in one cycle, picojoules.

    >>> pj_per_cycle(1.0, 1000.0)
    1.0
    """
    return power_mw * 1e3 / clock_mhz


def idle_actions(supplies: Sequence[Supply], clock_mhz: float | None, cycles: float) -> Iterator[ActionCost]:
    """What the supplies are charged for over some cycles."""
    for supply in supplies if clock_mhz else ():
        yield ActionCost.of(supply.name, "idle", "leak", cycles, supply.pj_per_cycle(clock_mhz or 1.0))
