"""What is known of the neurons of a network: by their class, or because the caller named them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from torch import nn

from spareto.core.arguments import of_kind
from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of
from spareto.frameworks import NeuronFacts, is_layer, neuron_facts
from spareto.hardware.charging.neurons import KINDS
from spareto.profiling.charging import CountingPlan
from spareto.profiling.counters import NeuronCounter
from spareto.profiling.layers import Kinds

BY_HAND = "lif"
"""What neurons that are written out by hand are charged as, where nobody says more."""


class NamedNeurons:
    """Neurons of known classes, and those that the caller named.

    Args:
        network: The network.
        kinds: Kinds by the dotted name of a module, or by the name of the layer before the neurons.

    Raises:
        ConfigError: A kind is not known; all are named.
    """

    def __init__(self, network: nn.Module, kinds: Mapping[str, str]) -> None:
        of_kind(kinds, Mapping, "neurons", "names and kinds", "Write {'fc1': 'lif'}.")
        self._kinds = dict(kinds)
        ConfigError.if_any(
            Problem(f"neurons['{name}']", repr(kind), one_of(KINDS), did_you_mean(kind, KINDS))
            for name, kind in kinds.items()
            if kind not in KINDS
        )
        self._modules = {
            module: NeuronFacts(kind=kinds[name], axes="one step")
            for name, module in network.named_modules()
            if name in kinds and not is_layer(module)
        }
        self._names = {name for name, module in network.named_modules() if module in self._modules}
        self._own = [name for name, module in network.named_modules() if name and not is_layer(module)]
        self._known: dict[nn.Module, NeuronFacts | None] = {}
        self._opaque: dict[nn.Module, bool] = {}

    def facts(self, module: nn.Module) -> NeuronFacts | None:
        """What is known of a module's neurons; None for one that is none."""
        if module not in self._known:
            self._known[module] = self._modules.get(module) or neuron_facts(module)
        return self._known[module]

    def opaque(self, module: nn.Module) -> bool:
        """Whether nothing inside of these neurons needs to be looked at: no product can hide in them."""
        if module not in self._opaque:
            facts = self.facts(module)
            own = facts is not None and module not in self._modules and not facts.products
            plain = type(module).__module__.partition(".")[0] in _FRAMEWORKS
            holds_layers = any(is_layer(part) for part in module.modules() if part is not module)
            self._opaque[module] = own and plain and not holds_layers
        return self._opaque[module]

    def kinds(self, layer: str) -> Kinds:
        """What is known of the neurons behind a layer."""
        return partial(self._kind, layer)

    def notes(self, plan: CountingPlan) -> Iterator[str]:
        """Sentences for the workload.

        Raises:
            ConfigError: A name is that of no module and of no layer.
        """
        layers = [planned.use.name for planned in plan.products]
        names = [*layers, *self._own]
        ConfigError.if_any(
            Problem(f"neurons['{name}']", "no such module or layer", one_of(names), did_you_mean(name, names))
            for name in self._kinds
            if name not in self._names and name not in layers
        )
        for name in sorted(self._names):
            yield f"The neurons '{name}' were named as '{self._kinds[name]}'."

    def _kind(self, layer: str, counter: NeuronCounter) -> tuple[NeuronFacts, tuple[str, ...]]:
        event = counter.use.first
        if layer in self._kinds:
            return NeuronFacts(kind=self._kinds[layer], axes="one step"), (
                f"Its neurons were named as '{self._kinds[layer]}'.",
            )
        if event.facts is not None:
            return event.facts, ()
        note = (
            f"Its neurons are written out by hand ({event.place}): they were seen by their output of 0 and 1 "
            f"and are charged as '{BY_HAND}'."
        )
        return NeuronFacts(kind=BY_HAND, axes="one step"), (note,)


_FRAMEWORKS = ("snntorch", "spikingjelly", "norse", "sinabs", "spareto")
