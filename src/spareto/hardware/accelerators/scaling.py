"""A chip at another process node or another voltage, by one stated rule.

A switched capacitor takes C V^2, and C goes with the feature size: energies go with node x voltage^2.
Leakage goes with node x voltage^3, areas with node^2. The clock stays, and so does memory outside the chip.
How far the rule is off where it could be checked stands in docs/hardware.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar, cast

from spareto.core.errors import ConfigError, Problem
from spareto.core.text import shown
from spareto.hardware.accelerators import parse_accelerator
from spareto.hardware.describing.chip import Chip

ChipT = TypeVar("ChipT", bound=Chip)

_DYNAMIC: Final[tuple[str, ...]] = ("fJ", "pJ", "nJ", "uJ", "µJ", "pJ/bit")
_NODES: Final = (1.0, 10_000.0)
_VOLTS: Final = (0.05, 20.0)
_STATIC: Final[tuple[str, ...]] = ("pJ/cycle", "uW", "mW", "W")
_AREA: Final[tuple[str, ...]] = ("um2", "mm2")


def energy_factor(nodes: float, volts: float) -> float:
    """What an energy is multiplied by.

    Args:
        nodes: New node by old.
        volts: New voltage by old.

    >>> energy_factor(0.5, 1.0)
    0.5
    """
    return nodes * volts**2


def leakage_factor(nodes: float, volts: float) -> float:
    """What a static power is multiplied by; arguments as for `energy_factor`.

    >>> leakage_factor(1.0, 0.5)
    0.125
    """
    return nodes * volts**3


def scaled(chip: ChipT, *, node_nm: float | None = None, volts: float | None = None) -> ChipT:
    """The same chip made at another node, or run at another voltage.

    Args:
        chip: The chip.
        node_nm: The new node; None keeps its own.
        volts: The new voltage; None keeps its own.

    Raises:
        ConfigError: A node or voltage that no chip has, or the chip does not say the voltage of its energies.
    """
    _check(chip, node_nm, volts)
    nodes = node_nm / chip.technology.amount if node_nm else 1.0
    ratio = volts / chip.voltage.amount if volts and chip.voltage else 1.0
    factors: dict[str, float] = dict.fromkeys(_DYNAMIC, energy_factor(nodes, ratio))
    factors |= dict.fromkeys(_STATIC, leakage_factor(nodes, ratio))
    factors |= dict.fromkeys(_AREA, nodes**2)
    note = f"; scaled by {energy_factor(nodes, ratio):.4g}"
    data = chip.to_dict()
    data["components"] = [  # a memory that everything fits in is not on the chip
        part
        if part["kind"] == "memory" and part.get("depth") is None
        else _changed(part, factors, energy_factor(nodes, ratio), note)
        for part in data["components"]
    ]
    if node_nm:
        data["technology"] = {"value": node_nm, "unit": "nm", "source": _from(data["technology"])}
    if volts:
        data["voltage"] = {"value": volts, "unit": "V", "source": _from(data["voltage"])}
    return cast("ChipT", parse_accelerator(data))


def _check(chip: Chip, node_nm: float | None, volts: float | None) -> None:
    bounds = (("node", node_nm, _NODES, "nm"), ("volts", volts, _VOLTS, "V"))
    problems = [
        Problem(name, shown(value), f"a number from {least:g} to {most:g} {unit}")
        for name, value, (least, most), unit in bounds
        if value is not None and not least <= value <= most
    ]
    if volts is not None and chip.voltage is None:
        cure = "Add 'voltage' to its description."
        problems.append(
            Problem("volts", shown(volts), f"a chip that says its own; '{chip.name}' does not", cure)
        )
    ConfigError.if_any(problems)


def _from(old: Mapping[str, Any]) -> str:
    return f"scaled from {old['value']:g} {old['unit']} ({old['source']})"


def _changed(value: Any, factors: Mapping[str, float], dynamic: float, note: str, key: str = "") -> Any:
    """A component with every energy, power and area multiplied; what a busy processor draws is switching."""
    if isinstance(value, list):
        return [_changed(item, factors, dynamic, note) for item in cast("list[Any]", value)]
    if not isinstance(value, Mapping):
        return value
    given = cast("Mapping[str, Any]", value)
    factor = dynamic if key == "active_power" else factors.get(str(given.get("unit")))
    if "value" not in given or factor is None:
        return {name: _changed(item, factors, dynamic, note, name) for name, item in given.items()}
    return {**given, "value": given["value"] * factor, "source": given["source"] + note}
