"""Energy that no mapping of a layer can go below."""

from __future__ import annotations

from spareto.hardware.charging import Charged


def energy_bound_pj(charged: Charged) -> float:
    """Compulsory energy of a charged layer, picojoules.

    Arithmetic and state traffic are the same under every mapping. Every stored weight and every real input
    leaves the outermost memory at least once, every output reaches it once; what the memories in between
    move is at least the smaller of that and nothing, and is left out.
    """
    layer, accelerator = charged.layer, charged.accelerator
    outermost = accelerator.memories[0]
    stored = (
        charged.stored.bits if "weights" in outermost.compresses else layer.weight_count * layer.weight_bits
    )
    emitted = layer.output.size * layer.timesteps * layer.output.bits
    total = sum(action.energy_pj for action in charged.arithmetic())
    for bits, energy in (
        (stored + _touched_inputs(charged), outermost.read_energy),
        (emitted, outermost.write_energy),
    ):
        total += bits / outermost.width.amount * energy.amount
    return total + _state_pj(charged)


def _touched_inputs(charged: Charged) -> float:
    """Bits of the inputs that the layer reads at all; a stride wider than the kernel steps over some."""
    layer = charged.layer
    share = 1.0
    for stride, kernel in zip(layer.stride, layer.kernel, strict=True):
        share *= min(1.0, kernel / stride)
    return layer.input.size * layer.timesteps * layer.input.bits * share


def _state_pj(charged: Charged) -> float:
    accelerator, neuron = charged.accelerator, charged.layer.neuron
    if neuron is None:
        return 0.0
    memory = accelerator.memory(accelerator.neuron.state_level)
    bits = neuron.count * neuron.states * neuron.state_bits * charged.layer.timesteps
    return bits / memory.width.amount * (memory.read_energy.amount + memory.write_energy.amount)
