"""Run a network once and write down what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from weakref import ref

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.utils import parametrize

from spareto.observing.observation import Call, Observation, Operation, Value
from spareto.observing.watching import Watch, tensors, watching


def observe(
    network: nn.Module, run: Callable[[], object], opaque: Callable[[nn.Module], bool] = lambda _: False
) -> Observation:
    """What the network does while `run` runs it, without gradients, as it stands: mode and state are yours.

    Args:
        network: Any network; it is not changed. Wrap the call in `undisturbed` where it keeps state.
        run: Calls the network, once or once a timestep.
        opaque: Modules that are seen as a whole, such as neurons.
    """
    recorder = Recorder(network)
    with torch.inference_mode(), parametrize.cached(), watching(network, recorder, opaque):
        run()
    return recorder.seen


ALIAS: Final = "alias"
"""Name of an operation that no operator is: a tensor is read after others wrote into its memory."""


def _extent(tensor: Tensor) -> tuple[int, int]:
    """First and last element of its memory that a tensor covers."""
    first = tensor.storage_offset()
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    return int(first), int(first + sum((size - 1) * stride for size, stride in steps if size))


class _Numbers:
    """A number for each tensor, valid while the tensor exists."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[ref[Tensor], int]] = {}

    def __setitem__(self, tensor: Tensor, number: int) -> None:
        self._known[id(tensor)] = ref(tensor), number

    def __contains__(self, tensor: Tensor) -> bool:
        return self.get(tensor) is not None

    def get(self, tensor: Tensor) -> int | None:
        """Its number, or None; one that lies where another lay is not known."""
        lives, number = self._known.get(id(tensor), (None, 0))
        return number if lives is not None and lives() is tensor else None


class Recorder(Watch):
    """Numbers every tensor, and notes who reads and who writes it.

    Args:
        network: Whose parameters and buffers have names. Inside `torch.nn.utils.parametrize.cached()` weights
            that are computed are those that its layers will use.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.seen = Observation()
        self.named: list[Value] = []
        """Values that are a parameter or a buffer, or were one before they were changed."""
        self._network = network
        self._numbers = _Numbers()
        self._storages: dict[int, StorageWeakRef] = {}  # while these are held, no address is used again
        self._stack: list[Call] = []
        self._times: dict[nn.Module, int] = {}
        self._names: dict[int, str] = {}
        self._changes: dict[int, list[tuple[int, int, int]]] = {}  # by memory: value, first and last element
        for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
            self._number(tensor, activation=False, roots=frozenset({name}), name=name)
            self._names.setdefault(self._storage(tensor), name)
        self._note_parametrized(network)
        for module in network.modules():
            for tensor in tensors({**vars(module), "_modules": None}):
                if tensor not in self._numbers:
                    self._number(tensor, activation=False, roots=frozenset())

    def operator(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run it, and note it."""
        read = [self.value(tensor) for tensor in tensors((args, kwargs))]
        output = func(*args, **kwargs)
        self.note(func._schema.name, read, output, (args, kwargs) if func._schema.is_mutable else None)
        return output

    def note(self, name: str, read: list[Value], output: Any, changed: Any = None) -> Operation:
        """Note one operation.

        Args:
            name: Its name.
            read: What it was given.
            output: What it gave.
            changed: Its arguments, if it may have changed some.
        """
        given = {id(tensor) for tensor in tensors(changed)}
        written = list(tensors(output))
        activation = any(value.activation for value in read)
        roots = frozenset().union(*(value.roots for value in read))
        writes = tuple(self._number(tensor, activation, roots).index for tensor in written)
        call = self._stack[-1] if self._stack else None
        operation = Operation(
            index=len(self.seen.operations),
            name=name,
            reads=tuple(value.index for value in read),
            writes=writes,
            in_place=any(id(tensor) in given for tensor in written),
            module=call.name if call else "",
            call=call.index if call else -1,
        )
        self.seen.operations.append(operation)
        for tensor, index in zip(written, writes, strict=True):
            if id(tensor) in given:
                storage = self.seen.values[index].storage
                self._changes.setdefault(storage, []).append((index, *_extent(tensor)))
        return operation

    def value(self, tensor: Tensor) -> Value:
        """The number of a tensor as it is now.

        One that no operator gave and no module holds came in from outside: it is taken for an activation.
        """
        number = self._numbers.get(tensor)
        if number is not None:
            return self._as_changed(tensor, self.seen.values[number])
        name = self._names.get(self._storage(tensor), "")
        return self._number(tensor, activation=not name, roots=frozenset({name} - {""}))

    def _as_changed(self, tensor: Tensor, value: Value) -> Value:
        """What a tensor is after others wrote into its memory: as an operation that reads what they wrote."""
        changes = self._changes.get(value.storage, ()) if value.storage else ()
        if not changes or changes[-1][0] <= value.index:
            return value
        first, last = _extent(tensor)
        later = [
            index for index, low, high in changes if index > value.index and low <= last and first <= high
        ]
        if not later:
            return value
        return self.seen.values[self._alias(tensor, [value, *(self.seen.values[each] for each in later)])]

    def _alias(self, tensor: Tensor, read: list[Value]) -> int:
        activation = any(value.activation for value in read)
        roots = frozenset().union(*(value.roots for value in read))
        written = self._number(tensor, activation, roots, read[0].name)
        call = self._stack[-1] if self._stack else None
        self.seen.operations.append(
            Operation(
                index=len(self.seen.operations),
                name=ALIAS,
                reads=tuple(value.index for value in read),
                writes=(written.index,),
                in_place=False,
                module=call.name if call else "",
                call=call.index if call else -1,
            )
        )
        return written.index

    def enter(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Note the begin of a call; what enters the network from outside is an activation."""
        given = list(tensors((args, kwargs)))
        if module is self._network and not self._stack:
            for tensor in given:
                known = self.value(tensor)
                if not (known.activation or known.roots):  # also what `run` has just drawn or made
                    self._number(tensor, activation=True, roots=frozenset())
        call = Call(
            index=len(self.seen.calls),
            name=name,
            module=module,
            occurrence=self._times.get(module, 0),
            parent=self._stack[-1].index if self._stack else -1,
            reads=tuple(self.value(tensor).index for tensor in given),
            first=len(self.seen.operations),
        )
        self._times[module] = call.occurrence + 1
        self.seen.calls.append(call)
        self._stack.append(call)

    def leave(
        self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any
    ) -> None:
        """Note the end of a call; a module that was opaque is one operation."""
        call = self._stack[-1]
        made = list(tensors(output))
        if self._unseen(call, made):
            self.note("module", [self.seen.values[index] for index in call.reads], output)
        call.writes = tuple(self.value(tensor).index for tensor in made)
        call.end = len(self.seen.operations)
        self._stack.pop()
        if not self._stack:
            self.seen.output = call.writes

    def _note_parametrized(self, network: nn.Module) -> None:
        """Weights that are computed once for many calls come from their originals, though nobody sees it."""
        for name, module in network.named_modules():
            if parametrize.is_parametrized(module):
                chains: Any = module.parametrizations
                for tensor in chains:
                    start = f"{name}.parametrizations.{tensor}.".lstrip(".")
                    roots = frozenset(each for each in self._names.values() if each.startswith(start))
                    self._number(getattr(module, tensor), activation=False, roots=roots)

    def _unseen(self, call: Call, made: list[Tensor]) -> bool:
        """Whether some of what a module gave was computed where no operator is seen: in its own kernel."""
        given = any(self.seen.values[index].activation for index in call.reads)
        return any(
            tensor not in self._numbers or (given and not self.value(tensor).activation) for tensor in made
        )

    def _number(self, tensor: Tensor, activation: bool, roots: frozenset[str], name: str = "") -> Value:
        storage = self._storage(tensor)
        value = Value(len(self.seen.values), tuple(tensor.shape), activation, roots, storage, name)
        self.seen.values.append(value)
        if name:
            self.named.append(value)
        self._numbers[tensor] = value.index
        return value

    def _storage(self, tensor: Tensor) -> int:
        """A number of the memory a tensor lies in; 0 for one without."""
        try:
            reference = StorageWeakRef(tensor.untyped_storage())
        except RuntimeError:
            return 0
        self._storages.setdefault(reference.cdata, reference)
        return reference.cdata
