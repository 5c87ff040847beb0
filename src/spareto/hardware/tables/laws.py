"""How a value follows from sizes: a power of the width, a grid to interpolate in, rows of registers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import ceil, exp, log, log2
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from spareto.core.config import Record
from spareto.core.errors import ConfigError, Problem

Positive = Annotated[float, Field(gt=0, le=1e15)]


class Law(Record):
    """A rule with its constants.

    Class attributes:
        sizes: What it asks for.
    """

    sizes: ClassVar[tuple[str, ...]]

    @abstractmethod
    def value_at(self, sizes: Mapping[str, float], where: str) -> float:
        """The value for these sizes.

        Raises:
            ConfigError: The rule does not hold for them.
        """


class Power(Law):
    """Grows with a power of the width: 1 for an adder, 2 for a multiplier.

    Args:
        value: The value at `bits`.
        bits: The width it was measured for.
        exponent: The power.
    """

    sizes = ("bits",)
    law: Literal["power"]
    value: Positive
    bits: Positive
    exponent: Positive

    def value_at(self, sizes: Mapping[str, float], where: str) -> float:
        """Scaled from the measured width."""
        return self.value * (sizes["bits"] / self.bits) ** self.exponent


class Length(Law):
    """Grows with a length.

    Args:
        per_millimetre: The value of one millimetre.
    """

    sizes = ("millimetres",)
    law: Literal["length"]
    per_millimetre: Positive

    def value_at(self, sizes: Mapping[str, float], where: str) -> float:
        """Proportional to the length."""
        return self.per_millimetre * sizes["millimetres"]


class RegisterFile(Law):
    """One row of registers, and a comparator of the address at every row.

    Args:
        register_bit: One register.
        comparator: One comparator of `comparator_bits`; linear in its width.
        comparator_bits: The width it was measured for.
        most_depth: Rows up to which this holds.
        most_width_bits: Bits of a row up to which this holds.

    Reference:
        wu2019: how Accelergy estimates small memories.
    """

    sizes = ("depth", "width_bits")
    law: Literal["register_file"]
    register_bit: Positive
    comparator: Positive
    comparator_bits: Positive
    most_depth: Positive
    most_width_bits: Positive

    def value_at(self, sizes: Mapping[str, float], where: str) -> float:
        """Registers of the row read, comparators of all."""
        depth, width = sizes["depth"], sizes["width_bits"]
        for key, size, most in (
            ("depth", depth, self.most_depth),
            ("width_bits", width, self.most_width_bits),
        ):
            if size > most:
                cure = "Take an SRAM table."
                raise ConfigError(Problem(f"{where}.{key}", f"{size:g}", f"at most {most:g}", cure))
        address = ceil(log2(depth)) if depth > 1 else 0
        return self.register_bit * width + depth * self.comparator * address / self.comparator_bits


class MeasuredPoints(Law):
    """Interpolated between measured points, straight in the logarithms of size and value.

    Below the smallest size and the narrowest access the rules of Accelergy's CACTI plug-in take over: size
    to the power of 0.78, three tenths of the energy for any width. Above the largest nothing is known.

    Args:
        points: Bytes, bits of an access, value.
        widths: Bits of an access and values of one array, whose ratios hold for all sizes.
    """

    sizes = ("bytes", "width_bits")
    law: Literal["grid"]
    points: Annotated[tuple[tuple[Positive, Positive, Positive], ...], Field(min_length=2)]
    widths: Annotated[tuple[tuple[Positive, Positive], ...], Field(min_length=2)]

    def value_at(self, sizes: Mapping[str, float], where: str) -> float:
        """All points brought to the width asked for, then read at the size."""
        size, width = sizes["bytes"], sizes["width_bits"]
        largest, widest = self.points[-1][0], self.widths[-1][0]
        for key, given, most in (("bytes", size, largest), ("width_bits", width, widest)):
            if given > most:
                cure = "Split it into banks, or give a table of your own."
                raise ConfigError(Problem(f"{where}.{key}", f"{given:g}", f"at most {most:g}", cure))
        curve = [(b, value * self._shape(width) / self._shape(w)) for b, w, value in self.points]
        smallest, least = curve[0]
        return least * (size / smallest) ** 0.78 if size < smallest else _between(curve, size)

    def _shape(self, width: float) -> float:
        narrowest, value = self.widths[0]
        return value * (0.3 + 0.7 * width / narrowest) if width < narrowest else _between(self.widths, width)


def _between(curve: Sequence[tuple[float, float]], place: float) -> float:
    """The value at a place on a curve, straight between neighbours on logarithmic axes."""
    for (left, low), (right, high) in pairwise(curve):
        if place <= right:
            share = log(place / left) / log(right / left)
            return low * exp(share * log(high / low))
    return curve[-1][1]
