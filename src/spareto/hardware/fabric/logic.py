"""Look-up tables of generated stages: a model of few terms, set by marked designs of `benchmarks/fpga`.

The terms follow from what the generator writes: adders and selections as wide as the numbers they hold, for
each unit; the choice of one input bit, or the priority encoder, for each input; counters of the classes.
`python -m benchmarks.fpga.fit` derives the coefficients and holds the model against every other design.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from spareto.hardware.fabric.lists import Lists
from spareto.hardware.fabric.memories import block_rams, in_blocks
from spareto.integer.semantics import Semantics

COEFFICIENTS: Final = {
    "control": 0.82,
    "scanned": 0.69,
    "encoded": 0.96,
    "handed": 0.99,
    "lanes": 0.22,
    "addresses": 0.85,
    "leak_floor": 0.89,
    "leak_rounded": 1.4,
    "fire": 2.1,
    "integrate": 3.9,
    "late": 4.4,
    "current": 2.6,
    "back": 0.91,
    "scaled": 4.0,
    "scaled_current": 1.2,
    "digits": 5.0,
    "fetched": 1.1,
    "states": 1.0,
    "constants": 1.3,
    "counters": 1.7,
}
"""LUTs of one of each of `Built.terms`."""

CONTROL: Final = 37.0
"""LUTs of a stage's control, about."""


def encoder(inputs: int) -> float:
    """LUTs of a priority encoder alone, about."""
    return 1.25 * inputs + 60.0


@dataclass(frozen=True)
class Built:
    """A stage as it is built.

    Args:
        inputs: Bits of the wire it reads.
        columns: Different weights of a neuron.
        channels: Neurons at each position.
        positions: Pixels of its output.
        units: Channels that are computed at the same time.
        reads: How it reads its inputs.
        semantics: What a timestep means, widths included.
        sums_bits: Width of an accumulator; that of a state where every addition saturates.
        lists: Words and lists by which spikes are handed out; None where inputs are read neuron by neuron.
        taps: Inputs of a window that slides over a map; 0 for a dense layer.
        tap_bits: Bits that say where a tap is and which weight it takes.
        back: Recurrent inputs of a neuron.
        digits: Binary digits of the multiplication of sums; 0 without.
        scaled_bits: Width of what the multiplication gives; 0 without.
    """

    inputs: int
    columns: int
    channels: int
    positions: int
    units: int
    reads: Literal["scan", "event", "compressed"]
    semantics: Semantics
    sums_bits: int
    lists: Lists | None = None
    taps: int = 0
    tap_bits: int = 0
    back: int = 0
    digits: int = 0
    scaled_bits: int = 0

    @property
    def passes(self) -> int:
        """How often the units are used in a timestep."""
        return self.channels // self.units * self.positions

    @property
    def memories(self) -> tuple[tuple[int, int], ...]:
        """Rows and bits of its memories: weights, places of rows or taps, recurrent weights, states."""
        how = self.semantics
        state = how.neuron_bits * (2 if how.second_order else 1) + how.reset_late
        states = ((self.passes, self.units * state),) if self.passes > 1 else ()
        if self.lists is None:
            blocks = self.channels // self.units
            places = ((self.taps, self.tap_bits),) if self.taps else ()
            fed = ((self.back * blocks, self.units * how.inhibition_bits),) if self.back else ()
            return ((self.columns * blocks, self.units * how.weight_bits), *places, *fed, *states)
        return (*self.lists.memories(self.units, how.weight_bits), *states)

    @property
    def block_rams(self) -> float:
        """Block memories, in halves."""
        *read, last = self.memories
        return sum(block_rams(*each) for each in read) + block_rams(*last, written=self.passes > 1)

    def terms(self) -> dict[str, float]:
        """What the coefficients multiply: bits of registers, inputs, control; the counters aside."""
        how, units, state = self.semantics, self.units, self.semantics.neuron_bits
        found = {"control": CONTROL, **self._reading()}
        if how.leak_shift is not None:
            found["leak_floor" if how.rounding == "floor" else "leak_rounded"] = units * state
        if how.order == "fire":  # leak or reset, sum, selection, saturation
            found["fire"] = units * state
        elif not self.scaled_bits:
            found["late" if how.reset_late else "integrate"] = units * self.sums_bits
        if self.back:
            found["back"] = units * max(how.weight_bits, how.inhibition_bits)
        if self.scaled_bits:  # the multiplication by bits, and a neuron as wide as what it gives
            found |= {"scaled": units * self.scaled_bits, "digits": units}
        if how.second_order:
            name, wide = ("scaled_current", self.scaled_bits) if self.scaled_bits else ("current", state)
            found[name] = units * wide
        constants = self.memories[:-1] if self.passes > 1 else self.memories
        found["constants"] = sum(
            -(-rows // 64) * bits for rows, bits in constants if not in_blocks(rows, bits)
        )
        if self.passes > 1:  # states come out of a memory
            found["fetched"] = units * state
            if not in_blocks(*self.memories[-1]):
                found["states"] = units * 2 / 3 * state * -(-self.passes // 32)
        return found

    def _reading(self) -> dict[str, float]:
        if self.lists is not None:  # sums in a memory of LUTs for each unit, and their places
            wide = self.sums_bits
            lanes = self.units * (wide * (2 + 2 / 3 * -(-self.passes // 32)) + 3 * self.passes.bit_length())
            counted = float(self.lists.counted)
            return {"handed": encoder(self.inputs), "lanes": lanes, "addresses": counted}
        if self.reads == "event":
            return {"encoded": encoder(self.inputs) + (encoder(self.back) if self.back else 0.0)}
        return {"scanned": float(self.inputs + self.back)}

    @property
    def logic(self) -> float:
        """LUTs of the stage's logic, whatever its memories lie in; fewer bits never take more of it."""
        return sum(
            COEFFICIENTS[name] * count for name, count in self.terms().items() if name not in _MEMORIES
        )


_MEMORIES: Final = ("constants", "states")


def terms(stages: Iterable[Built], classes: int, count_bits: int = 16) -> dict[str, float]:
    """Of each coefficient, what it multiplies: all stages and the counters of the classes."""
    total = {"counters": float(classes * count_bits)}
    for stage in stages:
        for name, count in stage.terms().items():
            total[name] = total.get(name, 0.0) + count
    return total


def luts(stages: Iterable[Built], classes: int, count_bits: int = 16) -> int:
    """Look-up tables of a network: its stages and the counters of its classes."""
    return round(sum(COEFFICIENTS[name] * n for name, n in terms(stages, classes, count_bits).items()))
