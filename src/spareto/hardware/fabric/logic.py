"""Look-up tables of generated stages: a model of few terms, set by six designs of `benchmarks/fpga`.

The terms follow from what the generator writes: adders and selections as wide as the numbers they hold, for
each unit; the choice of one input bit, or the priority encoder, for each input; counters of the classes.
`python -m benchmarks.fpga.fit` holds the model against every design there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from spareto.hardware.fabric.lists import Lists
from spareto.hardware.fabric.memories import block_rams, in_blocks
from spareto.integer.semantics import Semantics

COEFFICIENTS: Final = (1.0, 0.55, 2.7, 1.2, 1.0)
"""LUTs of what a unit counts, of an input that is scanned, of one in a priority encoder, of a bit of a
class's counter, and of a stage's control and constants."""

CONTROL: Final = 37.0
"""LUTs of a stage's control."""


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
        return sum(block_rams(*memory) for memory in self.memories)

    @property
    def unit_luts(self) -> float:
        """LUTs of a unit, with those that its states lie in where their memory is small."""
        if self.passes == 1 or in_blocks(*self.memories[-1]):
            return self.unit_logic
        return self.unit_logic + 2 / 3 * self.semantics.neuron_bits * -(-self.passes // 32)

    @property
    def unit_logic(self) -> float:
        """LUTs of a unit's logic: a bit of an adder takes one; selections and comparisons share theirs."""
        how, wide, state = self.semantics, self.sums_bits, self.semantics.neuron_bits
        found = 1.9 * wide  # the addition, and the choice of what it begins with
        if how.leak_shift is not None:
            found += state * (1.0 if how.rounding == "floor" else 1.3)
        if how.order == "fire":
            found += 0.4 * state  # comparison and reset
        else:
            found += (1.9 if how.reset_late else 2.1) * wide  # and saturation
        if self.passes > 1:  # states come out of a memory
            found += state
        if self.back:  # one weight or the other
            found += max(how.weight_bits, how.inhibition_bits)
        if how.second_order:  # the current leaks, enters the potential, saturates
            found += state * (2.9 if how.rounding == "floor" else 3.2)
        if self.lists is not None:  # sums in a memory of LUTs for each unit
            found += wide * (2 + 2 / 3 * -(-self.passes // 32)) + 3 * self.passes.bit_length()
        return found

    def terms(self) -> tuple[float, ...]:
        """What the coefficients multiply, the counters aside."""
        constants = self.memories[:-1] if self.passes > 1 else self.memories
        held = sum(-(-rows // 64) * bits for rows, bits in constants if not in_blocks(rows, bits))
        return (self.units * self.unit_luts, *self._reading, 0.0, CONTROL + self.addresses + held)

    @property
    def addresses(self) -> float:
        """LUTs that find a window's taps and move the window."""
        return 5.0 * self.tap_bits

    @property
    def logic(self) -> float:
        """LUTs of the stage's logic, whatever its memories lie in; fewer bits never take more of it."""
        terms = (self.units * self.unit_logic, *self._reading, 0.0, CONTROL + self.addresses)
        return sum(each * term for each, term in zip(COEFFICIENTS, terms, strict=True))

    @property
    def _reading(self) -> tuple[float, float]:
        encodes = self.reads != "scan"
        inputs = float(self.inputs + self.back)
        return (0.0, inputs) if encodes else (inputs, 0.0)


def luts(stages: Iterable[Built], classes: int, count_bits: int = 16) -> int:
    """Look-up tables of a network: its stages and the counters of its classes."""
    terms = [stage.terms() for stage in stages]
    total = [float(sum(column)) for column in zip(*terms, strict=True)]
    total[3] = float(classes * count_bits)
    return round(sum(each * term for each, term in zip(COEFFICIENTS, total, strict=True)))
