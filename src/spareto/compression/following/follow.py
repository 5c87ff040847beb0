"""Run a network once and follow the channels of its layers to everything that reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils import _pytree as pytree
from torch.utils.weak import WeakTensorKeyDictionary

from spareto.compression.following import operators
from spareto.compression.following.marks import CONSTANT, OTHER, Marks, combined, constant, pooled, reduced
from spareto.compression.layers import SYNAPTIC, synaptic_layers
from spareto.frameworks import neuron_facts
from spareto.kernels import reference
from spareto.observing import Observation, undisturbed
from spareto.observing.products import PRODUCTS, REFUSED
from spareto.observing.recorder import Recorder
from spareto.observing.watching import tensors, watching

NORMS: Final = (nn.modules.batchnorm._BatchNorm,)
Kind = Literal["layer", "norm", "neuron", "parameter", "operator"]


@dataclass
class Arrival:
    """What reached one reader of channels, over all its calls.

    Args:
        reader: Dotted name of the layer, norm or neuron; of a parameter; or what an operator is and where.
        kind: Which of these.
        module: The reader, if it is a module.
        marks: What reached it, one entry a call; None where nobody knows where it came from.
    """

    reader: str
    kind: Kind
    module: nn.Module | None
    marks: list[Marks | None] = field(default_factory=list[Marks | None])

    @property
    def layers(self) -> frozenset[str]:
        """Layers whose channels reached it."""
        return frozenset().union(*(each.layers for each in self.marks if each is not None))

    @property
    def lost(self) -> str:
        """The operation after which channels could not be followed; empty if they could."""
        return next((each.lost for each in self.marks if each is not None and each.lost), "")

    def vector(self) -> Tensor | None:
        """The channel of each of its inputs, the same in all calls; None if there is no such thing."""
        vectors = [None if each is None else self._vector(each) for each in self.marks]
        first = vectors[0]
        if first is None or any(each is None or not torch.equal(each, first) for each in vectors):
            return None
        return first

    def _vector(self, marks: Marks) -> Tensor | None:
        return marks.along(_input_axis(self.module, marks.numbers.dim()))


@dataclass
class Followed:
    """What one run has shown.

    Args:
        seen: All calls and operators.
        first: Number of the first channel of each layer, by its name.
        size: Number of its channels.
        arrivals: What reads channels, by the reader's name, in the order they first ran.
        readers: Layer to the names of everything that reads its channels, not just hands them on.
        answer: Layers whose channels, or what is mixed of them, are in the first tensor the network returned.
        returned: Those in any tensor it returned.
    """

    seen: Observation
    first: dict[str, int] = field(default_factory=dict[str, int])
    size: dict[str, int] = field(default_factory=dict[str, int])
    arrivals: dict[str, Arrival] = field(default_factory=dict[str, Arrival])
    readers: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    answer: set[str] = field(default_factory=set[str])
    returned: set[str] = field(default_factory=set[str])

    def channels(self, layer: str) -> Tensor:
        """The numbers of a layer's channels, in order."""
        return torch.arange(self.first[layer], self.first[layer] + self.size[layer], dtype=torch.float32)


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
        with watching(network, follower, _is_whole):
            run()
    return follower.found


def _is_whole(module: nn.Module) -> bool:
    """A known layer of neurons hands each channel on by itself, whatever it computes."""
    facts = neuron_facts(module)
    return facts is not None and not facts.products


class _Follower(Recorder):
    def __init__(self, network: nn.Module, through: bool) -> None:
        self._followed, self._through = network, through
        self._marks = WeakTensorKeyDictionary()
        self._inside: list[str] = []

    def begin(self) -> None:
        """Parameters are numbered now: parametrizations are cached from here on."""
        super().__init__(self._followed)
        self.found = Followed(self.seen)
        self._nodes = {module: name for name, module in nodes(self._followed)}
        norms = {n: m for n, m in self._followed.named_modules() if isinstance(m, NORMS)}
        for name, module in {**synaptic_layers(self._followed), **norms}.items():
            self.found.first[name] = sum(self.found.size.values())
            self.found.size[name] = channels(module)

    def operator(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """See `Watch.operator`."""
        output = super().operator(func, args, kwargs)
        self._track(func, args, kwargs, output)
        return output

    def enter(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """See `Watch.enter`."""
        if not self._stack:
            for tensor in tensors((args, kwargs)):
                self._marks.setdefault(tensor, Marks(constant(tensor.shape, OTHER)))
        super().enter(name, module, args, kwargs)
        if module in self._nodes:
            self._arrives(name, "neuron", module, next(tensors((args, kwargs)), None))
            self._inside.append(name)

    def leave(
        self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any
    ) -> None:
        """See `Watch.leave`."""
        if self._inside and self._inside[-1] == name and module in self._nodes:
            self._inside.pop()
        if _is_whole(module) and module is not self._followed:
            self._hand_on(name, module, next(tensors((args, kwargs)), None), output)
        super().leave(name, module, args, kwargs, output)
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
                self._marks[tensor] = replace(marks, numbers=marks.numbers.clone())
            else:
                self._marks[tensor] = self._lost(marks.layers, tensor, name)

    def _track(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
        name = func._schema.name
        given = [tensor for tensor in tensors((args, kwargs))]
        made = [tensor for tensor in tensors(output)]
        if not given or name in operators.EMPTY_LIKE:
            for tensor in made:
                self._marks[tensor] = Marks(constant(tensor.shape))
        elif name in PRODUCTS or name in REFUSED:
            self._product(name, args, kwargs, given, made)
        elif name == "aten::batch_norm":
            self._norm(given[0], made[0])
        elif any(tensor in self._marks for tensor in given):
            self._moved(func, operators.arguments(func, args, kwargs), (args, kwargs), given, made)

    def _product(self, name: str, args: Any, kwargs: Any, given: list[Tensor], made: list[Tensor]) -> None:
        call = self._stack[-1] if self._stack else None
        if call is not None and isinstance(call.module, (*SYNAPTIC,)) and call.name in self.found.first:
            self._arrives(call.name, "layer", call.module, given[0])
            axis = _input_axis(call.module, made[0].dim())
            own = self.found.channels(call.name)
            shape = [1] * made[0].dim()
            shape[axis] = len(own)
            layers = frozenset({call.name})
            self._marks[made[0]] = Marks(own.view(shape).expand(made[0].shape).clone(), layers)
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
            self._marks[made] = Marks(own.clone(), frozenset({call.name}))
        elif marks is not None:
            self._marks[made] = replace(marks, numbers=marks.numbers.clone())

    def _moved(
        self, func: Any, named: dict[str, Any], call: Any, given: list[Tensor], made: list[Tensor]
    ) -> None:
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
        for out, numbers in zip(made, self._behind(func, named, call, given, made), strict=True):
            if numbers is None:
                self._marks[out] = self._lost(layers, out, lost or short)
                continue
            mixed = lost or (short if layers and bool((numbers == -2.0).any()) else "")
            if name in operators.PICKED and not lost and not self._same_order(known, numbers):
                mixed = short
            if in_place and id(out) in known:
                known[id(out)].numbers.copy_(numbers)
                numbers = known[id(out)].numbers
            self._marks[out] = Marks(numbers, layers, mixed)

    def _behind(
        self, func: Any, named: dict[str, Any], call: Any, given: list[Tensor], made: list[Tensor]
    ) -> list[Tensor | None]:
        name = func._schema.name
        marks = {id(t): self._of(t) for t in given}
        first = marks[id(given[0])]
        if name in operators.CHANGING_ALL:
            return [constant(out.shape) for out in made]
        if name == "aten::copy_":
            return [marks[id(given[1])].expand(out.shape) for out in made]
        if name in operators.SAME:
            return [first.reshape(out.shape) if first.numel() == out.numel() else None for out in made]
        if name in operators.SHAPED or name in operators.PICKED or name == "aten::index_put_":
            return self._same_done(func, call, marks, made)
        if operators.is_pointwise(func):
            self._parameters_beside(given, marks, made[0])
            return [combined(list(marks.values()), out.shape) for out in made]
        if name in operators.REDUCING:
            return [self._reduced(first, named, out) for out in made]
        if name in operators.ALONG:
            axis = named.get("dim", -1)
            kept = reduced(first, (axis,), keep=True)
            return [kept.expand(out.shape).clone() for out in made]
        if axes := operators.pooling_axes(name):
            return [pooled(first, axes, out.shape) for out in made]
        return [None for _ in made]

    def _reduced(self, marks: Tensor, named: dict[str, Any], out: Tensor) -> Tensor | None:
        numbers = reduced(marks, operators.axes_of(named), bool(named.get("keepdim", False)))
        return numbers if numbers.shape == out.shape else None

    def _same_done(
        self, func: Any, call: Any, marks: Mapping[int, Tensor], made: list[Tensor]
    ) -> list[Tensor | None]:
        """The operator itself, on marks: it moves elements, whatever they are."""
        name = func._schema.name

        def mark(value: Any) -> Any:
            if not isinstance(value, Tensor):
                return value
            indexes = name in ("aten::index", "aten::index_put_", "aten::index_select", "aten::gather")
            if indexes and not value.is_floating_point():
                return (
                    value if value not in self._marks or not value.is_floating_point() else marks[id(value)]
                )
            return marks[id(value)]

        args, kwargs = pytree.tree_map(mark, call)
        if name in ("aten::constant_pad_nd", "aten::pad") and (
            name.endswith("nd") or named_mode(args) == "constant"
        ):
            return [nn.functional.pad(args[0], list(args[1]), value=CONSTANT)]
        try:
            result = list(tensors(func(*args, **kwargs)))
        except RuntimeError:  # a view that the memory of marks does not allow
            if name not in ("aten::view", "aten::_unsafe_view"):
                return [None for _ in made]
            result = [args[0].reshape(made[0].shape)]
        fits = len(result) == len(made) and all(a.shape == b.shape for a, b in zip(result, made, strict=True))
        return [*result] if fits else [None for _ in made]

    def _same_order(self, known: Mapping[int, Marks], numbers: Tensor) -> bool:
        """Whether channels lie as they did in each tensor that was given."""
        order = Marks(numbers).order
        return order is not None and all(marks.order == order for marks in known.values() if marks.layers)

    def _parameters_beside(self, given: list[Tensor], marks: Mapping[int, Tensor], out: Tensor) -> None:
        """Note parameters with one value a channel that channels are multiplied with or added to."""
        if self._inside:
            return
        for tensor in given:
            value = self.value(tensor)
            if value.activation or not value.roots or tensor.numel() == 1:
                continue
            others = [numbers for key, numbers in marks.items() if key != id(tensor)]
            numbers = combined(others, out.shape)
            sizes = (1,) * (out.dim() - tensor.dim()) + tuple(tensor.shape)
            varies = Marks(numbers).axis
            if varies is None or sizes[varies] > 1:
                layers = frozenset().union(
                    *(m.layers for t in given if (m := self._marks.get(t)) is not None)
                )
                name = next(iter(sorted(value.roots)))
                arrival = self.found.arrivals.setdefault(name, Arrival(name, "parameter", None))
                arrival.marks.append(Marks(numbers, layers))

    def _arrives(self, name: str, kind: Kind, module: nn.Module, given: Tensor | None) -> None:
        marks = None if given is None else self._marks.get(given)
        if marks is None and given is not None and not self.value(given).activation:
            marks = Marks(constant(given.shape))
        arrival = self.found.arrivals.setdefault(name, Arrival(name, kind, module))
        arrival.marks.append(marks)
        if marks is not None and kind != "neuron":
            self._read(marks, name)

    def _operator_reads(self, name: str, given: Tensor) -> None:
        marks = self._marks.get(given)
        if marks is not None and marks.layers:
            place = self._place(name.removeprefix("aten::"))
            self.found.arrivals.setdefault(place, Arrival(place, "operator", None)).marks.append(marks)
            self._read(marks, place)

    def _read(self, marks: Marks, reader: str) -> None:
        for layer in marks.layers:
            self.found.readers.setdefault(layer, set()).add(reader)

    def _place(self, operator: str) -> str:
        module = self._stack[-1].name if self._stack else ""
        return f"{operator} in '{module}'" if module else operator

    def _of(self, tensor: Tensor) -> Tensor:
        marks = self._marks.get(tensor)
        if marks is not None:
            return marks.numbers
        return constant(tensor.shape, OTHER if self.value(tensor).activation else CONSTANT)

    def _lost(self, layers: frozenset[str], tensor: Tensor, by: str) -> Marks:
        return Marks(constant(tensor.shape, -2.0), layers, by.removeprefix("aten::").strip("_"))


def named_mode(args: Any) -> str:
    """The mode of `aten::pad`."""
    return args[2] if len(args) > 2 else "constant"


def nodes(network: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The largest modules without layers inside, such as neurons: what they hold a channel goes with it."""
    inside = any(isinstance(module, (*SYNAPTIC, *NORMS)) for module in network.modules())
    container = isinstance(network, nn.Sequential | nn.ModuleList | nn.ModuleDict) or not name
    if isinstance(network, (*SYNAPTIC, *NORMS)):
        return
    if not (inside or container):
        if any(True for _ in network.parameters()) or _holds_tensors(network):
            yield name, network
        return
    for child, module in network.named_children():
        yield from nodes(module, f"{name}.{child}" if name else child)


def _holds_tensors(module: nn.Module) -> bool:
    held = (*module.modules(),)
    return (
        any(True for _ in module.buffers())
        or any(True for each in held for _ in tensors({**vars(each), "_modules": None}))
        or _is_whole(module)
    )


def _input_axis(module: nn.Module | None, axes: int) -> int:
    """The axis of channels of what a layer or norm is given, or gives."""
    if isinstance(module, nn.Linear):
        return axes - 1
    if isinstance(module, (*SYNAPTIC,)):
        weight: Any = module.weight
        return axes - weight.dim() + 1
    return 1 if axes > 1 else 0


def channels(layer: nn.Module) -> int:
    """Output channels of a convolution or dense layer, channels of a batch norm."""
    if isinstance(layer, NORMS):
        return layer.num_features
    weight: Any = layer.weight
    return weight.shape[0]
