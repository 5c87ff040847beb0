"""Write a network of ours as code and weights for another framework."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from torch import Tensor, nn

from spareto._version import __version__
from spareto.compression import bake
from spareto.compression.copies import copy_of
from spareto.core.artifacts import write_text
from spareto.core.errors import ConfigError, Problem
from spareto.core.registry import Registry
from spareto.exporting._base import TargetFramework, number, taken_apart
from spareto.exporting._flat import Flat, Statement, flat
from spareto.neurons.recurrent import Recurrent
from spareto.training.stored import write_tensors

registry: Final[Registry[TargetFramework]] = Registry("spareto.exporting", TargetFramework, "framework")

HEAD: Final = '''"""A spiking network for {framework}, written by Spareto {version}. It needs no Spareto.

    network = load()                 # weights.safetensors beside this file
    network(frames)                  # (time, batch, ...)
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
{imports}


def over_time(layer, sequence):
    """A layer without state on all timesteps at once."""
    return layer(sequence.flatten(0, 1)).unflatten(0, sequence.shape[:2])

{run}

class Network(nn.Module):
    def __init__(self):
        super().__init__()
{init}

    def forward(self, v0):
{forward}


def load(folder=Path(__file__).parent):
    """The network with its weights, in evaluation mode."""
    network = Network()
    weights = load_file(Path(folder) / "weights.safetensors")
    unknown = network.load_state_dict(weights, strict=False).unexpected_keys  # neurons hold what code says
    assert not unknown, unknown
    return network.eval()
'''


@dataclass(frozen=True)
class ExportedNetwork:
    """What was written.

    Args:
        code: The file of the network; `load()` in it makes the network.
        weights: The file of its weights.
    """

    code: Path
    weights: Path


def export_to(network: nn.Module, framework: str, folder: str | Path) -> ExportedNetwork:
    """Write a network as runnable code and weights of another framework, with the same spikes.

    Weights arrive as they are stored: quantized, and zero where pruned. Thresholds are moved by the smallest
    single-precision step where the framework fires above them and ours at them, or the other way round.

    Args:
        network: A network of `spareto.networks` without attention, a chain of its layers, or a converted one.
        framework: `snntorch`, `spikingjelly`, `norse` or `sinabs`.
        folder: Folder of `network.py` and `weights.safetensors`.

    Raises:
        UnknownName: No framework has that name.
        ConfigError: The framework does not have one of its layers or neurons; says which, and what to do.
        StoreError: A file cannot be written.
    """
    target = registry.make(framework)
    plain = copy_of(network)
    bake(plain)
    found, output = flat(plain.eval())
    init, forward, weights = _written(found, target)
    forward.append(f"        return {_returned(output)}")
    code = HEAD.format(
        framework=type(target).__name__,
        version=__version__,
        imports=target.imports,
        run=target.run,
        init="\n".join(init) or "        pass",
        forward="\n".join(forward),
    )
    folder = Path(folder)
    files = ExportedNetwork(folder / "network.py", folder / "weights.safetensors")
    write_tensors(files.weights, weights)
    write_text(files.code, code)
    return files


def _written(found: Flat, target: TargetFramework) -> tuple[list[str], list[str], dict[str, Tensor]]:
    init, forward, weights = list[str](), list[str](), dict[str, Tensor]()
    for statement in found.statements:
        reads, name = [f"v{number}" for number in statement.reads], statement.name
        if statement.how == "flatten":
            line = f"{reads[0]}.flatten(2)"
        elif statement.how == "code":
            line = statement.code.format(*reads)
        elif statement.how == "neuron":
            line = _neuron(statement, target, init, weights)
        elif statement.how == "late":
            init.append(f"        self.{name} = nn.Parameter(torch.zeros({len(statement.module.bias)}))")
            weights[name] = statement.module.bias.detach().clone()
            line = f"torch.cat([{reads[0]}[:1], {reads[0]}[1:] + self.{name}])"
        else:
            init.append(f"        self.{name} = {_layer(statement)}")
            _keep(weights, name, statement.module)
            line = f"over_time(self.{name}, {reads[0]})"
        forward.append(f"        v{statement.writes} = {line}")
    return init, forward, weights


def _neuron(
    statement: Statement, target: TargetFramework, init: list[str], weights: dict[str, Tensor]
) -> str:
    name, neuron = statement.name, statement.module
    back = neuron.linear if isinstance(neuron, Recurrent) else None
    written = target.neuron(taken_apart(name, neuron.neuron if back is not None else neuron))
    init.append(f"        self.{name} = {written.code}")
    currents = f"v{statement.reads[0]}"
    scaled = currents if written.scale == 1 else f"{currents} * {number(written.scale)}"
    if back is None:
        return f"fire(self.{name}, {scaled})"
    init.append(f"        self.{name}_back = {_linear(back)}")
    _keep(weights, f"{name}_back", back)
    again = f"self.{name}_back"
    if written.scale != 1:
        again = f"lambda last: {again}(last) * {number(written.scale)}"
    return f"fire(self.{name}, {scaled}, {again})"


def _linear(layer: Any) -> str:
    return f"nn.Linear({layer.in_features}, {layer.out_features}, bias={layer.bias is not None})"


def _layer(statement: Statement) -> str:
    """Code that makes a layer of torch as it is."""
    module = statement.module
    kind, text = type(module).__name__, module.extra_repr()
    if kind == "Linear":
        return _linear(module)
    if kind.startswith("BatchNorm"):
        stats = f"eps={module.eps!r}, momentum={module.momentum!r}, affine={module.affine}"
        return f"nn.{kind}({module.num_features}, {stats}, track_running_stats={module.track_running_stats})"
    try:
        made = eval(f"nn.{kind}({text})", {"nn": nn})  # what torch prints is what it takes, or is refused
    except (TypeError, SyntaxError, NameError) as error:
        rule = "a layer that torch prints as it is made"
        raise ConfigError(Problem(f"'{statement.name}'", f"{kind}({text})", rule, "Leave it out.")) from error
    if made.extra_repr() != text:
        rule = "a layer that torch prints as it is made"
        raise ConfigError(Problem(f"'{statement.name}'", f"{kind}({text})", rule, "Leave it out."))
    return f"nn.{kind}({text})"


def _keep(weights: dict[str, Tensor], name: str, module: nn.Module) -> None:
    for key, value in module.state_dict().items():
        weights[f"{name}.{key}"] = value.detach().clone().contiguous()


def _returned(output: Any) -> str:
    if isinstance(output, dict):
        return "{" + ", ".join(f"{key!r}: {_returned(item)}" for key, item in output.items()) + "}"
    if isinstance(output, list):
        return "(" + "".join(f"{_returned(item)}, " for item in output) + ")"
    return "None" if output is None else f"v{output}"
