"""The golden model: a circuit's timesteps in numpy, the slow twin of the Verilog.

Inputs are added in the order of their places, as the hardware adds them; with saturation after each addition
the order decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spareto.fpga.circuit import Circuit, Neurons, Pooling, Stage
from spareto.integer.arithmetic import rounded
from spareto.integer.network import Ints
from spareto.integer.semantics import Rounding, Semantics

States = dict[str, Ints]
"""`v` potentials, `i` currents, `s` last spikes: shape (batch, positions, channels)."""


def shifted(value: Ints, shift: int, rounding: Rounding) -> Ints:
    """`value / 2^shift`, rounded.

    >>> [int(shifted(np.array(-3), 1, way)) for way in ("floor", "truncate", "even")]
    [-2, -1, -2]
    """
    if rounding == "even":
        return rounded(value, shift)
    if rounding == "truncate":
        return np.where(value < 0, -(-value >> shift), value >> shift)
    return value >> shift


def leaked(value: Ints, shift: int | None, rounding: Rounding) -> Ints:
    """What is left of a state after one timestep's leak."""
    return value if shift is None else value - shifted(value, shift, rounding)


@dataclass
class Golden:
    """Runs frames through a circuit and keeps its states.

    Args:
        circuit: The circuit.

    Attributes:
        states: Of each stage of neurons, by its number.
    """

    circuit: Circuit
    states: dict[int, States] = field(default_factory=dict[int, States])

    def step(self, bits: Ints) -> list[Ints]:
        """One timestep: bits of frames (batch, inputs) to the bits of every stage."""
        wires: list[Ints] = []
        for number, stage in enumerate(self.circuit.stages):
            x = bits if stage.source < 0 else wires[stage.source]
            wires.append(self._stage(number, stage, x.astype(np.int64)))
        return wires

    def run(self, frames: Ints) -> list[Ints]:
        """All timesteps: frames (time, batch, inputs) to (time, batch, outputs) of every stage."""
        steps = [self.step(now) for now in frames]
        return [np.stack(wires) for wires in zip(*steps, strict=True)]

    def votes(self, frames: Ints) -> Ints:
        """Spikes of each class's voters, shape (batch, classes)."""
        last = self.run(frames)[-1].sum(0)
        return last.reshape(len(last), self.circuit.classes, -1).sum(2)

    def _stage(self, number: int, stage: Stage, x: Ints) -> Ints:
        if isinstance(stage, Pooling):
            return pooled(stage, x)
        states = self.states.get(number)
        if states is None:
            states = fresh(stage, len(x))
        spikes, self.states[number] = stepped(stage, x, states)
        return spikes.reshape(len(x), -1)


def pooled(stage: Pooling, x: Ints) -> Ints:
    """Whether any bit of each window is set."""
    with_nothing = np.concatenate([x, np.zeros((len(x), 1), np.int64)], 1)  # -1 reads the 0 at the end
    return with_nothing[:, stage.members].max(2)


def fresh(stage: Neurons, batch: int) -> States:
    """States before the first timestep."""
    zeros = np.zeros((batch, stage.window.positions, stage.channels), np.int64)
    return {"v": zeros + stage.start, "i": zeros, "s": zeros}


def stepped(stage: Neurons, x: Ints, states: States) -> tuple[Ints, States]:
    """One timestep of a stage: bits (batch, inputs) to spikes and states (batch, positions, channels)."""
    how = stage.semantics
    v, i, last = states["v"], states["i"], states["s"]
    spikes = last
    if how.order == "fire":
        spikes, v = _fired_first(stage, v)
    else:
        v = leaked(v << how.digits, how.leak_shift, how.rounding)
    if how.reset_late and how.reset == "subtract":
        v = _limited(stage, v - last * stage.reset)
    into = leaked(i << how.digits, how.current_shift, how.rounding) if how.second_order else v
    into = _added(stage, x, last, _limited(stage, into + stage.bias))
    if how.second_order:
        i, v = _stored(stage, into), _limited(stage, v + into)
    else:
        v = into
    if how.reset_late and how.reset == "fixed":
        v = np.where(last == 1, stage.reset, v)
    if how.order == "integrate":
        spikes = _compared(how, v, stage.threshold)
        if not how.reset_late:
            v = _reset(stage, v, spikes)
    return spikes, {"v": _stored(stage, v), "i": i, "s": spikes}


def _fired_first(stage: Neurons, v: Ints) -> tuple[Ints, Ints]:
    """Spikes of what the last timestep left, and potentials after reset and leak."""
    how = stage.semantics
    spikes = _compared(how, v, stage.threshold)
    after = _clipped(stage, _reset(stage, v, spikes))
    left = leaked(after if how.firing_leaks else v, how.leak_shift, how.rounding)
    return spikes, left if how.firing_leaks else np.where(spikes == 1, after, left)


def _compared(how: Semantics, v: Ints, threshold: Ints) -> Ints:
    return ((v > threshold) if how.comparison == ">" else (v >= threshold)).astype(np.int64)


def _reset(stage: Neurons, v: Ints, spikes: Ints) -> Ints:
    after = v - stage.reset if stage.semantics.reset == "subtract" else np.broadcast_to(stage.reset, v.shape)
    return np.where(spikes == 1, after, v)


def _added(stage: Neurons, x: Ints, last: Ints, into: Ints) -> Ints:
    """The weights of all inputs that spiked, then those of recurrent ones, one after the other."""
    padded = np.concatenate([x, np.zeros((len(x), 1), np.int64)], 1)
    bits = padded[:, stage.window.addresses()]  # (batch, positions, taps)
    weights = stage.weights[:, stage.window.columns]
    back = None if stage.feedback is None else last[:, 0]
    if stage.semantics.saturation == "once":
        sums = bits @ weights.T
        total = sums if stage.multiplier is None else sums * stage.multiplier
        if back is not None and stage.feedback is not None:
            fed = (back @ stage.feedback.T)[:, None]
            total = total + (fed if stage.multiplier is None else fed * stage.feedback_multiplier)
        return into + total
    spiked = np.argsort(bits == 0, axis=2, kind="stable")  # taps that spiked first, each in its order
    for nth in range(int(bits.sum(2).max(initial=0))):
        tap = spiked[:, :, nth, None]
        into = _clipped(stage, into + np.take_along_axis(bits, tap, 2) * weights.T[tap[..., 0]])
    if back is not None and stage.feedback is not None:
        for neuron in range(stage.channels):
            into = _clipped(stage, into + back[:, None, neuron, None] * stage.feedback[:, neuron])
    return into


def _clipped(stage: Neurons, value: Ints) -> Ints:
    return value.clip(stage.low, stage.high)


def _limited(stage: Neurons, value: Ints) -> Ints:
    """Saturated, where every addition saturates."""
    return _clipped(stage, value) if stage.semantics.saturation == "each" else value


def _stored(stage: Neurons, value: Ints) -> Ints:
    """What is stored of a number with `digits`."""
    return _clipped(stage, shifted(value, stage.semantics.digits, stage.semantics.rounding))
