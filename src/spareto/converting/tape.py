"""Listen to one run of a network, operator by operator, and say what each tensor holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

from spareto.converting.graph import LEADING, Form, Node, Ref, Signals
from spareto.core.errors import Problem
from spareto.observing.watching import Watch, tensors

LOOKED_AT = 4096
"""Elements of a constant up to which constants of equal values are one."""
CURE: Final = "Move it into a layer of torch, or keep the network as it is."


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
        self._views: dict[int, tuple[Tensor, Tensor, int, int]] = {}
        self._filled: dict[int, tuple[Tensor, int, dict[int, Ref]]] = {}
        self._stack: list[str] = []

    # --- what is known of tensors

    def hold(self, tensor: Tensor, node: Node, form: Form, t: int = 0) -> None:
        """Remember what a tensor holds."""
        self._held[id(tensor)] = tensor, Ref(node, form, t)

    def ref(self, tensor: Any) -> Ref | None:
        """What a tensor holds; None of a constant."""
        if not isinstance(tensor, Tensor):
            return None
        held = self._held.get(id(tensor))
        return self._assembled(tensor) if held is None else held[1]

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
        output = func(*args, **kwargs)
        given = list(tensors((args, kwargs)))
        name = func._schema.name.removeprefix("aten::")
        if not any(self.ref(tensor) for tensor in given):
            self._constant(name, args, given, output)
            return output
        name = name.removesuffix("_") if func._schema.is_mutable else name
        if name == "copy" and self._written(args):
            return output
        refs = [ref for tensor in given if (ref := self.ref(tensor))]
        if any(ref.node.kind == "unknown" for ref in refs):
            unknown = next(ref.node for ref in refs if ref.node.kind == "unknown")
            for made in tensors(output):
                self.hold(made, unknown, "step")
            return output
        rule = self.operators.get(name)
        if rule is None:
            cure = "Write it with layers of torch, sums and products, or keep the network as it is."
            unknown = self.refuse(f"the operator {name}", "an operator that can be followed", cure)
            for made in tensors(output):
                self.hold(made, unknown, "step")
        else:
            rule(self, func, args, dict(kwargs), output)
        return output

    def _constant(self, name: str, args: tuple[Any, ...], given: list[Tensor], output: Any) -> None:
        """Follow views of a buffer, and what comes from parameters."""
        made = list(tensors(output))
        if any(id(tensor) in self._trained for tensor in given):
            self._trained |= {id(tensor): tensor for tensor in made}
        if name == "select" and len(made) == 1:
            base, axis, index = args[:3]
            self._views[id(made[0])] = made[0], base, axis % base.dim(), index % base.shape[axis]
        elif name in ("slice", "alias") and id(args[0]) in self._views and made[0].shape == args[0].shape:
            self._views[id(made[0])] = made[0], *self._views[id(args[0])][1:]

    def _written(self, args: tuple[Any, ...]) -> bool:
        """Whether a timestep is written into a buffer made for all of them."""
        target, source = args[0], self.ref(args[1])
        if id(target) not in self._views or source is None:
            return False
        _, base, axis, index = self._views[id(target)]
        self._filled.setdefault(id(base), (base, axis, {}))[2][index] = source
        return True

    def _assembled(self, tensor: Tensor) -> Ref | None:
        """A buffer into which every timestep was written."""
        if id(tensor) not in self._filled:
            return None
        _, axis, steps = self._filled[id(tensor)]
        nodes = {ref.node for index, ref in steps.items() if ref.form == "step" and ref.t == index}
        whole = len(steps) == tensor.shape[axis] and axis < 2
        if not whole or len(nodes) > 2 or len(nodes) == 0:
            return None
        return Ref(steps[max(steps)].node, "TB" if axis == 0 else "BT")

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


def sample_shape(tensor: Tensor, form: Form) -> tuple[int, ...]:
    """Shape of one sample at one timestep."""
    return tuple(tensor.shape[LEADING[form] :])


def is_zero(value: Any) -> bool:
    """Whether a constant is 0 everywhere."""
    if isinstance(value, Tensor):
        return not value.numel() or not bool(torch.count_nonzero(value))
    return isinstance(value, int | float) and value == 0
