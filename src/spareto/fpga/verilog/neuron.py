"""A neuron's arithmetic as a module without registers: what a timestep begins with, adds and ends in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spareto.fpga.circuit import Neurons
from spareto.fpga.ranges import Ranges
from spareto.fpga.verilog.arithmetic import Block, Signal, bits_for
from spareto.integer.network import Ints


@dataclass(frozen=True)
class PortWidths:
    """Widths of what a neuron's module is wired to.

    Args:
        weight: Bits of a weight.
        back: Bits of a recurrent weight; 0 without.
        state: Bits of a stored potential.
        current: Bits of a stored current; 0 for first order.
        late: 1 where the last spike is stored, else 0.
        sums: Bits of an accumulator.
        back_sums: Bits of the accumulator of recurrent weights; 0 where they share one.
        held: Bits of the potential that waits while a second-order neuron's inputs are added; 0 without.
        scaled: Bits of what enters a neuron behind its multiplier; 0 without.
        constants: Bits of threshold, reset and bias where channels differ in them, in that order; 0 where
            they do not.
    """

    weight: int
    back: int
    state: int
    current: int
    late: int
    sums: int
    back_sums: int
    held: int
    scaled: int
    constants: tuple[int, int, int]

    @property
    def stored(self) -> int:
        """Bits of what is kept between timesteps: potential lowest, then current, then last spike."""
        return self.state + self.current + self.late

    @property
    def constant_bits(self) -> int:
        """Bits of one channel's constants."""
        return sum(self.constants)


def shape_of(stage: Neurons, found: Ranges) -> PortWidths:
    """Widths of a stage's neurons."""
    how = stage.semantics
    scaled = stage.multiplier is not None
    state = bits_for(stage.low, stage.high)
    held = 0
    if how.second_order and not scaled:
        low, high = _held(stage)
        held = bits_for(low, high)
    biases = np.zeros(1, np.int64) if scaled else stage.bias
    return PortWidths(
        weight=how.weight_bits,
        back=0 if stage.feedback is None else how.inhibition_bits,
        state=state,
        current=state if how.second_order else 0,
        late=int(how.reset_late),
        sums=bits_for(*found.sums),
        back_sums=0 if found.back is None else bits_for(*found.back),
        held=held,
        scaled=0 if found.scaled is None else bits_for(*found.scaled),
        constants=(_differing(stage.threshold), _differing(stage.reset), _differing(biases)),
    )


def constants_of(stage: Neurons, shape: PortWidths) -> list[list[int]]:
    """Constants of every channel, in their order, those that differ alone."""
    columns = zip((stage.threshold, stage.reset, stage.bias), shape.constants, strict=True)
    used = [values for values, bits in columns if bits]
    return [[int(values[channel]) for values in used] for channel in range(stage.channels)]


def _differing(values: Ints) -> int:
    """Width of constants that differ; 0 where one number says them all."""
    low, high = int(values.min()), int(values.max())
    return 0 if low == high else bits_for(low, high)


def _held(stage: Neurons) -> tuple[int, int]:
    """Range of the potential that waits for its current."""
    low, high = min(stage.low, stage.start), max(stage.high, stage.start)
    if stage.semantics.saturation == "each":
        return stage.low, stage.high
    if stage.semantics.reset_late and stage.semantics.reset == "subtract":
        return low - max(0, int(stage.reset.max())), high - min(0, int(stage.reset.min()))
    return low, high


class NeuronModule:
    """The text of one stage's neuron.

    Args:
        stage: The stage.
        found: Ranges of its registers.
        shape: Widths of what the module is wired to.
        direct: Whether the accumulator is the potential, so that nothing ends.
        cleared: Whether stored states are put back at a recording's end; else each timestep asks for it.
    """

    def __init__(
        self, stage: Neurons, found: Ranges, shape: PortWidths, direct: bool = False, cleared: bool = False
    ) -> None:
        self.direct, self.cleared = direct, cleared
        self.stage, self.found, self.shape, self.how = stage, found, shape, stage.semantics
        self.block = Block()
        self.each = self.how.saturation == "each"

    def body(self) -> str:
        """Wires and assignments."""
        if self.stage.multiplier is None:
            self._begin()
            self._add()
            if not self.direct:
                self._end_sum()
        else:
            self._add_plain()
            self._end_scaled()
        return "\n".join(self.block.indented())

    # what every flavour reads

    def _constant(self, place: int, values: Ints) -> Signal:
        if not self.shape.constants[place]:
            return Signal.constant(int(values[0]))
        return Signal.of(("threshold", "reset", "bias")[place], int(values.min()), int(values.max()))

    def _state(self) -> Signal:
        """The potential before the timestep."""
        stage, block = self.stage, self.block
        stored = Signal("stored_potential", stage.low, stage.high, self.shape.state)
        if self.cleared:
            return stored
        return block.choose("potential", "fresh", Signal.constant(stage.start), stored)

    def _old_current(self) -> Signal:
        stored = Signal("stored_current", self.stage.low, self.stage.high, self.shape.current)
        if self.cleared:
            return stored
        return self.block.choose("current", "fresh", Signal.constant(0), stored)

    def _late(self) -> str:
        return "stored_fired" if self.cleared else self.block.flag("late", "stored_fired & ~fresh")

    def _limited(self, name: str, value: Signal) -> Signal:
        return self.block.clip(name, value, self.stage.low, self.stage.high) if self.each else value

    # sums that are the potential or the current

    def _begin(self) -> None:
        block, how, stage = self.block, self.how, self.stage
        block.comment("what the timestep begins with")
        v = self._state()
        if how.order == "fire":
            v = self._fired_first(v)
        else:
            v = block.leak("leaked", v, how.leak_shift, how.rounding)
        if how.reset_late and how.reset == "subtract":
            fall = block.choose("fall", self._late(), self._constant(1, stage.reset), Signal.constant(0))
            v = self._limited("fallen", block.subtract("fallen_wide", v, fall))
        into = v
        if how.second_order:
            into = block.leak("current_leaked", self._old_current(), how.current_shift, how.rounding)
            block.assign(Signal("held_next", *_held(stage), self.shape.held), v)
        into = block.add("lifted", into, self._constant(2, stage.bias))
        block.assign(Signal("begun", *self.found.sums, self.shape.sums), self._limited("limited", into))

    def _fired_first(self, v: Signal) -> Signal:
        block, how, stage = self.block, self.how, self.stage
        block.compare("above", v, how.comparison, self._constant(0, stage.threshold))
        block.lines.append("assign fires_first = above;")
        amount = self._constant(1, stage.reset)
        after = amount
        if how.reset == "subtract":
            within = self._dropped(v)
            if stage.low <= within[0] and within[1] <= stage.high:
                return self._taken_off(v, amount, within)
            after = block.subtract("dropped", v, amount, within)
        after = block.clip("reset_to", after, stage.low, stage.high)
        if how.firing_leaks or how.leak_shift is None:
            v = block.choose("fired_or_not", "above", after, v)
            return block.leak("leaked", v, how.leak_shift, how.rounding)
        return block.choose("begins", "above", after, block.leak("leaked", v, how.leak_shift, how.rounding))

    def _dropped(self, v: Signal) -> tuple[int, int]:
        """What is left of a potential that reaches the threshold, once the reset is taken off."""
        stage, strict = self.stage, self.how.comparison == ">"
        least = min(max(v.low, int(stage.threshold.min()) + strict), v.high)
        return least - int(stage.reset.max()), v.high - int(stage.reset.min())

    def _taken_off(self, v: Signal, amount: Signal, within: tuple[int, int]) -> Signal:
        """`v` without its reset or its leak: one subtraction for both where a neuron has one of them."""
        block, how = self.block, self.how
        left = min(v.low, 0, within[0]), max(v.high, 0, within[1])
        if how.firing_leaks or how.leak_shift is None:
            v = block.subtract(
                "fired_or_not", v, block.choose("fall", "above", amount, Signal.constant(0)), left
            )
            return block.leak("leaked", v, how.leak_shift, how.rounding)
        lost = block.right("leaked_off", v, how.leak_shift, how.rounding)
        return block.subtract("begins", v, block.choose("off", "above", amount, lost), left)

    def _add(self) -> None:
        block, found = self.block, self.found
        block.comment("one more weight")
        total = Signal("sum", *found.sums, self.shape.sums)
        weight = Signal("weight", *found.weights, self.shape.weight)
        if found.feedback is not None:
            back = Signal("back_weight", *found.feedback, self.shape.back)
            weight = block.choose("chosen", "backward", back, weight)
        within = None if self.each else found.sums
        added = self._limited("added_limited", block.add("added_wide", total, weight, within))
        block.assign(Signal("added", *found.sums, self.shape.sums), added)

    def _end_sum(self) -> None:
        block, how, stage = self.block, self.how, self.stage
        block.comment("what the timestep ends in")
        v = Signal("sum", *self.found.sums, self.shape.sums)
        if how.second_order:
            self._store_current(v)
            held = Signal("held", *_held(stage), self.shape.held)
            v = self._limited("joined", block.add("joined_wide", held, v))
        self._end(v)

    # sums that a multiplier brings to the potential's unit

    def _add_plain(self) -> None:
        block, found, shape = self.block, self.found, self.shape
        block.comment("one more weight")
        total = Signal("sum", *found.sums, shape.sums)
        added = block.add("more", total, Signal("weight", *found.weights, shape.weight), found.sums)
        block.assign(Signal("added", *found.sums, shape.sums), added)
        if found.back is not None and found.feedback is not None:
            back = Signal("back_sum", *found.back, shape.back_sums)
            weight = Signal("back_weight", *found.feedback, shape.back)
            added = block.add("more_back", back, weight, found.back)
            block.assign(Signal("back_added", *found.back, shape.back_sums), added)
        block.comment("one more binary digit of multiplier and bias, the highest first")
        assert found.scaled is not None
        width = shape.scaled
        term = block.choose("term", "factor_bit", total, Signal.constant(0))
        if found.back is not None:
            back = Signal("back_sum", *found.back, shape.back_sums)
            fed = block.choose("back_term", "back_factor_bit", back, Signal.constant(0))
            term = block.add("terms", term, fed)
        double = f"$signed({{scaled[{width - 2}:0], bias_bit}})"
        block.wire("doubled", *found.scaled, double, width)
        block.lines.append(f"assign scaled_next = doubled + {term.at(width)};")

    def _end_scaled(self) -> None:
        block, how, stage = self.block, self.how, self.stage
        assert self.found.scaled is not None
        block.comment("what the timestep ends in")
        into = Signal("scaled", *self.found.scaled, self.shape.scaled)
        v = block.left("wide", self._state(), how.digits)
        v = block.leak("leaked", v, how.leak_shift, how.rounding)
        if how.reset_late and how.reset == "subtract":
            fall = block.choose("fall", self._late(), self._constant(1, stage.reset), Signal.constant(0))
            v = block.subtract("fallen", v, fall)
        if how.second_order:
            i = block.left("wide_current", self._old_current(), how.digits)
            i = block.leak("current_leaked", i, how.current_shift, how.rounding)
            into = block.add("current_now", i, into)
            self._store_current(into)
        self._end(block.add("joined", v, into))

    def _store_current(self, i: Signal) -> None:
        block, how, stage = self.block, self.how, self.stage
        stored = block.right("current_rounded", i, how.digits, how.rounding)
        stored = block.clip("current_kept", stored, stage.low, stage.high)
        block.assign(Signal("ended_current", stage.low, stage.high, self.shape.current), stored)

    # the end of both

    def _end(self, v: Signal) -> None:
        block, how, stage = self.block, self.how, self.stage
        if how.reset_late and how.reset == "fixed":
            v = block.choose("put", self._late(), self._constant(1, stage.reset), v)
        if how.order == "integrate":
            block.compare("fires_now", v, how.comparison, self._constant(0, stage.threshold))
            block.lines.append("assign fires = fires_now;")
            if not how.reset_late:
                v = self._fallen(v)
        stored = block.right("rounded", v, how.digits, how.rounding)
        stored = block.clip("kept", stored, stage.low, stage.high)
        block.assign(Signal("ended", stage.low, stage.high, self.shape.state), stored)

    def _fallen(self, v: Signal) -> Signal:
        """A potential after its own spike's reset."""
        block, amount = self.block, self._constant(1, self.stage.reset)
        if self.how.reset == "fixed":
            return block.choose("after", "fires_now", amount, v)
        fall = block.choose("fall", "fires_now", amount, Signal.constant(0))
        dropped = self._dropped(v)
        return block.subtract("after", v, fall, (min(v.low, dropped[0]), max(v.high, dropped[1])))
