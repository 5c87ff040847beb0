"""Any neuron in a layer whose spikes come back to it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from spareto.core.errors import ConfigError, Problem, ShapeError
from spareto.core.memory import require
from spareto.core.options import Count, Flag
from spareto.core.text import shown
from spareto.kernels import neurons as kernels
from spareto.kernels import recurrent as kernel
from spareto.neurons import registry
from spareto.neurons._base import SpikingNeuron, by_steps
from spareto.neurons._checks import place
from spareto.neurons._family import Wrapped, refuse_options


class Recurrent(SpikingNeuron):
    """A layer of neurons, each of which feeds all of them, one timestep later.

        s[t] = neuron(x[t] + weight · s[t-1] + bias)

    Args:
        features: Neurons of the layer, the last axis of its currents.
        neuron: Name of the neuron, or the neuron itself.
        bias: Whether the recurrent connections have a bias.
        options: What the named neuron's constructor takes.

    Raises:
        ConfigError: A parameter is not allowed, or the neuron is itself recurrent; all are named.
        UnknownName: No neuron has that name.

    Reference:
        cramer2022: recurrent networks are the baseline on spoken digits.
    """

    def __init__(self, features: Count, neuron: Wrapped = "lif", bias: Flag = False, **options: Any) -> None:
        super().__init__()
        refuse_options("recurrent", neuron, options)
        if neuron == "recurrent" or isinstance(neuron, Recurrent):
            cure = "Wrap another neuron."
            raise ConfigError(Problem("neuron 'recurrent'.neuron", "'recurrent'", "a plain neuron", cure))
        require(
            4 * features * features,
            "neuron 'recurrent'.features",
            f"a layer of {shown(features)} neurons that feed each other",
            "Use fewer.",
        )
        self.neuron = registry.make(neuron, **options) if isinstance(neuron, str) else neuron
        self.linear = nn.Linear(features, features, bias=bias)
        self.as_wrapped(self.neuron)

    def initial_state(self, current: Tensor) -> Any:
        """See `SpikingNeuron.initial_state`: no spikes yet, and the neuron's own state."""
        return torch.zeros_like(current), self.neuron.initial_state(current)

    @override
    def step(self, current: Tensor, state: Any) -> tuple[Tensor, Any]:
        fed, own = state
        spikes, own = self.neuron.step(current + self.linear(fed), own)
        return spikes, (spikes, own)

    @override
    def forward(self, current: Tensor) -> Tensor:
        self.check_current(current)
        dynamics = self.neuron.dynamics()
        plain = torch.compiler.is_compiling() or self.linear._forward_hooks or not len(current)
        if dynamics is None or plain or kernels.loops(current, dynamics) is None:
            return by_steps(self, current)[0]
        rows = current.reshape(len(current), -1, current.shape[-1])
        spikes = kernel.run(rows, self.linear.weight, self.linear.bias, dynamics)
        return spikes.reshape(current.shape)

    def check_current(self, current: Tensor) -> None:
        """See `SpikingNeuron.check_current`: also as many as the layer has neurons, of its weights' type."""
        super().check_current(current)
        dtype, problems = next(self.linear.parameters()).dtype, list[Problem]()
        if current.shape[-1] != self.linear.in_features:
            got, rule = f"{current.shape[-1]} features", f"{self.linear.in_features} on the last axis"
            problems.append(Problem(place(self), got, rule, "Build it with as many."))
        if current.dtype is not dtype and not _brought_together(current, dtype):
            rule, cure = f"{dtype}, as its weights are", f"Call .to({dtype}) on them."
            problems.append(Problem(place(self), str(current.dtype), rule, cure))
        if problems:
            raise ShapeError(problems)


def _brought_together(current: Tensor, dtype: torch.dtype) -> bool:
    """Whether autocast makes currents and weights one type."""
    return torch.is_autocast_enabled(current.device.type) and torch.float64 not in (current.dtype, dtype)
