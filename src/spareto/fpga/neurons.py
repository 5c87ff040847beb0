"""A lowered layer's neurons in the words of a semantics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spareto.core.errors import ConfigError, Problem
from spareto.fpga.options import Options
from spareto.integer.network import IntegerLayer, IntegerNeuron, Ints
from spareto.integer.semantics import Semantics, leak_shift, preset


@dataclass(frozen=True, eq=False)
class NeuronArithmetic:
    """What a layer's neurons compute with.

    Args:
        semantics: What a timestep means.
        weights: int64, shape (channels, ...), a channel's sign turned where its multiplier was negative.
        feedback: Recurrent weights, or None.
        stage: Further arguments of `circuit.Neurons`.
    """

    semantics: Semantics
    weights: Ints
    feedback: Ints | None
    stage: dict[str, Any]


def numbers(layer: IntegerLayer, options: Options) -> NeuronArithmetic:
    """A layer's numbers under the semantics that were chosen.

    Raises:
        ConfigError: It does what these semantics have no words for; says what.
    """
    _refuse(layer)
    return _exact(layer, options) if options.semantics == "spareto" else _folded(layer, options)


def _refuse(layer: IntegerLayer) -> None:
    neuron, place = layer.neuron, f"layer '{layer.name}'"
    found: list[Problem] = []
    if neuron.counts is not None:
        found.append(Problem(place, "neurons that fire more than once a timestep", "spikes"))
    if neuron.adaptation is not None:
        found.append(Problem(place, "a threshold that adapts", "a fixed threshold"))
    if neuron.current is not None and (neuron.current.gain, neuron.current.gain_shift) != (1, 0):
        found.append(Problem(place, "a synaptic current with a gain", "a current that enters as it is"))
    if neuron.current is not None and neuron.leak:
        found.append(Problem(place, "a leak to another value behind a current", "a leak to 0"))
    late, now = neuron.delayed is not None, neuron.drop or neuron.drop_threshold or not neuron.keep
    if late and now:
        found.append(Problem(place, "a reset in the same and in the next timestep", "one of them"))
    if not late and neuron.keep and not neuron.drop and not neuron.drop_threshold:
        found.append(Problem(place, "neurons without a reset", "a reset that subtracts, or to a value"))
    if found:
        raise ConfigError(
            Problem(p.where, p.got, f"{p.rule}, for Verilog", "Train it with such neurons.") for p in found
        )


def _reset(neuron: IntegerNeuron) -> tuple[bool, bool, int]:
    """Whether it comes late, whether it keeps the potential, and what it takes off."""
    if neuron.delayed is not None:
        return True, neuron.delayed, neuron.delayed_drop
    return False, neuron.keep, neuron.drop + (neuron.threshold if neuron.drop_threshold else 0)


def _exact(layer: IntegerLayer, options: Options) -> NeuronArithmetic:
    """The lowered network to the bit: digits, multipliers and rounding as they are."""
    neuron = layer.neuron
    late, keeps, fall = _reset(neuron)
    current = neuron.current
    unit = 1 << neuron.shift
    place = f"layer '{layer.name}'"
    if options.neuron_bits is not None:
        rule = "none under the semantics 'spareto', which keeps what the network was lowered with"
        raise ConfigError(Problem("design.neuron_bits", str(options.neuron_bits), rule))
    weights, multiplier, back, factor = _positive(layer)
    semantics = preset(
        "spareto",
        comparison=">" if neuron.strict else ">=",
        reset="subtract" if keeps else "fixed",
        reset_late=late,
        leak_shift=leak_shift(neuron.decay / unit, f"{place}: potential"),
        second_order=current is not None,
        current_shift=None if current is None else leak_shift(current.decay / unit, f"{place}: current"),
        digits=neuron.shift,
        weight_bits=_width(weights, layer.synapses.bits),
        inhibition_bits=8 if back is None else _width(back, 1, options.inhibition_bits),
        neuron_bits=neuron.most.bit_length() + 1,
    )
    count = len(weights)
    stage: dict[str, Any] = {
        "threshold": np.full(count, neuron.threshold, np.int64),
        "reset": np.full(count, fall if keeps else -fall, np.int64),
        "bias": layer.bias + neuron.leak,
        "multiplier": multiplier,
        "feedback_multiplier": factor,
        "most": neuron.most,
        "start": neuron.start,
    }
    return NeuronArithmetic(semantics, weights, back, stage)


def _positive(layer: IntegerLayer) -> tuple[Ints, Ints, Ints | None, Ints | None]:
    """Weights and multipliers; signs go to the weights, for a multiplier's digits are those of its size."""
    rows = layer.synapses.weights.astype(np.int64)
    signs = np.where(layer.multiplier < 0, -1, 1)
    weights = rows * signs.reshape(-1, *[1] * (rows.ndim - 1))
    if layer.feedback is None:
        return weights, np.abs(layer.multiplier), None, None
    back_signs = np.where(layer.feedback.multiplier < 0, -1, 1)
    back = layer.feedback.synapses.weights[:, :, 0, 0].astype(np.int64) * back_signs[:, None]
    return weights, np.abs(layer.multiplier), back, np.abs(layer.feedback.multiplier)


def _width(weights: Ints, least: int, asked: int | None = None) -> int:
    """Bits that hold all weights; `least` where these are enough."""
    low, high = int(weights.min(initial=0)), int(weights.max(initial=0))
    needed = max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1
    if asked is not None and asked < needed:
        rule = f"at least {needed}, for recurrent weights from {low} to {high}"
        raise ConfigError(Problem("design.inhibition_bits", str(asked), rule))
    return asked or max(needed, least)


def _folded(layer: IntegerLayer, options: Options) -> NeuronArithmetic:
    """Potentials in units of a weight: thresholds are divided by multipliers, which goes to whole numbers."""
    neuron, unit = layer.neuron, 1 << layer.neuron.shift
    place = f"layer '{layer.name}'"
    weights, multiplier, back, factor = _positive(layer)
    dead = multiplier == 0
    weights = np.where(dead.reshape(-1, *[1] * (weights.ndim - 1)), 0, weights)
    scale = np.where(dead, unit, multiplier).astype(np.float64)
    _, keeps, fall = _reset(neuron)  # the semantics say when
    threshold = np.rint(neuron.threshold / scale).astype(np.int64)
    reset = np.rint((fall if keeps else -fall) / scale).astype(np.int64)
    bias = np.rint((layer.bias + neuron.leak) / scale).astype(np.int64)
    if back is not None and factor is not None:
        back = np.rint(back * (factor / scale)[:, None]).astype(np.int64)
    current = neuron.current
    numbers = [threshold, reset, bias]
    most = max(int(np.abs(values).max()) for values in numbers)
    bits = options.neuron_bits or min(32, most.bit_length() + 2)
    semantics = preset(
        options.semantics,
        reset="subtract" if keeps else "fixed",
        leak_shift=leak_shift(neuron.decay / unit, f"{place}: potential"),
        second_order=current is not None,
        current_shift=None if current is None else leak_shift(current.decay / unit, f"{place}: current"),
        weight_bits=_width(weights, layer.synapses.bits),
        inhibition_bits=8 if back is None else _width(back, 1, options.inhibition_bits),
        neuron_bits=bits,
    )
    if most > semantics.highest:
        rule = f"at most {semantics.highest}, what {bits} bits hold"
        cure = "Choose more neuron_bits, or fewer bits of weights."
        raise ConfigError(
            Problem(place, f"a threshold, reset or bias of {most} units of a weight", rule, cure)
        )
    start = round(neuron.start * unit / float(np.median(scale)))
    stage: dict[str, Any] = {"threshold": threshold, "reset": reset, "bias": bias, "start": start}
    return NeuronArithmetic(semantics, weights, back, stage)
