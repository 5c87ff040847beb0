"""Trace a network on a sample: its products, its neurons, and where time and samples lie in both."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from spareto.frameworks import NeuronFacts
from spareto.kernels.trains import pack
from spareto.observing.observation import Call, Value
from spareto.observing.products import ProductCall, UnknownProductError, entering_of, foreign, product_of
from spareto.observing.recorder import Recorder
from spareto.observing.watching import tensors
from spareto.profiling.axes import Mark
from spareto.profiling.naming import content, is_part, is_weight_of, layer_name

STEP_OPERATORS: Final = frozenset(
    f"aten::{name}"
    for name in (
        "gt",
        "ge",
        "lt",
        "le",
        "eq",
        "ne",
        "heaviside",
        "sign",
        "sgn",
        "floor",
        "ceil",
        "round",
        "trunc",
    )
)
"""Operators through which a number becomes a spike or none."""


FIRST: Final = 4096
"""Elements that are looked at before all are."""


@dataclass(frozen=True)
class Event:
    """Something that is looked at in every batch.

    Args:
        site: Which place of the network: calls of one site are alike.
        module: Dotted name of the innermost module.
        place: File and line of the network's own code.
        value: Number of the value it gave.
        operation: Number of its operation.
        output: Mark of what it gave.
    """

    site: tuple[Any, ...]
    module: str
    place: str
    value: int
    operation: int
    output: Mark


@dataclass(frozen=True)
class ProductEvent(Event):
    """One call of an operator that multiplies and adds up.

    Args:
        product: What it multiplied, without the activations.
        name: Name of the layer.
        weight: Identity of the weight; calls with equal identities use the same one.
        answers: What was said of its operands, constant or not, in the order it was asked.
        x: Mark of what entered.
        right: Mark of the right operand of a pair.
        roots: Parameters and buffers the weight comes from.
        bias_roots: The same of the bias.
        idle: What entered is a constant too; it counts where other calls of the site are given activations.
    """

    product: ProductCall = None  # pyright: ignore[reportAssignmentType]
    name: str = ""
    weight: tuple[Any, ...] = ()
    answers: tuple[bool, ...] = ()
    x: Mark = None  # pyright: ignore[reportAssignmentType]
    right: Mark | None = None
    roots: frozenset[str] = frozenset()
    bias_roots: frozenset[str] = frozenset()
    idle: bool = False

    @property
    def layer(self) -> tuple[Any, ...]:
        """Which layer it is, wherever in the code it is called."""
        name, identity, _, kind = self.site
        return name, identity, kind


@dataclass(frozen=True)
class NeuronEvent(Event):
    """One call of neurons, or one operator that gives spikes.

    Args:
        facts: What is known of the neurons; None for an operator.
        occurrence: Number of the module's call, or of the operator among all operators.
        call: Number of the call in the observation; -1 for an operator.
    """

    facts: NeuronFacts | None = None
    occurrence: int = 0
    call: int = -1


@dataclass
class Trace:
    """What one run showed.

    Args:
        recorder: The run.
        operators: Every operator that could be a product, in order; None where it was one of constants.
        at: Number of the operation of each of these.
        neurons: Every call of neurons, in the order they ended.
        spiking: By operation, operators whose output is 0 and 1.
        shifts: By operation, what a batch norm does to a constant: factor and shift a channel.
        dispatched: Operators in all.
    """

    recorder: Tracer
    operators: list[tuple[str, ProductEvent | None]] = field(default_factory=list[Any])
    at: list[int] = field(default_factory=list[int])
    neurons: list[NeuronEvent] = field(default_factory=list[NeuronEvent])
    spiking: dict[int, NeuronEvent] = field(default_factory=dict[int, NeuronEvent])
    shifts: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict[int, tuple[Tensor, Tensor]])
    dispatched: int = 0

    @property
    def products(self) -> list[ProductEvent]:
        """Products that an activation takes part in, in order."""
        known = [(name, event) for name, event in self.operators if event is not None]
        busy = {(name, event.site, event.x.shape) for name, event in known if not event.idle}
        return [event for name, event in known if not event.idle or (name, event.site, event.x.shape) in busy]


class Tracer(Recorder):
    """Records a run, and marks the tensors that enter and leave products and neurons.

    Args:
        network: The network.
        facts: What is known of a module's neurons; None for a module that is none.
    """

    def __init__(self, network: nn.Module, facts: Callable[[nn.Module], NeuronFacts | None]) -> None:
        super().__init__(network)
        self.trace = Trace(self)
        self._facts = facts
        self._inside_neurons = 0
        self._parameters = frozenset(name for name, _ in network.named_parameters())

    def operator(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run it; note it, and what it is to the profile."""
        read = [self.value(tensor) for tensor in tensors((args, kwargs))]
        name = func._schema.name
        product, answers = self._read(func, args, kwargs, lambda value: not value.activation)
        idle = bool(answers) and product is None
        if idle:
            product, answers = self._idle(func, args, kwargs, answers)
        self._refuse_foreign(func, args, read)
        weight = self._weight(product)
        x, right = self._marks(product)
        output = func(*args, **kwargs)
        done = self.note(name, read, output, (args, kwargs) if func._schema.is_mutable else None)
        if answers:
            event = None
            if product is not None:
                event = self._product(product, weight, answers, x, right, output, done.index, done.writes)
                event = replace(event, idle=idle)
            self.trace.operators.append((name, event))
            self.trace.at.append(done.index)
        elif not self._inside_neurons:
            self._look(name, args, output, done.index, done.writes)
        return output

    def _read(
        self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], is_weight: Callable[[Value], bool]
    ) -> tuple[ProductCall | None, tuple[bool, ...]]:
        """The product, and what was said of its operands."""
        answers = list[bool]()

        def constant(tensor: Tensor) -> bool:
            answers.append(is_weight(self.value(tensor)))
            return answers[-1]

        try:
            return product_of(func, args, kwargs, constant), tuple(answers)
        except UnknownProductError as error:
            raise UnknownProductError(f"{self._module()}, {place()}: {error}") from None

    def _idle(
        self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], answers: tuple[bool, ...]
    ) -> tuple[ProductCall | None, tuple[bool, ...]]:
        """A product of constants, as if one were an activation: a state, zeros before the first spike."""
        ranks = {self._rank(self.value(tensor)) for tensor in tensors((args, kwargs))}
        if len(ranks) > 1:
            weights = max(ranks)
            found = self._read(func, args, kwargs, lambda value: self._rank(value) == weights)
            if found[0] is not None:
                return found
        entering = entering_of(func, args, kwargs)  # a state that is learned, too
        if entering is None:
            return None, answers
        state = self.value(entering).index
        return self._read(func, args, kwargs, lambda value: value.index != state)

    def _rank(self, value: Value) -> int:
        """2 of what comes from parameters, 1 of what comes from buffers, 0 of others."""
        return 2 if value.roots & self._parameters else 1 if value.roots else 0

    def leave(
        self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any
    ) -> None:
        """Note the end of a call, and what neurons gave."""
        call = self._stack[-1]
        super().leave(name, module, args, kwargs, output)
        facts = self._facts(module)
        if facts is None:
            return
        self._inside_neurons -= 1
        made = list(tensors(output))
        if self._inside_neurons or not made:
            return
        spikes = made[facts.spikes] if isinstance(output, tuple | list) else made[0]
        self.trace.neurons.append(
            NeuronEvent(
                site=("module", name),
                module=name,
                place=place(),
                value=self.value(spikes).index,
                operation=call.end - 1,
                output=Mark.of(spikes),
                facts=facts,
                occurrence=call.occurrence,
                call=call.index,
            )
        )

    def enter(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Note the begin of a call."""
        super().enter(name, module, args, kwargs)
        self._inside_neurons += self._facts(module) is not None

    def _module(self) -> str:
        call = self._stack[-1] if self._stack else None
        return f"module '{call.name}'" if call and call.name else "the network"

    def _refuse_foreign(self, func: Any, args: tuple[Any, ...], read: list[Value]) -> None:
        if not foreign(func) or not any(value.activation for value in read):
            return
        wide = any(len(value.shape) > 1 and value.roots and not value.activation for value in read)
        if wide or any(
            isinstance(each, torch.ScriptObject) for each in args
        ):  # weights that torch has packed
            raise UnknownProductError(f"{self._module()}, {place()}: {func._schema.name}")

    def _marks(self, product: ProductCall | None) -> tuple[Mark | None, Mark | None]:
        """Marks of what enters, made before the operator runs: it may change what it was given."""
        if product is None:
            return None, None
        return Mark.of(product.x), Mark.of(product.other) if product.kind == "pair" else None

    def _weight(self, product: ProductCall | None) -> Value | None:
        operand = product and product.operand
        return None if operand is None else self.value(operand)

    def _product(
        self,
        product: ProductCall,
        weight: Value | None,
        answers: tuple[bool, ...],
        x: Mark | None,
        right: Mark | None,
        output: Any,
        operation: int,
        writes: tuple[int, ...],
    ) -> ProductEvent:
        assert x is not None, "made for every product"
        call = self._stack[-1] if self._stack else None
        name, identity = self._name(product, weight, call)
        where = place()
        return ProductEvent(
            site=(name, identity, where, product.kind),
            module=call.name if call else "",
            place=where,
            value=writes[0],
            operation=operation,
            output=Mark.of(product.result(output)),
            product=_without_activations(product),
            name=name,
            weight=identity,
            answers=answers,
            x=x,
            right=right,
            roots=weight.roots if weight else frozenset(),
            bias_roots=self.value(product.bias).roots if product.bias is not None else frozenset(),
        )

    def _name(
        self, product: ProductCall, weight: Value | None, call: Call | None
    ) -> tuple[str, tuple[Any, ...]]:
        """Name of a layer, and the identity of its weight."""
        module = call.name if call else ""
        if weight is None:
            return f"{module}.product".lstrip("."), ("pair",)
        operand = product.operand
        assert operand is not None, "a weight has one"
        part = (operand.storage_offset(), tuple(operand.shape)) if is_part(weight, self.named) else ()
        identity = (tuple(sorted(weight.roots)) or ("constant", content(operand)), part)
        if call is not None and module and is_weight_of(call.module, operand):
            return module, identity
        return layer_name(weight.roots, module), identity

    def _look(
        self, name: str, args: tuple[Any, ...], output: Any, operation: int, writes: tuple[int, ...]
    ) -> None:
        """Note an operator that gives spikes, and one that shifts a channel's constant."""
        if name == "aten::batch_norm":
            self.trace.shifts[operation] = _shift(args)
        if not isinstance(output, Tensor) or not output.is_floating_point() or output.numel() < 2:
            return
        if output.layout is not torch.strided:
            return  # a product that reads it is refused
        if self._stack and type(self._stack[-1].module).__module__.startswith("torch.nn."):
            return  # pools, activations and their like are no neurons, whatever they give
        if not self.seen.values[writes[0]].activation or not _is_binary(output):
            return
        where = place()
        self.trace.spiking[operation] = NeuronEvent(
            site=("operator", where, name),
            module=self._stack[-1].name if self._stack else "",
            place=where,
            value=writes[0],
            operation=operation,
            output=Mark.of(output),
            occurrence=self.dispatched,
        )


def _is_binary(output: Tensor) -> bool:
    """Whether all are 0 or 1; most that are not show it at once."""
    flat = output.reshape(1, -1)
    return pack(flat[:, :FIRST])[1] and pack(flat)[1]


def _without_activations(product: ProductCall) -> ProductCall:
    """The product, with no activation kept alive."""
    empty = product.x.new_empty(0)
    other = empty if product.kind == "pair" else product.other
    return ProductCall(
        product.kind, empty, other, product.bias, product.geometry, product.operand, product.form
    )


def _shift(args: tuple[Any, ...]) -> tuple[Tensor, Tensor]:
    """What a batch norm with running statistics does to a constant: factor and shift a channel."""
    _, weight, bias, mean, variance, training, _, epsilon, *_ = args
    if training or mean is None or variance is None:
        return torch.ones(1), torch.ones(1)
    factor = (variance + epsilon).rsqrt() * (1.0 if weight is None else weight)
    return factor, -mean * factor + (0.0 if bias is None else bias)


_OWN: Final = tuple(str(Path(__file__).parents[1] / room) for room in ("observing", "profiling", "running"))
_TORCH: Final = str(Path(torch.__file__).parent)


def place() -> str:
    """File and line of the code that called into torch: the network's own, as far as there is any."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_TORCH, *_OWN)):
        frame = frame.f_back
    return f"{_file_name(frame.f_code.co_filename)}:{frame.f_lineno}"


@lru_cache(maxsize=256)
def _file_name(path: str) -> str:
    return Path(path).name
