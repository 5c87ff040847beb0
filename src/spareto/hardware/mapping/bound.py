"""Energy that no mapping of a layer can go below."""

from __future__ import annotations

import numpy as np

from spareto.hardware.charging.design_points import Column
from spareto.hardware.charging.layer import Charged
from spareto.records.workload import Layer


def energy_bound_pj(charged: Charged) -> Column:
    """Compulsory energy of a charged layer, picojoules, one entry per point.

    Arithmetic and state traffic are the same under every mapping. Every stored weight and every real input
    leaves the outermost memory at least once, every output reaches it once; what the memories in between
    move is at least the smaller of that and nothing, and is left out.
    """
    points, layer = charged.points, charged.points.layer
    outermost = charged.accelerator.memories[0]
    compressed = "weights" in outermost.compresses
    stored = points.column(lambda p: p.stored.bits if compressed else layer.weight_count * p.weight_bits)
    inputs = points.column(lambda p: p.input_bits) * _touched_inputs(layer)
    emitted = points.column(lambda p: p.emitted_bits)
    total = sum((work.count * work.each_pj for work in charged.work), np.zeros(len(points.points)))
    for bits, energy in ((stored + inputs, outermost.read_energy), (emitted, outermost.write_energy)):
        total = total + bits / outermost.width.amount * energy.amount
    return total + _state_pj(charged)


def _touched_inputs(layer: Layer) -> float:
    """Inputs that the layer reads at all; a stride wider than the kernel steps over some."""
    share = 1.0
    for stride, kernel in zip(layer.stride, layer.kernel, strict=True):
        share *= min(1.0, kernel / stride)
    return layer.input.size * layer.timesteps * share


def _state_pj(charged: Charged) -> Column:
    points, accelerator = charged.points, charged.accelerator
    neuron = points.layer.neuron
    bits = points.column(lambda p: p.updates * neuron.states * neuron.state_bits if neuron else 0.0)
    memory = accelerator.memory(accelerator.neuron.state_level)
    return bits / memory.width.amount * (memory.read_energy.amount + memory.write_energy.amount)
