"""What a recipe does to the neurons of a network: parameters and state in fixed point."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from spareto.core.errors import ConfigError, Problem
from spareto.neurons import SpikingNeuron
from spareto.neurons._family import FamilyNeuron
from spareto.neurons._fixed_point import rounded
from spareto.neurons._storing import StoringNeuron
from spareto.neurons.quantized_membrane import QuantizedMembrane
from spareto.neurons.quantized_state import QuantizedState
from spareto.neurons.surrogates import registry as surrogates
from spareto.records import MembranePlan, NeuronChange

PARAMETERS = ("beta", "alpha", "gain", "adapt_decay", "adapt_scale", "v_threshold")


def round_parameters(network: nn.Module, bits: int, where: str) -> None:
    """Round decays, gains and thresholds of every spiking neuron to fixed point, in place.

    Raises:
        ConfigError: There are no neurons of ours, or they learn their parameters; all are named.
    """
    _outermost(network, f"{where}.neuron_bits")
    neurons = _all(network)
    ConfigError.if_any(
        Problem(
            f"neuron '{name}'",
            f"learned {parameter}",
            "parameters that are plain numbers",
            f"Leave {where}.neuron_bits out, or use a neuron that does not learn them.",
        )
        for name, neuron in neurons.items()
        for parameter, _ in neuron.named_parameters(recurse=False)
    )
    for neuron in neurons.values():
        for parameter in PARAMETERS:
            value = getattr(neuron, parameter, None)
            if isinstance(value, float):
                setattr(neuron, parameter, rounded(value, bits))


def change_neurons(network: nn.Module, change: NeuronChange) -> None:
    """Set thresholds, decays and surrogates of every spiking neuron, in place.

    Raises:
        ConfigError: There are no neurons of ours, or some have no such number of their own, or learn it.
        UnknownName: No surrogate has that name.
    """
    where = "recipe.neurons"
    _outermost(network, where)
    neurons = {name: each for name, each in _all(network).items() if isinstance(each, FamilyNeuron)}
    wanted = {key: value for key in ("v_threshold", "beta") if (value := getattr(change, key)) is not None}
    ConfigError.if_any(
        Problem(f"neuron '{name}'", f"no '{key}' that is a plain number", f"one, for {where}.{key}")
        for name, neuron in neurons.items()
        for key in wanted
        if not isinstance(getattr(neuron, key, None), int | float)
    )
    for neuron in neurons.values():
        _set_numbers(neuron, wanted)
        if change.surrogate is not None or change.slope is not None:
            options = {} if change.slope is None else {"alpha": change.slope}
            name = change.surrogate or neuron.surrogate_name
            neuron.surrogate = surrogates.make(name, f"{where}.slope", **options)


def _set_numbers(neuron: FamilyNeuron, wanted: Mapping[str, float]) -> None:
    """A gain that is what the leak lets go stays so."""
    beta, gain = getattr(neuron, "beta", None), getattr(neuron, "gain", None)
    follows = "beta" in wanted and isinstance(beta, float) and gain == 1.0 - beta
    for key, value in wanted.items():
        setattr(neuron, key, value)
    if follows:
        setattr(neuron, "gain", 1.0 - wanted["beta"])  # noqa: B010 - some neurons have one


def store_membranes(network: nn.Module, plan: MembranePlan, where: str) -> None:
    """Let every spiking neuron keep its state in a few bits, in place.

    Raises:
        ConfigError: There are no neurons of ours, or they keep it so already.
    """
    outermost = _outermost(network, f"{where}.membrane")
    if stored := [name for name, part in _all(network).items() if isinstance(part, StoringNeuron)]:
        rule, cure = "neurons that keep their state as it is", f"Leave {where}.membrane out."
        raise ConfigError(Problem(f"neuron '{stored[0]}'", "a stored state", rule, cure))
    for name, neuron in outermost.items():
        parent, _, child = name.rpartition(".")
        setattr(network.get_submodule(parent), child, _storing(neuron, plan).train(neuron.training))


def _storing(neuron: SpikingNeuron, plan: MembranePlan) -> StoringNeuron:
    if plan.range == "fixed":
        return QuantizedState(neuron, bits=plan.bits, v_max=plan.v_max)
    return QuantizedMembrane(neuron, bits=plan.bits, range=plan.range, squash=plan.squash)


def _all(network: nn.Module) -> dict[str, SpikingNeuron]:
    """Spiking neurons by dotted name, also those inside of others."""
    return {name: module for name, module in network.named_modules() if isinstance(module, SpikingNeuron)}


def _outermost(network: nn.Module, where: str) -> dict[str, SpikingNeuron]:
    """The outermost spiking neurons by dotted name.

    Raises:
        ConfigError: There are none.
    """
    neurons = _all(network)
    outermost = {
        name: neuron
        for name, neuron in neurons.items()
        if not any(name.startswith(f"{other}.") for other in neurons if other != name)
    }
    if "" in outermost or not outermost:
        cure = "Leave it out, or build the network from Spareto's neurons."
        raise ConfigError(
            Problem(where, "a network without them", "Spareto's neurons inside a network", cure)
        )
    return outermost
