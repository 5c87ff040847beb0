"""Count at every product and every group of neurons of a plan, batch by batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]

from spareto.core.errors import ConfigError, Problem
from spareto.frameworks import NeuronFacts
from spareto.kernels.kernel_options import watched
from spareto.kernels.spikes import Spikes
from spareto.observing.products import PRODUCTS, product_of
from spareto.observing.watching import Watch, tensors, watching
from spareto.profiling.charging import CountingPlan
from spareto.profiling.counters import LayerCounter, NeuronCounter, PairCounter, counter_of
from spareto.profiling.fused import FusedLayer
from spareto.profiling.packing import LastPacked
from spareto.profiling.states import Signs
from spareto.profiling.storage import Trains
from spareto.profiling.uses import unproven
from spareto.profiling.witness import Witness


class Counts(Watch):
    """Counters of everything in a plan.

    Args:
        plan: What is looked at.
        facts: What is known of a module's neurons; None for a module that is none.
        states: Whether the signs are wanted of what layers without neurons put out.
        fused: Layers that may run fused, by module.
    """

    def __init__(
        self,
        plan: CountingPlan,
        facts: Callable[[nn.Module], NeuronFacts | None],
        *,
        states: bool = False,
        fused: Mapping[object, FusedLayer] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self._fused = fused
        self.plan, self._facts, self.wants_states = plan, facts, states
        self._packed = LastPacked()
        self.products: list[LayerCounter | PairCounter] = [counter_of(planned) for planned in plan.products]
        self.neurons = [NeuronCounter(use) for use in plan.neurons]
        self.signs = Signs()
        self._begin()

    def _begin(self) -> None:
        self.dispatched, self._operators = 0, 0
        self._occurrences: defaultdict[str, int] = defaultdict(int)

    def end_batch(self) -> None:
        """Close the counts of one batch.

        Raises:
            ConfigError: The network ran other operators than in its trace.
        """
        if self._operators != len(self.plan.operators):
            raise _runs_otherwise(f"{self._operators} products", f"{len(self.plan.operators)}")
        if self.plan.spikes and self.dispatched != self.plan.dispatched:
            raise _runs_otherwise(f"{self.dispatched} operators", f"{self.plan.dispatched}")
        sized: list[Trains] = []
        for counter in (*self.products, *self.neurons):
            counter.end_batch(sized)
        self._begin()

    def show(self, witness: Witness, first: int) -> None:
        """Show what the neurons of each layer gave since the last batch ended.

        Args:
            witness: Who is shown it.
            first: Place of the batch's first sample.
        """
        for place, counter in enumerate(self.products):
            group, name = counter.planned.neurons, counter.planned.use.name
            spikes = None if group is None else self.neurons[group].spikes.pending()
            if spikes is not None:
                witness.see_spikes(name, spikes, first)
            signs = self.signs.pending(place)
            if signs is not None:
                witness.see_states(name, signs)

    def fuses(self, layer: object) -> bool:
        """Whether a layer may run fused."""
        return layer in self._fused

    def fired(self, layer: object, entered: Tensor | Spikes, spikes: Spikes) -> None:
        """Count what a fused layer was given, and what its neurons gave."""
        found = self._fused[layer]
        if self._operators != found.operator:
            raise _runs_otherwise("another layer", self.plan.operators[found.operator][0])
        self._operators += 1
        self._occurrences[found.neuron] += 1
        product, neurons = self.products[found.product], self.neurons[found.neurons]
        assert isinstance(product, LayerCounter), "one activation and a weight"
        given, made = self._packed.of_layer(entered), self._packed.of_layer(spikes)
        for use, words in ((product.planned.use, given[0]), (neurons.use, made[0])):
            if use.unsure and bool(words.any()):
                raise ConfigError(unproven(use))
        high, across = spikes.spatial or (1, 1)
        product.see_fused(*given, (high, across))
        neurons.see_fused(*made, tuple(spikes.shape[2:]))

    def operator(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run it, and count what it multiplies or which spikes it gives."""
        name, multiplies, changes = _kind_of(func)
        if changes:
            self._packed.forget()
        if not multiplies:
            output = func(*args, **kwargs)
            group = self.plan.spikes.get(self.dispatched)
            if group is not None:
                self._see_spikes(group, output)
            return output
        place = self._next(name)
        if place is None:
            return func(*args, **kwargs)
        answers = iter(self.plan.operators[self._operators - 1][1])
        product = product_of(func, args, kwargs, lambda _: next(answers))
        assert product is not None, "it was one in the trace"
        counter = self.products[place]
        if counter.planned.use.unsure and bool(product.x.any()):
            raise ConfigError(unproven(counter.planned.use))
        counter.see(product, self._packed.words)
        output = func(*args, **kwargs)
        counter.see_output(product, output)
        if self.wants_states and counter.planned.neurons is None:
            self.signs.see(place, counter.planned.use.layout, product.result(output))
        return output

    def leave(
        self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any
    ) -> None:
        """Count what neurons gave, and note what a batch norm made of a product."""
        self._packed.forget()
        if self.wants_states and isinstance(module, _BatchNorm) and isinstance(output, Tensor):
            self.signs.replace(output)
        occurrence = self._occurrences[name]
        self._occurrences[name] += 1
        group = self.plan.calls.get((name, occurrence))
        facts = self._facts(module)
        if group is None or facts is None or output is None:
            return
        made = list(tensors(output))
        self._see(group, made[facts.spikes] if isinstance(output, tuple | list) else made[0])
        if group in self.plan.alone:
            self.neurons[group].see_arriving(next(tensors((args, kwargs))), name)

    def _next(self, name: str) -> int | None:
        if self._operators >= len(self.plan.operators) or self.plan.operators[self._operators][0] != name:
            known = self.plan.operators[self._operators : self._operators + 1]
            raise _runs_otherwise(name, known[0][0] if known else "no further product")
        self._operators += 1
        return self.plan.operators[self._operators - 1][2]

    def _see(self, group: int, spikes: Tensor) -> None:
        counter = self.neurons[group]
        if counter.use.unsure and bool(spikes.any()):
            raise ConfigError(unproven(counter.use))
        counter.see(spikes, self._packed.words)

    def _see_spikes(self, group: int, output: Any) -> None:
        if not isinstance(output, Tensor):
            raise _runs_otherwise("another operator", "the one that gives spikes")
        self._see(group, output)


@lru_cache(maxsize=4096)
def _kind_of(func: Any) -> tuple[str, bool, bool]:
    """Name of an operator, whether it may be a product, and whether it changes what it is given."""
    return func._schema.name, func._schema.name in PRODUCTS, func._schema.is_mutable


def _runs_otherwise(got: str, expected: str) -> ConfigError:
    rule = f"what it ran on the first samples: {expected}"
    cure = "A network whose operators depend on the data or on the number of samples cannot be counted."
    return ConfigError(Problem("network", got, rule, cure))


@contextmanager
def counting(
    network: nn.Module,
    plan: CountingPlan,
    facts: Callable[[nn.Module], NeuronFacts | None],
    opaque: Callable[[nn.Module], bool],
    *,
    states: bool = False,
    fused: Mapping[object, FusedLayer] = MappingProxyType({}),
) -> Iterator[Counts]:
    """Count while the network runs inside the block; see `Counts`."""
    counts = Counts(plan, facts, states=states, fused=fused)

    def called(module: nn.Module) -> bool:
        return facts(module) is not None or (states and isinstance(module, _BatchNorm))

    with watching(network, counts, opaque, called), watched(counts):
        yield counts
