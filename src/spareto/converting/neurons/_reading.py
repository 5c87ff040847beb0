"""Read the attributes of a live neuron, and say which of them have no counterpart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from spareto.core.errors import Problem
from spareto.core.text import shown

Potential = Literal["before", "after"]
"""A membrane potential of a timestep: before a spike lowers it, or after."""


@dataclass
class NeuronPlan:
    """A neuron of another framework in our words.

    Args:
        name: Our neuron's name.
        options: What its constructor takes.
        most: Largest count of a neuron that counts, 0 for no limit; None for one that spikes.
        undelayed: Whether it is `Undelayed` around such a neuron.
        before: Connections that the module itself has before its neurons.
        feedback: Connections from the neurons' last spikes back to them.
        late: Whether their bias is there from the second timestep on, not before.
        tensors: Values of learned parameters, by name.
        potentials: Which potential a further output is, by its number among all outputs.
        emits: What its first output is: spikes, or the potential of a neuron that never fires.
        notes: What differs in training, one sentence each.
    """

    name: str
    options: dict[str, Any]
    most: int | None = None
    undelayed: bool = False
    before: nn.Linear | None = None
    feedback: nn.Linear | None = None
    late: bool = False
    tensors: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    potentials: dict[int, Potential] = field(default_factory=dict[int, Potential])
    emits: Literal["spikes", "potential"] = "spikes"
    notes: list[str] = field(default_factory=list[str])


class Reading:
    """Attributes of one module, and the problems found in them.

    Args:
        place: What the module is called in messages.
        module: The module.
        surrogate: One of our surrogates to train with, instead of the module's own.
    """

    def __init__(self, place: str, module: Any, surrogate: str | None = None) -> None:
        self.place, self.module, self.surrogate = place, module, surrogate
        self.problems: list[Problem] = []

    def refuse(self, what: str, got: object, rule: str, cure: str) -> None:
        """Note something without a counterpart."""
        where = f"{self.place}.{what}" if what else self.place
        self.problems.append(Problem(where, got if isinstance(got, str) else shown(got), rule, cure))

    def number(self, what: str, value: Any, *, learned: str = "") -> float:
        """A number that all neurons of the layer share.

        Args:
            what: Its name.
            value: A number or a tensor of equal numbers.
            learned: What to do if it is a learned parameter; without, it is taken as it stands.
        """
        tensor = torch.as_tensor(value).detach()
        if isinstance(value, nn.Parameter) and value.requires_grad and learned:
            self.refuse(what, "a learned parameter", "a number", learned)
        if tensor.numel() == 0 or not bool(torch.isfinite(tensor).all()):
            self.refuse(what, shown(tensor.tolist()), "a finite number", "Set it to one.")
            return 0.0
        first = tensor.flatten()[0]
        if not bool((tensor == first).all()):
            low, high = float(tensor.min()), float(tensor.max())
            got = f"{tensor.numel()} values from {low:g} to {high:g}"
            cure = "Give the layer one value, or split it into a layer a value."
            self.refuse(what, got, "one value for all neurons of a layer", cure)
        return float(first)

    def absent(self, what: str, value: Any, neutral: Any, cure: str) -> None:
        """Refuse an option that is set."""
        given = torch.as_tensor(value).detach() if isinstance(value, Tensor) else value
        same = bool((given == neutral).all()) if isinstance(given, Tensor) else given == neutral
        if not same:
            self.refuse(
                what, shown(given.tolist() if isinstance(given, Tensor) else given), shown(neutral), cure
            )

    def of_surrogate(self, what: str, found: dict[str, Any] | None, got: str) -> dict[str, Any]:
        """Our surrogate: the one asked for, else the counterpart of the module's own.

        Args:
            what: Name of the attribute.
            found: The counterpart; None without one.
            got: The module's own, as text.
        """
        if self.surrogate is not None:
            return {"surrogate": self.surrogate}
        if found is None:
            cure = "Say which of ours to train with: convert(..., surrogate='arctan')."
            self.refuse(what, got, "a surrogate with a counterpart", cure)
            return {}
        return found

    def linear(self, what: str, module: Any) -> nn.Linear | None:
        """A copy of dense connections inside of the neuron."""
        if type(module) is not nn.Linear:
            cure = "Feed the spikes back through an nn.Linear."
            self.refuse(what, type(module).__name__, "an nn.Linear", cure)
            return None
        bias = module.bias is not None
        copy = nn.Linear(
            module.in_features, module.out_features, bias, module.weight.device, module.weight.dtype
        )
        copy.load_state_dict(module.state_dict())
        return copy


def connections(weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
    """Dense connections `(outputs, inputs)` with these weights."""
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, weight.device, weight.dtype)
    with torch.no_grad():
        linear.weight.copy_(weight)
        if bias is not None:
            linear.bias.copy_(bias)
    return linear
