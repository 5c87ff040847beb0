"""How much of a network is awake, from what a workload holds."""

from __future__ import annotations

from math import expm1

from spareto.formats import Train, expected_live_groups
from spareto.hardware.describing.accelerator import NeuronUnit
from spareto.records.workload import Layer, Statistic, Tensor


def input_train(layer: Layer, statistic: Statistic) -> Train:
    """What is known of a layer's input over all timesteps."""
    return _train(layer.input, layer.timesteps, statistic)


def arriving_train(layer: Layer, statistic: Statistic) -> Train:
    """What is known of what arrives at a layer over all timesteps, before any unfolding."""
    return _train(layer.arriving, layer.timesteps, statistic)


def output_train(layer: Layer, statistic: Statistic) -> Train:
    """What is known of a layer's output over all timesteps."""
    return _train(layer.output, layer.timesteps, statistic)


def touched_updates(layer: Layer, statistic: Statistic) -> float:
    """Neuron updates of one inference in which the neuron receives anything.

    Where the workload counts operations, but not who receives them, they are taken to fall on any neuron
    at any timestep with equal probability.
    """
    if layer.neuron is None:
        return 0.0
    measured = layer.touched_updates(statistic)
    if measured is not None:
        return measured
    updates = layer.neuron.count * layer.timesteps
    return -updates * expm1(-layer.effectual_synops(statistic) / updates)


def neuron_updates(layer: Layer, unit: NeuronUnit, statistic: Statistic) -> float:
    """Updates that a chip's neuron units do in one inference."""
    if unit.updates == "touched":
        return touched_updates(layer, statistic)
    return float(layer.neuron.count * layer.timesteps) if layer.neuron else 0.0


def window_share(layer: Layer, statistic: Statistic, window: int) -> float:
    """Inputs in windows of timesteps that are not silent, by inputs that are not zero.

    A workload that was profiled has counted them. Of one that has not, the neurons that are not silent settle
    it for a window as long as the inference; in a shorter one non-zero inputs are taken to lie anywhere in
    those neurons, or without that count anywhere at all, with equal probability.
    """
    train = input_train(layer, statistic)
    window = min(window, train.steps)
    if not train.live:
        return 1.0
    counted = layer.input.in_windows(window, statistic)
    if counted is not None:
        return counted / train.live
    if window == train.steps and train.awake is not None:
        return train.awake * window / train.live
    places = train.elements if train.awake is None else max(1, round(train.awake * train.steps))
    return expected_live_groups(places, min(train.live, places), window) * window / train.live


def _train(tensor: Tensor, timesteps: int, statistic: Statistic) -> Train:
    live = min(tensor.nonzero(statistic), float(tensor.size * timesteps))
    return Train(timesteps, tensor.size, live, tensor.awake(statistic), tensor.stored(statistic))
