"""Signed arithmetic as Verilog: every wire carries the range it can hold, and is as wide as that needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from spareto.integer.semantics import Rounding


def bits_for(low: int, high: int) -> int:
    """Width of a signed number from `low` to `high`.

    >>> bits_for(-8, 7), bits_for(0, 8), bits_for(0, 0)
    (4, 5, 1)
    """
    return max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1


def literal(value: int, bits: int) -> str:
    """A signed number of a stated width.

    >>> literal(5, 4), literal(-3, 4), literal(-8, 4)
    ("4'sd5", "-4'sd3", "4'sh8")
    """
    if value == -(1 << (bits - 1)):
        return f"{bits}'sh{1 << (bits - 1):x}"
    return f"{bits}'sd{value}" if value >= 0 else f"-{bits}'sd{-value}"


@dataclass(frozen=True)
class Signal:
    """A signed wire.

    Args:
        name: Its name, or a literal.
        low: Smallest number it carries.
        high: Largest number it carries.
        bits: Its width.
    """

    name: str
    low: int
    high: int
    bits: int

    @classmethod
    def of(cls, name: str, low: int, high: int) -> Signal:
        """A wire as wide as its range needs."""
        return cls(name, low, high, bits_for(low, high))

    @classmethod
    def word(cls, name: str, bits: int) -> Signal:
        """A wire that carries every number of its width."""
        return cls(name, -(1 << (bits - 1)), (1 << (bits - 1)) - 1, bits)

    @classmethod
    def constant(cls, value: int) -> Signal:
        """A number."""
        bits = bits_for(value, value)
        return cls(literal(value, bits), value, value, bits)

    @property
    def fixed(self) -> bool:
        """Whether it is a number."""
        return self.low == self.high and "'" in self.name

    def at(self, bits: int) -> str:
        """It, sign-extended to a width."""
        if self.fixed:
            return literal(self.low, bits)
        if bits == self.bits:
            return self.name
        sign = f"{self.name}[{self.bits - 1}]" if self.bits > 1 else self.name
        return f"$signed({{{{{bits - self.bits}{{{sign}}}}}, {self.name}}})"


def reaches(a: Signal, least: int) -> str:
    """`a >= least` as logic of the bits of `a`, the sign turned first.

    From the highest bit on: where the number before `least` has a 1, `a` needs one; where it has a 0, a 1 of
    `a` decides.

    >>> print(reaches(Signal.word("v", 6), 21))
    ~v[5] & v[4] & (v[3] | (v[2] & (|v[1:0])))
    """
    most = 1 << (a.bits - 1)
    if least > a.high or least > most - 1:
        return "1'b0"
    if least <= max(a.low, -most):
        return "1'b1"
    last = least - 1 + most  # above the number before, both counted from 0
    ways = ["&" if last >> bit & 1 else "|" for bit in range(a.bits)]
    top = a.bits - 1
    lowest = bit = ways.index("|")  # nothing below it can decide
    said, joined = "", ""
    while bit < top:  # runs of bits that do the same; the lowest bit goes with those above it
        way = ways[min(bit + 1, top - 1)] if bit == lowest else ways[bit]
        end = next((n for n in range(bit + 1, top) if ways[n] != way), top)
        run = f"{a.name}[{bit}]" if end == bit + 1 else f"({way}{a.name}[{end - 1}:{bit}])"
        said = f"{run} {way} " + (f"({said})" if joined else said) if said else run
        joined = way if said != run else ""
        bit = end
    sign = f"~{a.name}[{top}]" if top else f"~{a.name}"
    if not said:
        return sign
    return f"{sign} {ways[top]} " + (f"({said})" if joined not in ("", ways[top]) else said)


@dataclass
class Block:
    """Wires of a module, in order.

    Attributes:
        lines: Declarations.
    """

    lines: list[str] = field(default_factory=list[str])

    def comment(self, text: str) -> None:
        """A line for the reader."""
        self.lines.append(f"// {text}")

    def wire(self, name: str, low: int, high: int, value: str, bits: int | None = None) -> Signal:
        """Declare a signed wire."""
        width = bits_for(low, high) if bits is None else bits
        self.lines.append(f"wire signed [{width - 1}:0] {name} = {value};")
        return Signal(name, low, high, width)

    def flag(self, name: str, value: str) -> str:
        """Declare a wire of one bit."""
        self.lines.append(f"wire {name} = {value};")
        return name

    def add(self, name: str, a: Signal, b: Signal, within: tuple[int, int] | None = None) -> Signal:
        """`a + b`, known to stay `within` a range; nothing is declared where `b` is 0."""
        if b.fixed and b.low == 0:
            return a
        low, high = (a.low + b.low, a.high + b.high) if within is None else within
        bits = max(bits_for(low, high), a.bits, b.bits)
        return self.wire(name, low, high, f"{a.at(bits)} + {b.at(bits)}", bits)

    def subtract(self, name: str, a: Signal, b: Signal, within: tuple[int, int] | None = None) -> Signal:
        """`a − b`, known to stay `within` a range; nothing is declared where `b` is 0."""
        if b.fixed and b.low == 0:
            return a
        low, high = (a.low - b.high, a.high - b.low) if within is None else within
        bits = max(bits_for(low, high), a.bits, b.bits)
        return self.wire(name, low, high, f"{a.at(bits)} - {b.at(bits)}", bits)

    def leak(self, name: str, a: Signal, shift: int | None, rounding: Rounding) -> Signal:
        """What is left of a state: `a − a / 2^shift`, never further from 0 than `a`."""
        if shift is None:
            return a
        lost = self.right(f"{name}_off", a, shift, rounding)
        return self.subtract(name, a, lost, (min(a.low, 0), max(a.high, 0)))

    def left(self, name: str, a: Signal, shift: int) -> Signal:
        """`a · 2^shift`: the same bits with zeros behind them."""
        if shift == 0:
            return a
        value = f"$signed({{{a.name}, {shift}'d0}})"
        return self.wire(name, a.low << shift, a.high << shift, value, a.bits + shift)

    def right(self, name: str, a: Signal, shift: int, rounding: Rounding) -> Signal:
        """`a / 2^shift`, rounded."""
        if shift == 0:
            return a
        if rounding == "floor":
            shift = min(shift, a.bits - 1)  # the sign alone is left beyond
            return self.wire(name, a.low >> shift, a.high >> shift, f"{a.name} >>> {shift}", a.bits)
        if shift >= a.bits:
            return Signal.constant(0)
        low, high = a.low >> shift, -(-a.high >> shift)
        rest = f"{a.name}[{shift - 1}:0]" if shift > 1 else f"{a.name}[0]"
        up = self._sign(a) + f" & (|{rest})" if rounding == "truncate" else self._half(a, shift)
        self.flag(f"{name}_up", up)
        bits = a.bits - shift + 1
        whole = f"$signed({{{self._sign(a)}, {a.name}[{a.bits - 1}:{shift}]}})"
        one = f"$signed({{{bits - 1}'d0, {name}_up}})"
        return self.wire(name, low, high, f"{whole} + {one}", bits)

    def _half(self, a: Signal, shift: int) -> str:
        """Whether the nearest number is above, that is even where two are as near."""
        lower = f"(|{a.name}[{shift - 2}:0]) | " if shift > 1 else ""
        return f"{a.name}[{shift - 1}] & ({lower}{a.name}[{shift}])"

    def _sign(self, a: Signal) -> str:
        return f"{a.name}[{a.bits - 1}]" if a.bits > 1 else a.name

    def clip(self, name: str, a: Signal, low: int, high: int) -> Signal:
        """`a` kept within a range; nothing is declared where it cannot leave it."""
        if low <= a.low and a.high <= high:
            return a
        if a.fixed:
            return Signal.constant(min(max(a.low, low), high))
        bits = bits_for(low, high)
        if low == -(1 << (bits - 1)) and high == (1 << (bits - 1)) - 1:
            top = f"{a.name}[{a.bits - 1}:{bits - 1}]"
            fits = self.flag(f"{name}_fits", f"(&{top}) | ~(|{top})")
            end = f"{{{self._sign(a)}, {{{bits - 1}{{~{self._sign(a)}}}}}}}"
            return self.wire(name, low, high, f"{fits} ? {a.name}[{bits - 1}:0] : {end}", bits)
        over = self.flag(f"{name}_over", reaches(a, high + 1))
        under = self.flag(f"{name}_under", f"~({reaches(a, low)})")
        inner = f"{a.name}[{bits - 1}:0]" if a.bits >= bits else a.at(bits)
        value = f"{over} ? {literal(high, bits)} : {under} ? {literal(low, bits)} : {inner}"
        return self.wire(name, low, high, value, bits)

    def choose(self, name: str, flag: str, a: Signal, b: Signal) -> Signal:
        """`a` where a flag is up, else `b`."""
        low, high = min(a.low, b.low), max(a.high, b.high)
        bits = max(bits_for(low, high), a.bits if not a.fixed else 1, b.bits if not b.fixed else 1)
        return self.wire(name, low, high, f"{flag} ? {a.at(bits)} : {b.at(bits)}", bits)

    def compare(self, name: str, a: Signal, comparison: str, b: Signal) -> str:
        """A flag: `a > b` or `a >= b`; with a number it is logic, which takes no chain of carries."""
        if b.fixed:
            least = b.low + (comparison == ">")
            self.comment(f"{name}: from {least} on")
            return self.flag(name, reaches(a, least))
        bits = max(a.bits, b.bits)
        return self.flag(name, f"{a.at(bits)} {comparison} {b.at(bits)}")

    def assign(self, target: Signal, value: Signal) -> None:
        """Drive an output, which holds every number of the value."""
        given = value.name
        if value.fixed or value.bits < target.bits:
            given = value.at(target.bits)
        elif value.bits > target.bits:
            given = f"{value.name}[{target.bits - 1}:0]"
        self.lines.append(f"assign {target.name} = {given};")

    def indented(self) -> Iterator[str]:
        """The lines of a module's body."""
        return (f"    {line}" for line in self.lines)
