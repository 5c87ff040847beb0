"""Run a network once and follow the channels of its layers to everything that reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils.weak import WeakTensorKeyDictionary
from typing_extensions import override

from spareto.compression.following import operators
from spareto.compression.following.arrivals import NORMS, Arrival, Followed, Kind, channels, input_axis
from spareto.compression.following.marks import (
    CONSTANT,
    MIXED,
    OTHER,
    Marks,
    Origin,
    combined,
    constant,
)
from spareto.compression.following.moves import numbers_behind
from spareto.compression.following.nodes import is_whole, nodes
from spareto.compression.layers import SYNAPTIC, synaptic_layers
from spareto.kernels import reference
from spareto.observing import undisturbed
from spareto.observing.products import PRODUCTS, REFUSED
from spareto.observing.recorder import Recorder
from spareto.observing.watching import tensors, watching


def follow(network: nn.Module, run: Callable[[], object], *, through: bool = True) -> Followed:
    """Follow channels while `run` runs the network in evaluation mode; it is afterwards what it was.

    Args:
        network: Any network.
        run: Calls it on a sample or two.
        through: Whether norms and neurons hand channels on; else they begin channels of their own.
    """
    follower = _Follower(network, through)
    quiet = undisturbed(network, training=False)
    with quiet, torch.inference_mode(), parametrize.cached(), reference():
        follower.begin()
        with watching(network, follower, is_whole):
            run()
    return follower.found


class _Follower(Recorder):
    def __init__(self, network: nn.Module, through: bool) -> None:
        self._followed, self._through = network, through
        self._marks = WeakTensorKeyDictionary()
        self._inside: list[str] = []

    def begin(self) -> None:
        """Parameters are numbered now: parametrizations are cached from here on."""
        super().__init__(self._followed)
        self.found = Followed(self.seen)
        self._named = dict(self._followed.named_modules())
        self._nodes = {module: name for name, module in nodes(self._followed)}
        norms = {n: m for n, m in self._followed.named_modules() if isinstance(m, NORMS)}
        for name, module in {**synaptic_layers(self._followed), **norms}.items():
            self.found.first[name] = sum(self.found.size.values())
            self.found.size[name] = channels(module)

    @override
    def operator(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        short = func._schema.name.removeprefix("aten::")
        for tensor in tensors((args, kwargs)):
            if self._stack and tensor.numel() > 1 and tensor not in self._numbers:
                self.found.strangers.add(f"a tensor from outside of torch, read by {self._place(short)}")
        output = super().operator(func, args, kwargs)
        self._track(func, args, kwargs, output)
        return output

    @override
    def enter(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if not self._stack:
            for tensor in tensors((args, kwargs)):
                self._marks.setdefault(tensor, Marks(constant(tensor.shape, OTHER)))
        super().enter(name, module, args, kwargs)
        if module in self._nodes:
            self._arrives(name, "neuron", module, next(tensors((args, kwargs)), None))
            self._inside.append(name)

    @override
    def leave(
        self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any
    ) -> None:
        if self._inside and self._inside[-1] == name and module in self._nodes:
            self._inside.pop()
        if is_whole(module) and module is not self._followed:
            self._hand_on(name, module, next(tensors((args, kwargs)), None), output)
        super().leave(name, module, args, kwargs, output)
        last = self.seen.operations[-1] if self.seen.operations else None
        if last is not None and last.name == "module" and last.module == name:
            for tensor in tensors((args, kwargs)):  # computed where no operator is seen
                self._operator_reads("a kernel of its own", tensor, name)
        if not self._stack:
            for index, tensor in enumerate(tensors(output)):
                layers = marks.layers if (marks := self._marks.get(tensor)) else frozenset[str]()
                self.found.returned |= layers
                self.found.answer |= layers if index == 0 else frozenset()

    def _hand_on(self, name: str, module: nn.Module, given: Tensor | None, output: Any) -> None:
        """A whole neuron's outputs: of its input's shape, channel by channel."""
        marks = None if given is None else self._marks.get(given)
        if marks is None or given is None:
            return
        self._read(marks, name)
        for tensor in tensors(output):
            if not self._through:
                self._marks[tensor] = Marks(constant(tensor.shape, OTHER))
            elif tensor.shape == given.shape:
                self._marks[tensor] = marks.kept()
            else:
                self._marks[tensor] = self._lost(marks.layers, tensor, name)

    def _track(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
        name = func._schema.name
        given = list(tensors((args, kwargs)))
        made = list(tensors(output))
        if not given or name in operators.EMPTY_LIKE:
            for tensor in made:
                self._marks[tensor] = Marks(constant(tensor.shape))
        elif name in PRODUCTS or name in REFUSED:
            self._product(name, args, kwargs, given, made)
        elif name == "aten::batch_norm":
            self._norm(given[0], made[0])
        elif any(tensor in self._marks for tensor in given):
            self._moved(func, (args, kwargs), given, made)

    def _product(self, name: str, args: Any, kwargs: Any, given: list[Tensor], made: list[Tensor]) -> None:
        call = self._stack[-1] if self._stack else None
        if call is not None and isinstance(call.module, (*SYNAPTIC,)) and call.name in self.found.first:
            self._arrives(call.name, "layer", call.module, given[0])
            axis = input_axis(call.module, made[0].dim())
            own = self.found.channels(call.name)
            shape = [1] * made[0].dim()
            shape[axis] = len(own)
            numbers = own.view(shape).expand(made[0].shape).clone()
            self._marks[made[0]] = Marks(numbers, Origin({call.name}))
            return
        for tensor in given:
            self._operator_reads(name, tensor)
        for tensor in made:
            self._marks[tensor] = Marks(constant(tensor.shape, OTHER))

    def _norm(self, given: Tensor, made: Tensor) -> None:
        call = self._stack[-1] if self._stack else None
        marks = self._marks.get(given)
        if call is None or not isinstance(call.module, NORMS):
            self._operator_reads("aten::batch_norm", given)
            self._marks[made] = self._lost(marks.layers if marks else frozenset(), made, "batch_norm")
            return
        self._arrives(call.name, "norm", call.module, given)
        if not self._through:
            own = self.found.channels(call.name).view(-1, *[1] * (made.dim() - 2)).expand(made.shape)
            self._marks[made] = Marks(own.clone(), Origin({call.name}))
        elif marks is not None:
            self._marks[made] = marks.kept()

    def _moved(self, func: Any, call: Any, given: list[Tensor], made: list[Tensor]) -> None:
        """Marks behind any other operator."""
        name, short = func._schema.name, func._schema.name.removeprefix("aten::").strip("_")
        known = {id(t): marks for t in given if (marks := self._marks.get(t)) is not None}
        layers = frozenset().union(*(marks.layers for marks in known.values()))
        lost = next((marks.lost for marks in known.values() if marks.lost), "")
        moves = name in operators.SAME or name in operators.SHAPED or name in operators.PICKED
        in_place = any(id(out) in {id(t) for t in given} for out in made) and func._schema.is_mutable
        if not moves or in_place:
            for marks in known.values():
                self._read(marks, self._place(short))
        numbered = {id(tensor): self._of(tensor) for tensor in given}
        if operators.is_pointwise(func):
            self._parameters_beside(given, numbered, made[0])
        for out, numbers in zip(made, numbers_behind(func, call, given, numbered, made), strict=True):
            if numbers is None:
                self._marks[out] = self._lost(layers, out, lost or short)
                continue
            mixed = lost or (short if layers and bool((numbers == MIXED).any()) else "")
            if name in operators.PICKED and not lost and not self._same_order(known, numbers):
                mixed = short
            self._marks[out] = self._written(known.get(id(out)), numbers, Origin(set(layers), mixed))
            if moves and not mixed:
                self._share(self._marks[out], list(known.values()), out)

    def _written(self, before: Marks | None, numbers: Tensor, origin: Origin) -> Marks:
        """The marks behind an operator; of a tensor that it changes, the views know too."""
        if before is None:
            return Marks(numbers, origin)
        before.numbers.copy_(numbers)
        before.origin.layers |= origin.layers
        before.origin.lost = before.origin.lost or origin.lost
        return before

    def _share(self, marks: Marks, given: list[Marks], out: Tensor) -> None:
        """Let a view have the origin of what it is a view of."""
        memory = marks.numbers.untyped_storage().data_ptr()
        for each in given:
            if each.numbers.untyped_storage().data_ptr() == memory:
                self._marks[out] = Marks(marks.numbers, each.origin)

    def _same_order(self, known: Mapping[int, Marks], numbers: Tensor) -> bool:
        """Whether channels lie as they did in each tensor that was given."""
        order = Marks(numbers).order()
        return order is not None and all(marks.order() == order for marks in known.values() if marks.layers)

    def _parameters_beside(self, given: list[Tensor], marks: Mapping[int, Tensor], out: Tensor) -> None:
        """Note parameters with one value per channel that channels are multiplied with or added to."""
        if self._inside:
            return
        for tensor in given:
            value = self.value(tensor)
            if value.activation or not value.roots or tensor.numel() == 1:
                continue
            others = [numbers for key, numbers in marks.items() if key != id(tensor)]
            numbers = combined(others, out.shape)
            sizes = (1,) * (out.dim() - tensor.dim()) + tuple(tensor.shape)
            varies = Marks(numbers).axis()
            if varies is None or sizes[varies] > 1:
                layers = frozenset().union(
                    *(m.layers for t in given if (m := self._marks.get(t)) is not None)
                )
                name = next(iter(sorted(value.roots)))
                arrival = self.found.arrivals.setdefault(name, Arrival(name, "parameter", None))
                arrival.marks.append(Marks(numbers, Origin(set(layers))))

    def _arrives(self, name: str, kind: Kind, module: nn.Module, given: Tensor | None) -> None:
        marks = None if given is None else self._marks.get(given)
        if marks is None and given is not None and not self.value(given).activation:
            marks = Marks(constant(given.shape))
        exact = not self._through
        arrival = self.found.arrivals.setdefault(name, Arrival(name, kind, module, exact))
        arrival.marks.append(None if marks is None else marks.kept())
        if marks is not None and kind != "neuron":
            self._read(marks, name)

    def _operator_reads(self, name: str, given: Tensor, module: str | None = None) -> None:
        marks = self._marks.get(given)
        if marks is not None and marks.layers and not (module is not None and is_whole(self._named[module])):
            place = self._place(name.removeprefix("aten::"), module)
            self.found.arrivals.setdefault(place, Arrival(place, "operator", None)).marks.append(marks.kept())
            self._read(marks, place)

    def _read(self, marks: Marks, reader: str) -> None:
        for layer in marks.layers:
            self.found.readers.setdefault(layer, set()).add(reader)

    def _place(self, operator: str, module: str | None = None) -> str:
        module = (self._stack[-1].name if self._stack else "") if module is None else module
        return f"{operator} in '{module}'" if module else operator

    def _of(self, tensor: Tensor) -> Tensor:
        marks = self._marks.get(tensor)
        if marks is not None:
            return marks.numbers
        return constant(tensor.shape, OTHER if self.value(tensor).activation else CONSTANT)

    def _lost(self, layers: frozenset[str], tensor: Tensor, by: str) -> Marks:
        lost = by.removeprefix("aten::").strip("_")
        return Marks(constant(tensor.shape, MIXED), Origin(set(layers), lost))
