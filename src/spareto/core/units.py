"""Numbers that carry their unit and their source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite
from typing import Annotated, Any, cast

from pydantic import Field, GetCoreSchemaHandler, field_validator
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from spareto.core.config import Record
from spareto.core.errors import did_you_mean, one_of

# unit -> (canonical unit of its dimension, factor to it)
_UNITS: dict[str, tuple[str, float]] = {
    "fJ": ("pJ", 1e-3),
    "pJ": ("pJ", 1.0),
    "nJ": ("pJ", 1e3),
    "uJ": ("pJ", 1e6),
    "µJ": ("pJ", 1e6),
    "pJ/bit": ("pJ/bit", 1.0),
    "pJ/cycle": ("pJ/cycle", 1.0),
    "bits": ("bits", 1.0),
    "bytes": ("bits", 8.0),
    "KiB": ("bits", 8.0 * 1024),
    "MiB": ("bits", 8.0 * 1024**2),
    "words": ("words", 1.0),
    "instances": ("instances", 1.0),
    "iterations": ("iterations", 1.0),
    "cycles": ("cycles", 1.0),
    "bits/cycle": ("bits/cycle", 1.0),
    "bytes/cycle": ("bits/cycle", 8.0),
    "words/cycle": ("words/cycle", 1.0),
    "ops/cycle": ("ops/cycle", 1.0),
    "um2": ("um2", 1.0),
    "mm2": ("um2", 1e6),
    "MHz": ("MHz", 1.0),
    "GHz": ("MHz", 1e3),
    "kHz": ("MHz", 1e-3),
    "nm": ("nm", 1.0),
    "mW": ("mW", 1.0),
    "W": ("mW", 1e3),
    "uW": ("mW", 1e-3),
    "V": ("V", 1.0),
    "hops": ("hops", 1.0),
    "timesteps": ("timesteps", 1.0),
    "share": ("share", 1.0),
}


class Quantity(Record):
    """A number with its unit and where it comes from.

    Args:
        value: The number, in `unit`.
        unit: One of the units this module knows.
        source: Publication, data sheet or stated assumption; never empty.
    """

    value: Annotated[float, Field(ge=0, le=1e30, strict=True)]
    unit: str
    source: Annotated[str, Field(min_length=1)]

    @field_validator("unit")
    @classmethod
    def _check_unit(cls, unit: str) -> str:
        if unit not in _UNITS:
            raise _broken(f"{one_of(_UNITS)}", did_you_mean(unit, tuple(_UNITS)))
        return unit

    @property
    def amount(self) -> float:
        """The number in the canonical unit of its dimension (pJ, bits, words, cycles, um2, ...)."""
        return self.value * _UNITS[self.unit][1]


@dataclass(frozen=True)
class Unit:
    """Says, beside a field of type `Quantity`, which canonical unit its value must convert to, and its range.

    Args:
        canonical: The unit.
        positive: Whether 0 is refused.
        whole: Whether only whole numbers are allowed, in the canonical unit.
        most: The largest amount allowed, in the canonical unit.

    >>> from typing import Annotated
    >>> Energy = Annotated[Quantity, Unit("pJ")]
    >>> Instances = Annotated[Quantity, Unit("instances", positive=True, whole=True)]
    """

    canonical: str
    positive: bool = False
    whole: bool = False
    most: float = 1e15

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        checked = core_schema.no_info_before_validator_function(self._require_parts, handler(source))
        return core_schema.no_info_after_validator_function(self._require_unit, checked)

    def _require_parts(self, value: Any) -> Any:
        if isinstance(value, Quantity):
            return value
        given = cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {"value": value}
        if {"value", "unit", "source"} - set(given):
            raise _broken("a number with its unit and source", self._example(given))
        number, unit = given["value"], given["unit"]
        if _is_number(number) and unit in self._known() and not self._allows(_scaled(number, unit)):
            raise _broken(self._range(), "")
        return given

    def _require_unit(self, quantity: Quantity) -> Quantity:
        if quantity.unit not in self._known():
            raise _broken(f"a quantity in {' or '.join(self._known())}", f"Convert it to {self.canonical}.")
        if not self._allows(quantity.amount):
            raise _broken(self._range(), "")
        return quantity

    def _known(self) -> list[str]:
        return [unit for unit, (canonical, _) in _UNITS.items() if canonical == self.canonical]

    def _allows(self, amount: float) -> bool:
        whole = not self.whole or (isfinite(amount) and abs(amount - round(amount)) <= 1e-9 * amount)
        return whole and (amount > 0 if self.positive else amount >= 0) and amount <= self.most

    def _range(self) -> str:
        """The rule in words: `a whole number of bits greater than 0 and at most 4096`."""
        kind = "a whole number of" if self.whole else "a number of"
        low = "greater than 0" if self.positive else "not below 0"
        return f"{kind} {self.canonical} {low} and at most {self.most:.12g}"

    def _example(self, given: Mapping[str, Any]) -> str:
        value, unit = given.get("value"), given.get("unit", self.canonical)
        source = given.get("source", "...")
        return f'Write {{value: {value}, unit: {unit}, source: "{source}"}}.'


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _scaled(number: float, unit: str) -> float:
    """In the canonical unit; a whole number beyond all others is infinite."""
    try:
        return number * _UNITS[unit][1]
    except OverflowError:
        return inf


def _broken(rule: str, cure: str) -> PydanticCustomError:
    return PydanticCustomError("rule", "{rule}", {"rule": rule, "cure": cure})


_WIDEST = 4096.0  # bits of one number: no arithmetic is wider

Energy = Annotated[Quantity, Unit("pJ")]
Bits = Annotated[Quantity, Unit("bits", positive=True, whole=True)]
Width = Annotated[Quantity, Unit("bits", positive=True, whole=True, most=_WIDEST)]  # of one number
Words = Annotated[Quantity, Unit("words", positive=True, whole=True)]
Instances = Annotated[Quantity, Unit("instances", positive=True, whole=True, most=1e9)]
Iterations = Annotated[Quantity, Unit("iterations", positive=True, whole=True)]
BitsPerCycle = Annotated[Quantity, Unit("bits/cycle", positive=True)]
OpsPerCycle = Annotated[Quantity, Unit("ops/cycle", positive=True)]
Cycles = Annotated[Quantity, Unit("cycles")]
Area = Annotated[Quantity, Unit("um2")]
Power = Annotated[Quantity, Unit("pJ/cycle")]
Watts = Annotated[Quantity, Unit("mW", positive=True)]
Frequency = Annotated[Quantity, Unit("MHz", positive=True)]
EnergyPerBit = Annotated[Quantity, Unit("pJ/bit")]
Hops = Annotated[Quantity, Unit("hops")]
Timesteps = Annotated[Quantity, Unit("timesteps", positive=True, whole=True, most=1e9)]
Node = Annotated[Quantity, Unit("nm", positive=True)]
Volts = Annotated[Quantity, Unit("V", positive=True)]
