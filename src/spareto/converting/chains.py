"""Max pooling as one with the convolution before it and the neurons behind, or with the neurons before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from spareto.converting.poolings import pooling_of
from spareto.converting.steps import ForwardStep, numbers_in
from spareto.kernels.decision_log import DecisionSlot
from spareto.kernels.spikes import Spikes, dense
from spareto.layers._lone_neurons import fired_alone
from spareto.layers._pooled_currents import pooled_currents
from spareto.neurons import SpikingNeuron


@dataclass(frozen=True)
class Chain:
    """Three steps that run as one where the kernels can.

    Args:
        conv: Name of the convolution.
        pool: The pooling.
        neuron: Name of the neurons.
        rest: Numbers of the second and third step.
        writes: Number of the value that the third gives.
        slot: Where it is noted how the convolution ran.
    """

    conv: str
    pool: nn.Module
    neuron: str
    rest: tuple[int, ...]
    writes: int
    slot: DecisionSlot

    def run(self, parts: nn.ModuleDict, signal: Tensor | Spikes) -> Spikes | None:
        """What the third step gives; None where the steps must run one by one."""
        conv, neuron = parts[self.conv], parts[self.neuron]
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(neuron, SpikingNeuron)
        return pooled_currents(conv, self.pool, neuron, signal, self.slot)


@dataclass(frozen=True)
class PooledNeurons:
    """Neurons that no layer of ours has taken in, and the max pooling behind them.

    Args:
        neuron: Name of the neurons.
        pool: The pooling.
        rest: Number of its step.
        writes: Number of the value that it gives.
    """

    neuron: str
    pool: nn.Module
    rest: tuple[int, ...]
    writes: int

    def run(self, parts: nn.ModuleDict, signal: Tensor | Spikes) -> Spikes | None:
        """What the pooling gives; None where the steps must run one by one."""
        return fired_alone(parts[self.neuron], dense(signal), self.pool)


def pooled_chains(
    steps: tuple[ForwardStep, ...], output: Any, parts: nn.ModuleDict
) -> dict[int, Chain | PooledNeurons]:
    """Chains by the number of their first step."""
    readers: dict[int, list[int]] = {}
    for number, step in enumerate(steps):
        for value in step.reads:
            readers.setdefault(value, []).append(number)
    for value in numbers_in(output):
        readers.setdefault(value, []).append(-1)
    found: dict[int, Chain | PooledNeurons] = {}
    for number, step in enumerate(steps):
        summed = step.how == "layer" and isinstance(parts[step.part], nn.Conv2d)
        pooling = _only(readers, step.writes[0]) if step.time and (summed or step.how == "neuron") else None
        pool = None if pooling is None else _pool(steps[pooling], parts)
        if pooling is None or pool is None:
            continue
        if not summed:
            found[number] = PooledNeurons(step.part, pool, (pooling,), steps[pooling].writes[0])
            continue
        firing = _only(readers, steps[pooling].writes[0])
        if firing is None or steps[firing].how != "neuron" or not steps[firing].time:
            continue
        names, writes = steps[firing].part, steps[firing].writes[0]
        found[number] = Chain(step.part, pool, names, (pooling, firing), writes, DecisionSlot())
    return found


def _only(readers: dict[int, list[int]], value: int) -> int | None:
    """The one step that reads a value."""
    found = readers.get(value, [])
    return found[0] if len(found) == 1 and found[0] >= 0 else None


def _pool(step: ForwardStep, parts: nn.ModuleDict) -> nn.Module | None:
    """The max pooling that a step does, as a module."""
    if not step.time:
        return None
    if step.how == "layer":
        return parts[step.part] if isinstance(parts[step.part], nn.MaxPool2d) else None
    found = pooling_of(step.function) if step.how == "function" else None
    return found if isinstance(found, nn.MaxPool2d) else None
