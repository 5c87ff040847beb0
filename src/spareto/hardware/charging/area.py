"""How much silicon an accelerator takes."""

from __future__ import annotations

from spareto.core.units import Quantity
from spareto.hardware.describing.accelerator import Fanout
from spareto.hardware.describing.chip import Chip


def area_um2(chip: Chip) -> float | None:
    """Area of all components, square micrometres; None if the description leaves one out.

    A place that only spreads data takes none; a memory off the chip says `value: 0`. Wires, pads and
    control are not counted.
    """
    total = 0.0
    for part in chip.parts:
        if isinstance(part, Fanout):
            continue
        area: Quantity | None = getattr(part, "area", None)
        if area is None:
            return None
        total += area.amount * getattr(part, "count", 1.0)
    return total
