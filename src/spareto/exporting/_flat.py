"""A network of our layers as a list of statements."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import count
from keyword import iskeyword
from typing import Any, Final, Literal

from torch import nn

from spareto.converting.functions import ClassMeans, Delay, Function, LateBias, Reshape
from spareto.converting.network import ConvertedNetwork
from spareto.converting.steps import ForwardStep
from spareto.core.errors import ConfigError, Problem
from spareto.layers import SpikingLayer
from spareto.layers.residual import Residual
from spareto.networks import Network
from spareto.networks._blocks import AverageHead
from spareto.networks.resnet19 import BasicBlock
from spareto.neurons import SpikingNeuron

SUMS: Final = {"add.Tensor": "+", "mul.Tensor": "*", "sub.Tensor": "-"}
"""Functions of two signals that are written as what they are."""


CONNECTED: Final = {"add": "{0} + {1}", "and": "{0} * {1}", "iand": "(1 - {0}) * {1}"}
"""How a residual layer connects its body's output with what came around it."""


@dataclass(frozen=True)
class Statement:
    """One line of the other network's `forward`.

    Args:
        how: `layer` of torch over time and batch; `neuron`; `flatten` of each sample; `code` as it stands, of
            the values it reads; `late`, a bias from the second timestep on.
        reads: Values it reads, by number.
        writes: The value it gives.
        name: Name of the module.
        module: The module.
        code: Code with `{0}`, `{1}` for the values.
    """

    how: Literal["layer", "neuron", "flatten", "code", "late"]
    reads: tuple[int, ...]
    writes: int
    name: str = ""
    module: Any = None
    code: str = ""


class Flat:
    """Statements of a network so far; value 0 is its input."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self.last = 0

    def add(self, how: Any, reads: tuple[int, ...], **options: Any) -> int:
        """Append a statement; the value it gives."""
        self.last += 1
        if "name" in options:
            options["name"] = self._identifier(options["name"])
        self.statements.append(Statement(how, reads, self.last, **options))
        return self.last

    def _identifier(self, name: str) -> str:
        """A name as a module's attribute, that nothing else has."""
        stem = re.sub(r"\W", "_", name, flags=re.ASCII)
        if not stem.isidentifier() or iskeyword(stem) or hasattr(nn.Module(), stem):
            stem = f"layer_{stem}"
        taken = {statement.name for statement in self.statements}
        number = next(
            number for number in count(1) if (stem if number == 1 else f"{stem}_{number}") not in taken
        )
        return stem if number == 1 else f"{stem}_{number}"

    def module(self, module: nn.Module, name: str, value: int) -> int:
        """Append the statements of a module; the value it gives.

        Raises:
            ConfigError: There are none for it.
        """
        if isinstance(module, SpikingLayer) and (parts := module.chain()) is not None:
            value = self.add("flatten", (value,)) if module.flattens else value
            return self._parts(parts, name, value)
        if isinstance(module, nn.Sequential | AverageHead):
            return self._parts(dict(module.named_children()), name, value)
        if isinstance(module, Residual):
            around = self._around(module.shortcut, name, value)
            body = self.module(module.body, f"{name}_body", value)
            return self.add("code", (body, around), code=CONNECTED[module.connect])
        if isinstance(module, BasicBlock):
            around = self._around(module.shortcut, name, value)
            value = self.module(module.first, f"{name}_first", value)
            return self._parts(module.second.chain(), f"{name}_second", value, around)
        if isinstance(module, SpikingNeuron):
            return self.add("neuron", (value,), name=name, module=module)
        if isinstance(module, LateBias):
            return self.add("late", (value,), name=name, module=module)
        if isinstance(module, Delay):
            return self.add("code", (value,), code="torch.cat([torch.zeros_like({0}[:1]), {0}[:-1]])")
        if type(module).__module__.startswith("torch.nn.modules.") and not list(module.children()):
            return self.add("layer", (value,), name=name, module=module)
        got, rule = type(module).__name__, "spiking layers whose parts follow one another, or layers of torch"
        raise ConfigError(Problem(f"'{name}'", got, rule, "Build the network of these, without attention."))

    def _around(self, shortcut: nn.Module | None, name: str, value: int) -> int:
        return value if shortcut is None else self.module(shortcut, f"{name}_shortcut", value)

    def _parts(self, parts: dict[str, nn.Module], name: str, value: int, around: int | None = None) -> int:
        """Append parts that follow one another; the neurons get what came around them too."""
        for part, module in parts.items():
            if around is not None and isinstance(module, SpikingNeuron):
                value = self.add("code", (value, around), code=CONNECTED["add"])
            value = self.module(module, f"{name}_{part}".lstrip("_"), value)
        return value


def flat(network: nn.Module) -> tuple[Flat, Any]:
    """The statements of a network, and what it returns: nested values' numbers.

    Raises:
        ConfigError: It has a layer that no framework has.
    """
    found = Flat()
    if isinstance(network, ConvertedNetwork):
        return found, _converted(found, network)
    if isinstance(network, Network):
        value = 0
        children = dict(network.named_children())
        if not set(children) <= {"features", "readout"}:
            odd = next(name for name in children if name not in ("features", "readout"))
            rule = "features and readout alone"
            raise ConfigError(Problem(f"'{odd}'", type(children[odd]).__name__, rule, "Build it without."))
        for name, part in children.items():
            value = found.module(part, name, value)
        votes = f"{{0}}.mean(0).unflatten(-1, ({network.classes}, -1)).mean(-1)"
        return found, found.add("code", (value,), code=votes)
    return found, found.module(network, "", 0)


DETACHED: Final = "{0}.detach()"
_VOTES: Final = {
    "last": "{0}[-1]",
    "max": "{0}.max(0).values",
    **{how: f"{{0}}.{how}(0)" for how in ("mean", "sum", "amax")},
}


def _converted(found: Flat, network: ConvertedNetwork) -> Any:
    values = {0: 0}
    for step in network.steps:
        reads = tuple(values[number] for number in step.reads)
        values[step.writes[0]] = _step(found, network, step, reads)
    return _renumbered(network.output, values)


def _step(found: Flat, network: ConvertedNetwork, step: ForwardStep, reads: tuple[int, ...]) -> int:
    if step.how in ("block", "layer", "neuron") and step.time:
        return found.module(network.parts[step.part], step.part, reads[0])
    if step.how == "vote":
        return found.add("code", reads, code=_VOTES[step.function])
    if step.how == "running":
        return found.add("code", reads, code="{0}.cumsum(0)")
    if isinstance(step.function, Reshape) and step.time:
        return found.add("code", reads, code=f"{{0}}.flatten(2).unflatten(2, {step.function.shape})")
    if isinstance(step.function, ClassMeans):
        return found.add("code", reads, code=f"{{0}}.unflatten(-1, ({step.function.classes}, -1)).mean(-1)")
    function: Any = step.function
    name = function.name if isinstance(function, Function) else ""
    if name.startswith("detach") and step.time:
        return found.add("code", reads, code=DETACHED)
    if name in SUMS and len(reads) == 2 and len(function.args) == 2 and not function.kwargs:
        first, second = (argument.index for argument in function.args)
        return found.add("code", reads, code=f"{{{first}}} {SUMS[name]} {{{second}}}")
    got = step.part or name or step.how
    rule = "layers, neurons, sums, reshapes and votes over time"
    raise ConfigError(Problem("network", got, rule, "Export a network of these."))


def _renumbered(output: Any, values: dict[int, int]) -> Any:
    if isinstance(output, dict):
        return {key: _renumbered(item, values) for key, item in output.items()}
    if isinstance(output, list):
        return [_renumbered(item, values) for item in output]
    return None if output is None else values[output]
