"""A converted network: our layers, and what happens between them, on all timesteps at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from spareto.converting.chains import Chain, pooled_chains
from spareto.converting.functions import vote
from spareto.converting.steps import ForwardStep, numbers_in
from spareto.core.errors import ConfigError, Problem
from spareto.kernels import Spikes, dense
from spareto.layers._fusion import over_time
from spareto.layers._lone_neurons import fired_alone


class ConvertedNetwork(nn.Module):
    """A network of Spareto's layers that computes what a network of another framework does.

    It takes `(time, batch, ...)`, also where the other took the batch first or one timestep per call; a
    network that made its own time takes `(batch, ...)`, as before. It returns what the other returned,
    sequences with time first. Nothing is kept between calls.

    Args:
        parts: Its layers, in the order they run.
        steps: What is done, in order; value 0 is the input.
        output: Nested dicts and lists of values' numbers, None for what is no signal.
        timesteps: Timesteps that a network without time in its input makes; None takes any.

    Attributes:
        neurons: Dotted names of its layers of neurons, by the names they had.
        layouts: How the other network's outputs held time: `TB`, `BT`, `B*T`, or `sample` without.
        notes: What a reader should know, one sentence each.
    """

    def __init__(
        self, parts: dict[str, nn.Module], steps: list[ForwardStep], output: Any, timesteps: int | None
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(parts)
        self.steps, self.output, self.repeats = tuple(steps), output, timesteps
        self.neurons: dict[str, str] = {}
        self.layouts: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = ()
        self._last = _last_reads(self.steps, output)
        self._chains = pooled_chains(self.steps, output, self.parts)
        self._packed = self._read_as_bits()

    def forward(self, frames: Tensor) -> Any:
        """What the network returns.

        Args:
            frames: Shape `(time, batch, ...)`, or `(batch, ...)` where the network makes its own time.
        """
        values: dict[int, Any] = {0: frames}
        done = set[int]()
        for number, step in enumerate(self.steps):
            if number not in done:
                chain = self._chains.get(number)
                made = None if chain is None else chain.run(self.parts, values[step.reads[0]])
                if chain is not None and made is not None:
                    values[chain.writes] = made
                    done.update(chain.rest)
                else:
                    found = self._run(step, [values[index] for index in step.reads])
                    values.update(zip(step.writes, found, strict=True))
            for index in self._last.get(number, ()):
                values.pop(index, None)
        return _collected(self.output, values)

    def _run(self, step: ForwardStep, given: list[Any]) -> tuple[Any, ...]:
        if step.how == "block":
            return (self.parts[step.part](given[0]),)
        signals = [dense(value) for value in given]
        first = signals[0]
        if step.how == "layer":
            part = self.parts[step.part]
            if isinstance(part, nn.Conv2d) and step.time and first.dim() == 5:
                return (_channels_last(first, part),)
            steady = getattr(part, "over_time", False)
            return ((over_time(first, part) if step.time and not steady else part(first)),)
        if step.how == "pair":
            return self.parts[step.part](first)
        if step.how == "neuron":
            neuron = self.parts[step.part]
            spikes = fired_alone(neuron, first) if step.writes[0] in self._packed else None
            return (neuron(first) if spikes is None else spikes,)
        if step.how == "function":
            return (step.function(*signals, time=step.time),)
        if step.how == "vote":
            return (vote(first, step.function),)
        if step.how == "running":
            return (first.cumsum(0),)
        assert self.repeats is not None
        return (first.expand(self.repeats, *first.shape),)

    def _read_as_bits(self) -> frozenset[int]:
        """Values that only layers read whose sums may go by events."""
        kept, others = set[int](), set(numbers_in(self.output))
        for number, step in enumerate(self.steps):
            by_events = step.how == "block" or isinstance(self._chains.get(number), Chain)
            (kept if by_events else others).update(step.reads)
        return frozenset(kept - others)

    def sequential(self) -> nn.Sequential:
        """Its layers as a chain, without what is done to the last one's spikes.

        Raises:
            ConfigError: They are no chain.
        """
        names, value = list[str](), 0
        for step in self.steps:
            if step.how == "vote":
                break
            stops_gradient = step.how == "function" and getattr(step.function, "name", "") == "detach.default"
            if stops_gradient and step.reads == (value,):
                value = step.writes[0]
                continue
            if step.how not in ("block", "layer", "neuron") or step.reads != (value,):
                got, rule = f"'{step.part or step.how}', which does not follow on the layer before", "a chain"
                raise ConfigError(Problem("network", got, rule, "Take a network without branches."))
            names.append(step.part)
            value = step.writes[0]
        return nn.Sequential(*(self.parts[name] for name in names))


def _channels_last(signal: Tensor, conv: nn.Conv2d) -> Tensor:
    """A convolution over time in the layout in which torch pools fastest behind it."""
    images = signal.flatten(0, 1).contiguous(memory_format=torch.channels_last)
    return conv(images).unflatten(0, signal.shape[:2])


def _last_reads(steps: tuple[ForwardStep, ...], output: Any) -> dict[int, tuple[int, ...]]:
    """Values that nobody reads after a step."""
    kept = set(numbers_in(output))
    last = dict[int, int]()
    for number, step in enumerate(steps):
        last |= dict.fromkeys((*step.reads, *step.writes), number)
    found = dict[int, tuple[int, ...]]()
    for value, number in last.items():
        if value not in kept:
            found[number] = (*found.get(number, ()), value)
    return found


def _collected(output: Any, values: dict[int, Any]) -> Any:
    if isinstance(output, dict):
        return {key: _collected(item, values) for key, item in output.items()}
    if isinstance(output, list):
        return tuple(_collected(item, values) for item in output)
    if output is None:
        return None
    value = values[output]
    return dense(value) if isinstance(value, Tensor | Spikes) else torch.as_tensor(value)
