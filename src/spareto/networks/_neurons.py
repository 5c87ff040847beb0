"""The neurons a network is asked for, as data: `{name: alif, tau_adapt: 30}`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from spareto.core.config import Rule
from spareto.core.errors import ConfigError, Problem
from spareto.core.text import shown
from spareto.networks._blocks import MakeNeuron
from spareto.neurons import registry

NeuronPlan = Annotated[
    str | Mapping[str, Any],
    Rule("a neuron's name, or its name and options", "Write {name: alif, tau_adapt: 30}."),
]
SurrogateName = Annotated[str, Rule("the name of a surrogate")]


def neuron_maker(
    network: str, neuron: NeuronPlan | None, tau: float | None, surrogate: str | None, default: str = "lif"
) -> MakeNeuron:
    """What makes the neurons of one layer after the other.

    Args:
        network: Name of the network, for messages.
        neuron: Name of the neuron, or a mapping of `name` and what the neuron's constructor takes.
        tau: Membrane time constant, timesteps; None leaves it to `neuron`.
        surrogate: Name of the surrogate gradient; None leaves it to `neuron`.
        default: Name of the neuron where `neuron` gives none.

    Raises:
        ConfigError: It says what the neuron does not take or was told already.
        UnknownName: No neuron or surrogate has that name.
    """
    where = f"network '{network}'"
    given = {"name": neuron} if isinstance(neuron, str) else dict(neuron or {})
    shared = {
        option: value for option, value in (("tau", tau), ("surrogate", surrogate)) if value is not None
    }
    if twice := [option for option in shared if option in given]:
        raise ConfigError(
            Problem(
                f"{where}.{option}", shown(shared[option]), f"none beside neuron.{option}", "Give it once."
            )
            for option in twice
        )
    options = {"name": default, **given, **shared}
    name = options.pop("name")
    if name == "recurrent":
        cure = "Network 'dense' feeds spikes back with recurrent: true."
        raise ConfigError(Problem(f"{where}.neuron", "'recurrent'", "a neuron of one layer", cure))
    return partial(registry.make, name, f"{where}.neuron", **options)
