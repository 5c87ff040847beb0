"""Energy of one arithmetic operation by the widths of its operands, picojoules."""

from __future__ import annotations

from spareto.hardware.describing.accelerator import Compute, NeuronUnit
from spareto.records.workload import Layer

FLOAT_BITS = 32


def is_float(layer: Layer) -> bool:
    """Whether the layer's weights are floating-point numbers."""
    return layer.weight_bits >= FLOAT_BITS


def accumulator_bits(layer: Layer, compute: Compute) -> int:
    """Bits of a partial sum; a floating-point one fills an accumulator that is wider."""
    width = int(compute.accumulator_width.amount)
    return max(FLOAT_BITS, width) if is_float(layer) else width


def operation(layer: Layer, compute: Compute) -> tuple[str, float]:
    """What the units do for one synaptic operation of a layer, and its energy.

    A spike selects a weight to add; an analog input is multiplied first. An integer adder's energy is
    linear in its width, a multiplier's in the product of both. Where numbers are logarithms, exponents are
    added instead, and every operation converts one logarithm.
    """
    spikes = layer.input.kind == "spike"
    if is_float(layer):
        add, multiply = compute.float_adder_energy.amount, compute.float_multiplier_energy.amount
    else:
        width = compute.multiplier_width.amount
        add = compute.adder_energy.amount * accumulator_bits(layer, compute) / compute.adder_width.amount
        multiply = compute.multiplier_energy.amount * layer.weight_bits * layer.input.bits / width**2
        if compute.conversion_energy is not None:
            exponent = max(layer.weight_bits, layer.input.bits)
            multiply = compute.adder_energy.amount * exponent / compute.adder_width.amount
            add += compute.conversion_energy.amount
    return ("accumulate", add) if spikes else ("multiply_accumulate", add + multiply)


def neuron_actions(unit: NeuronUnit, state_bits: int) -> dict[str, float]:
    """Energy of each arithmetic action on one state variable."""
    share = state_bits / unit.width.amount
    energies = {
        "leak": unit.leak_energy.amount * share**2,
        "integrate": unit.integrate_energy.amount * share,
        "compare": unit.compare_energy.amount * share,
    }
    if unit.reset_energy:
        energies["reset"] = unit.reset_energy.amount * share
    return energies
