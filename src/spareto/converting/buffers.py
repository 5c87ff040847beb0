"""What a network writes into tensors: timesteps into a buffer, and changes of a part."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from spareto.converting.graph import Ref


class Buffers:
    """Tensors that are written in place.

    A buffer has a place for every timestep: `record[t] = spikes`. Any other part of a tensor that is written
    makes every other tensor of the same memory unknown.
    """

    def __init__(self) -> None:
        self._views: dict[int, tuple[Tensor, Tensor, int, int]] = {}
        self._filled: dict[int, tuple[Tensor, int, dict[int, Ref | None]]] = {}
        self._changed: dict[int, tuple[Tensor, set[int]]] = {}

    def begun(self, tensor: Tensor) -> bool:
        """Whether a tensor is a buffer, or a timestep of one, into which something was written."""
        base = self._views[id(tensor)][1] if id(tensor) in self._views else tensor
        return id(base) in self._filled

    def is_timestep(self, tensor: Tensor) -> bool:
        """Whether it was taken out of a tensor as one timestep."""
        return id(tensor) in self._views

    def viewed(self, name: str, args: tuple[Any, ...], made: list[Tensor]) -> Ref | None:
        """Note that a timestep is taken out of a tensor; what it holds.

        Args:
            name: The operator.
            args: Its arguments.
            made: What it gave.
        """
        if len(made) != 1:
            return None
        view = made[0]
        if name == "select":
            base, axis, index = args[:3]
            self._views[id(view)] = view, base, axis % base.dim(), index % base.shape[axis]
        elif id(args[0]) in self._views and view.shape == args[0].shape:
            self._views[id(view)] = view, *self._views[id(args[0])][1:]
        else:
            return None
        _, base, axis, index = self._views[id(view)]
        _, along, steps = self._filled.get(id(base), (base, axis, {}))
        return steps.get(index) if along == axis else None

    def write(self, target: Tensor, source: Ref | None) -> bool:
        """Write a timestep into a buffer; whether the target is one.

        Args:
            target: What is written.
            source: What it holds afterwards; None of a constant.
        """
        if id(target) not in self._views:
            return False
        _, base, axis, index = self._views[id(target)]
        if source is None and id(base) not in self._filled:
            return True
        _, along, steps = self._filled.setdefault(id(base), (base, axis, {}))
        steps[index] = source if along == axis else None
        return True

    def change(self, target: Tensor) -> None:
        """Another write: what else lies in the same memory is unknown from now on."""
        self._filled.pop(id(target), None)
        self._changed[_memory(target)] = target, {id(target)}

    def hold(self, tensor: Tensor) -> None:
        """A tensor is known again."""
        if self._changed and _memory(tensor) in self._changed:
            self._changed[_memory(tensor)][1].add(id(tensor))

    def changed(self, tensor: Tensor) -> bool:
        """Whether a part of a tensor was written through another one."""
        if not self._changed or _memory(tensor) not in self._changed:
            return False
        return id(tensor) not in self._changed[_memory(tensor)][1]

    def assembled(self, tensor: Tensor) -> Ref | None:
        """What a buffer holds into which every timestep was written."""
        _, axis, steps = self._filled[id(tensor)]
        nodes = {ref.node for index, ref in steps.items() if ref and ref.form == "step" and ref.t == index}
        last = steps[max(steps)]
        whole = len(steps) == tensor.shape[axis] and axis < 2 and None not in steps.values()
        in_order = all(ref and ref.form == "step" and ref.t == index for index, ref in steps.items())
        if last is None or not whole or not in_order or len(nodes) > 2:
            return None
        return Ref(last.node, "TB" if axis == 0 else "BT")

    def is_buffer(self, tensor: Tensor) -> bool:
        """Whether timesteps were written into it."""
        return id(tensor) in self._filled


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
