"""What known neurons were given in a run: it proves which axis of the input was time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from spareto.frameworks import NeuronFacts, neuron_facts
from spareto.kernels import Spikes
from spareto.observing.calls import listening


@dataclass
class Seen:
    """The first neurons of a run: what they are, and the shapes they were given."""

    name: str = ""
    facts: NeuronFacts | None = None
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def steps(self, samples: int, *, one_a_call: bool = False) -> int | None:
        """Timesteps that the neurons ran for, if their input holds that many samples where they expect them.

        Args:
            samples: Samples of the batch.
            one_a_call: The network is given one timestep per call, and so are they.

        Returns:
            None where the shapes contradict what the neurons declare.
        """
        if self.facts is None or not self.shapes or any(not shape for shape in self.shapes):
            return None
        counts = [_steps(shape, self.facts, samples) for shape in self.shapes]
        if None in counts or (one_a_call and set(counts) != {1}):
            return None
        return sum(count for count in counts if count is not None)

    def told(self) -> str:
        """What they were given, for messages."""
        calls = f"{len(self.shapes)} calls" if len(self.shapes) > 1 else "one call"
        return f"'{self.name}' got {calls} of shape {self.shapes[0]}"


def _steps(shape: tuple[int, ...], facts: NeuronFacts, samples: int) -> int | None:
    if facts.squeezed:
        return shape[0] // samples if shape[0] % samples == 0 else None
    if facts.axes == "one step":
        return 1 if shape[0] == samples else None
    if len(shape) < 2:
        return None
    time, batch = shape[:2] if facts.axes == "time-batch" else (shape[1], shape[0])
    return time if batch == samples else None


@contextmanager
def watching_neurons(network: nn.Module) -> Iterator[Seen]:
    """Note what the neurons that run first are given."""
    seen = Seen()
    neurons = {name: (module, facts) for name, module, facts in outer_neurons(network)}

    def note(name: str, _: nn.Module, given: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        if seen.facts is None:
            seen.name, seen.facts = name, neurons[name][1]
        first = next(iter((*given, *named.values())), None)
        if seen.name == name and isinstance(first, Tensor | Spikes):
            seen.shapes.append(tuple(first.shape))

    with listening({name: module for name, (module, _) in neurons.items()}, before=note):
        yield seen


def outer_neurons(network: nn.Module) -> Iterator[tuple[str, nn.Module, NeuronFacts]]:
    """The known neurons that are not part of another."""
    inner: set[nn.Module] = set()
    for name, module in network.named_modules():
        facts = None if module in inner else neuron_facts(module)
        if facts is not None:
            inner.update(module.modules())
            yield name, module, facts
