"""A network of ours as a NIR graph: one node per layer, one per layer of neurons."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spareto.core.errors import ConfigError, Problem
from spareto.exporting._base import ExportedNeuron, taken_apart
from spareto.exporting._flat import DETACHED, Flat, Statement, flat
from spareto.neurons.recurrent import Recurrent

DELAYED = "torch.cat([torch.zeros_like({0}[:1]), {0}[:-1]])"
LOSSY = "Or write it with lossy=True, which names every loss."


@dataclass
class NirGraph:
    """A graph so far.

    Args:
        nodes: By name.
        edges: Between them.
        notes: What a reader should know.
        losses: What the graph does not say.
    """

    nodes: dict[str, Any] = field(default_factory=dict[str, Any])
    edges: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    notes: list[str] = field(default_factory=list[str])
    losses: list[str] = field(default_factory=list[str])


class NirWriter:
    """Nodes of a network's statements.

    Args:
        nir: The package.
        dt: Of a timestep, in the unit that time constants get.
        lossy: Whether what NIR cannot say is left out and named, instead of refused.
    """

    def __init__(self, nir: Any, dt: float, lossy: bool) -> None:
        self._nir, self._dt, self._lossy = nir, dt, lossy
        self._has_reset = "v_reset" in inspect.signature(nir.LIF).parameters
        self.written = NirGraph()
        self._problems: list[Problem] = []
        self._ends: dict[int, tuple[str, ...]] = {0: ("input",)}
        self._shapes: dict[int, tuple[int, ...]] = {}

    def write(self, network: nn.Module, sensor: tuple[int, ...]) -> NirGraph:
        """The graph of a network in evaluation mode, its weights baked.

        Args:
            network: The network.
            sensor: Shape of one sample at one timestep.

        Raises:
            ConfigError: NIR cannot say something; all of it is named.
        """
        found, output = flat(network)
        self._shapes[0] = sensor
        self.written.nodes["input"] = self._nir.Input(input_type={"input": np.array(sensor)})
        statements = _folded(found)
        for statement in statements:
            self._statement(statement, statements)
        for number, value in enumerate(dict.fromkeys(_leaves(output))):
            self._output(value, "output" if number == 0 else f"output_{number}")
        if self._problems:
            raise ConfigError(self._problems)
        return self.written

    def _statement(self, statement: Statement, all_: list[Statement]) -> None:
        reads, writes = statement.reads, statement.writes
        shape = self._shapes.get(reads[0])
        if shape is None:  # behind what was refused, or behind a vote
            return
        if statement.how == "flatten" or (
            statement.how == "layer" and isinstance(statement.module, nn.Flatten)
        ):
            self._flatten(writes, reads[0], shape)
        elif statement.how == "neuron":
            self._neuron(statement, shape)
        elif statement.how == "layer":
            self._layer(statement, shape)
        elif statement.code in (DETACHED, "{0} + {1}") and all(read in self._ends for read in reads):
            self._ends[writes] = tuple(end for read in reads for end in self._ends[read])
            self._shapes[writes] = shape
        elif statement.code == DELAYED:
            self._delay(statement, shape)
        elif statement.how == "code" and ".unflatten(2, " in statement.code and "mean" not in statement.code:
            new = torch.empty((1, 1, *shape), device="meta")
            target = tuple(eval(statement.code.format("x"), {"x": new}).shape[2:])
            if len(target) == 1:
                self._flatten(writes, reads[0], shape)
            else:
                self._refuse(statement, "a reshape to an image", "signals in a row")
        elif (
            statement.how == "code"
            and len(reads) == 1
            and not any(writes in other.reads for other in all_ if other.how != "code")
        ):
            self._ends[writes], note = (
                self._ends[reads[0]],
                "The outputs are the last spikes; what the network makes of them is in the metadata alone.",
            )
            self._shapes[writes] = shape
            if note not in self.written.notes:
                self.written.notes.append(note)
        else:
            self._refuse(statement, "an operation between layers", "layers, sums and delays")

    def _refuse(
        self, statement: Statement, got: str, rule: str, cure: str = "Build the network without it."
    ) -> None:
        name = statement.name or statement.code or statement.how
        self._problems.append(Problem(f"'{name}'", got, f"{rule}: NIR has no other", cure))

    def _put(self, name: str, node: Any, writes: int, reads: int, shape: tuple[int, ...]) -> None:
        name = name if name not in self.written.nodes else f"{name}_{writes}"
        self.written.nodes[name] = node
        self.written.edges += [(end, name) for end in dict.fromkeys(self._ends[reads])]
        if len(set(self._ends[reads])) < len(self._ends[reads]):
            self._problems.append(Problem(f"'{name}'", "a signal added to itself", "different ones", ""))
        self._ends[writes], self._shapes[writes] = (name,), shape

    def _flatten(self, writes: int, reads: int, shape: tuple[int, ...]) -> None:
        if len(shape) == 1:
            self._ends[writes], self._shapes[writes] = self._ends[reads], shape
            return
        node = self._nir.Flatten(input_type={"input": np.array(shape)}, start_dim=0, end_dim=-1)
        self._put(f"flatten_{writes}", node, writes, reads, (int(np.prod(shape)),))

    def _delay(self, statement: Statement, shape: tuple[int, ...]) -> None:
        node = self._nir.Delay(delay=np.full(shape, self._dt))
        self._put(f"delay_{statement.writes}", node, statement.writes, statement.reads[0], shape)

    def _layer(self, statement: Statement, shape: tuple[int, ...]) -> None:
        module, nir = statement.module, self._nir
        writes, reads = statement.writes, statement.reads[0]
        if isinstance(module, nn.Dropout | nn.Dropout2d | nn.Identity):
            self._ends[writes], self._shapes[writes] = self._ends[reads], shape
            return
        try:
            made = (
                tuple(module(torch.empty((1, *shape), device="meta", dtype=_dtype(module))).shape[1:])
                if not list(module.parameters())
                else _shape_of(module, shape)
            )
        except RuntimeError as error:
            got = f"signals of shape {shape} ({' '.join(str(error).split())[:100]})"
            self._refuse(statement, got, "signals it takes", "Pass the sensor it is for.")
            return
        if isinstance(module, nn.Linear) and len(shape) == 1:
            weight = _array(module.weight)
            node = nir.Linear(weight) if module.bias is None else nir.Affine(weight, _array(module.bias))
        elif isinstance(module, nn.Conv2d | nn.Conv1d) and module.padding_mode == "zeros":
            node = _conv(nir, module, shape)
        elif isinstance(module, nn.AvgPool2d) and _sayable(module):
            sides = [np.array(_pair(value)) for value in (module.kernel_size, module.stride, module.padding)]
            node = (nir.SumPool2d if module.divisor_override == 1 else nir.AvgPool2d)(*sides)
        elif isinstance(module, nn.AdaptiveAvgPool2d) and _even(shape, made):
            kernel = np.array([side // small for side, small in zip(shape[1:], made[1:], strict=True)])
            node = nir.AvgPool2d(kernel, kernel.copy(), np.zeros(2, int))
        else:
            cure = "Pool by nn.AvgPool2d; fold batch norms behind convolutions or dense layers."
            self._refuse(
                statement,
                f"{type(module).__name__}({module.extra_repr()})",
                "dense layers, convolutions and sums or means of windows",
                cure,
            )
            return
        self._put(statement.name, node, writes, reads, made)

    def _neuron(self, statement: Statement, shape: tuple[int, ...]) -> None:
        module = statement.module
        back = module.linear if isinstance(module, Recurrent) else None
        try:
            neuron = taken_apart(statement.name, module.neuron if back is not None else module)
            node = self._node(neuron, shape)
        except ConfigError as error:  # go on, so that all of them are named
            self._problems += error.problems
            node = None
        self._put(statement.name, node, statement.writes, statement.reads[0], shape)
        if back is not None:
            weight, name = _array(back.weight), f"{statement.name}_back"
            fed = (
                self._nir.Linear(weight) if back.bias is None else self._nir.Affine(weight, _array(back.bias))
            )
            self.written.nodes[name] = fed
            self.written.edges += [(statement.name, name), (name, statement.name)]

    def _node(self, neuron: ExportedNeuron, shape: tuple[int, ...]) -> Any:
        nir, dt = self._nir, self._dt
        level = self._reset(neuron)
        try:
            threshold = neuron.threshold(strict=True)
        except ConfigError as error:
            if not self._lossy:
                raise
            self._loss(neuron, str(error.problems[0].got))
            threshold = neuron.family.v_threshold
        given = {"v_threshold": _full(shape, threshold)}
        if self._has_reset:
            given["v_reset"] = _full(shape, level)
        if neuron.beta == 1 and neuron.alpha is None:
            return nir.IF(r=_full(shape, neuron.gain / dt), **given)
        share = 1.0 - neuron.beta
        if not 0 < share <= 1 or (neuron.alpha is not None and not 0 <= neuron.alpha < 1):
            got = f"beta {neuron.beta:g}" + ("" if neuron.alpha is None else f", alpha {neuron.alpha:g}")
            raise neuron.refuse(got, "shares from 0 to below 1 that are kept", "Give it a leak.")
        given |= {"v_leak": _full(shape, neuron.leak), "r": _full(shape, neuron.gain / share)}
        if neuron.alpha is None:
            return nir.LIF(tau=_full(shape, dt / share), **given)
        taus = {"tau_mem": _full(shape, dt / share), "tau_syn": _full(shape, dt / (1.0 - neuron.alpha))}
        return nir.CubaLIF(**taus, w_in=_full(shape, 1.0 / (1.0 - neuron.alpha)), **given)

    def _reset(self, neuron: ExportedNeuron) -> float:
        """Where a spike sets the potential."""
        family, problems = neuron.family, list[tuple[str, str]]()
        if neuron.reset not in ("zero", "value"):
            problems.append((f"reset '{neuron.reset}'", "a reset to a level: Build it with reset 'zero'."))
        if neuron.most is not None:
            problems.append(("a neuron that counts", "spikes: Leave multi_spike out."))
        if neuron.leak != 0:
            problems.append(
                (f"a potential that starts at {neuron.leak:g}", "one that starts at 0: Set it to 0.")
            )
        if neuron.reset == "value" and not self._has_reset:
            problems.append((f"a reset to {family.v_reset:g}", "0, before nir 1.0.6: Update nir."))
        where = f"'{neuron.place}'"
        told = [(got, *said.split(": ")) for got, said in problems]
        if told and not self._lossy:
            raise ConfigError(
                Problem(where, got, f"{rule}, as NIR says", f"{cure} {LOSSY}") for got, rule, cure in told
            )
        for got, _ in problems:
            self._loss(neuron, got)
        return family.v_reset if neuron.reset == "value" else 0.0

    def _loss(self, neuron: ExportedNeuron, got: str) -> None:
        self.written.losses.append(f"'{neuron.place}': NIR does not say {got}; the graph resets to a level.")

    def _output(self, value: int, name: str) -> None:
        if value in self._ends:
            node = self._nir.Output(output_type={"output": np.array(self._shapes[value])})
            self.written.nodes[name] = node
            self.written.edges += [(end, name) for end in dict.fromkeys(self._ends[value])]


def _folded(found: Flat) -> list[Statement]:
    """Statements with each batch norm folded into the layer before it."""
    statements = list[Statement]()
    for statement in found.statements:
        before = next((s for s in statements if statement.reads == (s.writes,)), None)
        norm = isinstance(statement.module, nn.BatchNorm1d | nn.BatchNorm2d) and statement.how == "layer"
        alone = before is not None and sum(before.writes in s.reads for s in found.statements) == 1
        if (
            norm
            and alone
            and before is not None
            and isinstance(before.module, nn.Linear | nn.Conv2d | nn.Conv1d)
        ):
            fused = _fused(before.module, statement.module)
            index = statements.index(before)
            statements[index] = Statement("layer", before.reads, statement.writes, before.name, fused)
        else:
            statements.append(statement)
    return statements


def _fused(layer: Any, norm: Any) -> nn.Module:
    from torch.nn.utils import fusion

    fuse: Any = fusion.fuse_linear_bn_eval if isinstance(layer, nn.Linear) else fusion.fuse_conv_bn_eval
    return fuse(layer.eval(), norm.eval())


def _conv(nir: Any, module: Any, shape: tuple[int, ...]) -> Any:
    bias = torch.zeros(module.out_channels) if module.bias is None else module.bias
    names = ("stride", "padding", "dilation")
    said = {name: getattr(module, name) for name in names}
    if isinstance(module, nn.Conv1d):
        said = {name: value if isinstance(value, str) else value[0] for name, value in said.items()}
        size: Any = shape[1]
    else:
        size = shape[1:]
    kind = nir.Conv2d if isinstance(module, nn.Conv2d) else nir.Conv1d
    return kind(
        input_shape=size, weight=_array(module.weight), **said, groups=module.groups, bias=_array(bias)
    )


def _shape_of(module: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    with torch.no_grad():
        return tuple(module(torch.zeros((1, *shape), dtype=_dtype(module))).shape[1:])


def _dtype(module: nn.Module) -> torch.dtype:
    return next((parameter.dtype for parameter in module.parameters()), torch.float32)


def _sayable(pool: nn.AvgPool2d) -> bool:
    padded = any(_pair(pool.padding))
    return (
        not pool.ceil_mode and pool.divisor_override in (None, 1) and (pool.count_include_pad or not padded)
    )


def _even(shape: tuple[int, ...], made: tuple[int, ...]) -> bool:
    return len(shape) == 3 and all(side % small == 0 for side, small in zip(shape[1:], made[1:], strict=True))


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)  # type: ignore[return-value]


def _array(value: Tensor) -> Any:
    return value.detach().cpu().float().numpy().copy()


def _full(shape: tuple[int, ...], value: float) -> Any:
    return np.full(shape, value, np.float64)


def _leaves(output: Any) -> list[int]:
    if isinstance(output, dict | list):
        return [
            leaf
            for item in (output.values() if isinstance(output, dict) else output)
            for leaf in _leaves(item)
        ]
    return [] if output is None else [output]
