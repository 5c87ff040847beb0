"""Listen to one run of a network, operator by operator, and say what each tensor holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

from spareto.converting.buffers import Buffers
from spareto.converting.graph import LEADING, Form, Node, Ref, Signals
from spareto.core.errors import Problem
from spareto.observing.watching import Watch, tensors

LOOKED_AT = 4096
"""Elements of a constant up to which constants of equal values are one."""
CURE: Final = "Move it into a layer of torch, or keep the network as it is."
VIEWS: Final = ("select", "slice", "alias")


class Tape(Watch):
    """Numbers the signals that tensors hold.

    Args:
        timesteps: Timesteps of the input; None for an input without time.
        samples: Samples of the input.
        opaque: Modules that are seen as a whole.
        called: Told of each call of such a module: name, module, arguments, output.
        operators: What an operator does with signals, by its name.
        parameters: Parameters of the network, which no constant may come from.
    """

    def __init__(
        self,
        timesteps: int | None,
        samples: int,
        opaque: Callable[[nn.Module], bool],
        called: Callable[[Tape, str, nn.Module, list[Any], Any], None],
        operators: Mapping[str, Callable[..., Any]],
        parameters: list[nn.Parameter],
    ) -> None:
        super().__init__()
        self.timesteps, self.samples = timesteps, samples
        self.opaque, self.told, self.operators = opaque, called, operators
        self.signals = Signals()
        self.problems: dict[Problem, None] = {}
        self.made: dict[int, nn.Module] = {}
        self.computed: dict[str, None] = {}
        """Layers made of weights that were used without one, by the weight."""
        self._held: dict[int, tuple[Tensor, Ref]] = {}
        self._trained: dict[int, Tensor] = {id(parameter): parameter for parameter in parameters}
        self._buffers = Buffers()
        self._stack: list[str] = []

    # --- what is known of tensors

    def hold(self, tensor: Tensor, node: Node, form: Form, t: int = 0) -> None:
        """Remember what a tensor holds."""
        self._held[id(tensor)] = tensor, Ref(node, form, t)
        self._buffers.hold(tensor)

    def ref(self, tensor: Any) -> Ref | None:
        """What a tensor holds; None of a constant."""
        if not isinstance(tensor, Tensor):
            return None
        held = self._held.get(id(tensor))
        known = held is None or held[1].node.kind != "unknown"
        if known and self._buffers.changed(tensor):
            cure = "Write whole timesteps, or make a new tensor of the parts."
            return Ref(self.refuse("a tensor of which a part was written", "one that is whole", cure), "step")
        if held is not None or not self._buffers.is_buffer(tensor):
            return None if held is None else held[1]
        rule = "each timestep in its place, the same signal in all of them"
        return self._buffers.assembled(tensor) or Ref(
            self.refuse("a buffer that holds something else", rule, "Stack a list of the timesteps."), "step"
        )

    def trained(self, tensor: Any) -> bool:
        """Whether a constant comes from a parameter."""
        return id(tensor) in self._trained

    @property
    def place(self) -> str:
        """Name of the module that runs."""
        return self._stack[-1] if self._stack and self._stack[-1] else "network"

    def refuse(self, got: str, rule: str, cure: str, place: str = "") -> Node:
        """Note what cannot be followed; a signal that stands for it."""
        self.problems[Problem(place or f"'{self.place}'", got, rule, cure)] = None
        return self.signals.node("unknown", None, None, (), ())

    def steps(self) -> int:
        """Timesteps, as far as they are known."""
        return -1 if self.timesteps is None else self.timesteps

    def lead(self, form: Form) -> tuple[int, ...]:
        """Sizes of the axes before those of a sample."""
        time, batch = self.steps(), self.samples
        return {
            "step": (batch,),
            "first": (1, batch),
            "TB": (time, batch),
            "BT": (batch, time),
            "T*B": (time * batch,),
            "B*T": (time * batch,),
            "sample": (batch,),
        }[form]

    # --- what happens

    def enter(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """A module is called."""
        self._stack.append(name)

    def leave(
        self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any
    ) -> None:
        """A call is over."""
        if output is not None and name and self.opaque(module):
            self.told(self, name, module, [*args, *kwargs.values()], output)
        self._stack.pop()

    def operator(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run an operator, and say what it gives."""
        name = func._schema.name.removeprefix("aten::")
        if name in VIEWS and self._buffers.begun(args[0]):
            output = func(*args, **kwargs)
            self._viewed(name, args, output)
            return output
        given = list(tensors((args, kwargs)))
        target = args[0] if _writes_first(func) and isinstance(args[0], Tensor) else None
        if name == "copy_" and self._buffers.write(args[0], written := self.ref(args[1])):
            self._held.pop(id(args[0]), None)
            if written is not None:
                self.hold(args[0], written.node, written.form, written.t)
            return func(*args, **kwargs)
        refs = [ref for tensor in given if (ref := self.ref(tensor))]
        before = target.clone() if refs and target is not None and self.ref(target) is None else target
        output = func(*args, **kwargs)
        made = list(tensors(output))
        if not refs:
            self._constant(name, args, given, made)
        else:
            name = name.removesuffix("_") if func._schema.is_mutable else name
            args = args if before is target else (before, *args[1:])
            self._signals(name, func, args, kwargs, refs, output)
        if target is not None and not self._buffers.write(target, self.ref(target)) and refs:
            self._buffers.change(target)
        return output

    def _signals(
        self,
        name: str,
        func: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        refs: list[Ref],
        output: Any,
    ) -> None:
        """Say what an operator makes of signals."""
        rule = self.operators.get(name)
        unknown = next((ref.node for ref in refs if ref.node.kind == "unknown"), None)
        if unknown is None and "out" in kwargs:
            rule, got, cure = None, "an operator with out=", "Write the result to a name."
            unknown = self.refuse(got, "one that returns a new tensor", cure)
        if unknown is None and rule is not None:
            rule(self, func, args, dict(kwargs), output)
            return
        cure = "Write it with layers of torch, sums and products, or keep the network as it is."
        unknown = unknown or self.refuse(f"the operator {name}", "an operator that can be followed", cure)
        for tensor in tensors(output):
            self.hold(tensor, unknown, "step")

    def _constant(self, name: str, args: tuple[Any, ...], given: list[Tensor], made: list[Tensor]) -> None:
        """Follow views of a buffer, and what comes from parameters."""
        if any(id(tensor) in self._trained for tensor in given):
            self._trained |= {id(tensor): tensor for tensor in made}
        if name in VIEWS:
            self._buffers.viewed(name, args, made)

    def _viewed(self, name: str, args: tuple[Any, ...], output: Any) -> None:
        """A timestep of a buffer that is being filled."""
        held = self._buffers.viewed(name, args, list(tensors(output)))
        if held is not None:
            self.hold(output, held.node, held.form, held.t)

    def key(self, value: Any) -> Any:
        """A constant as a key: equal values, equal keys."""
        if isinstance(value, Tensor):
            if value.numel() > LOOKED_AT:
                return ("tensor", id(value))
            return ("tensor", tuple(value.shape), tuple(value.flatten().tolist()))
        if isinstance(value, list | tuple):
            return tuple(self.key(item) for item in value)
        if isinstance(value, dict):
            return tuple((name, self.key(item)) for name, item in value.items())
        return value if isinstance(value, int | float | str | bool | None) else repr(value)


def _writes_first(func: Any) -> bool:
    """Whether an operator changes its first argument."""
    alias = func._schema.arguments[0].alias_info if func._schema.arguments else None
    return alias is not None and alias.is_write


def sample_shape(tensor: Tensor, form: Form) -> tuple[int, ...]:
    """Shape of one sample at one timestep."""
    return tuple(tensor.shape[LEADING[form] :])


def is_zero(value: Any) -> bool:
    """Whether a constant is 0 everywhere."""
    if isinstance(value, Tensor):
        return not value.numel() or not bool(torch.count_nonzero(value))
    return isinstance(value, int | float) and value == 0
