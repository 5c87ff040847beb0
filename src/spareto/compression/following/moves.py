"""Where channels lie behind an operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.utils import _pytree as pytree

from spareto.compression.following import operators
from spareto.compression.following.marks import CONSTANT, combined, constant, pooled, reduced
from spareto.observing.watching import tensors

INDEXING = ("aten::index", "aten::index_put_", "aten::index_select", "aten::gather", "aten::take_along_dim")


def numbers_behind(
    func: Any, call: Any, given: list[Tensor], numbers: Mapping[int, Tensor], made: list[Tensor]
) -> list[Tensor | None]:
    """The channel of each element of what an operator gave; None where nobody knows.

    Args:
        func: The operator, of torch's library.
        call: Its positional arguments and those by name.
        given: Tensors among them.
        numbers: The channel of each of their elements, by the tensor's `id`.
        made: Tensors it gave.
    """
    name, named = func._schema.name, operators.arguments(func, *call)
    first = numbers[id(given[0])]
    if name in operators.CHANGING_ALL:
        return [constant(out.shape) for out in made]
    if name == "aten::copy_":
        return [numbers[id(given[1])].expand(out.shape) for out in made]
    if name in operators.SAME:
        return [first.reshape(out.shape) if first.numel() == out.numel() else None for out in made]
    if name in operators.SHAPED or name in operators.PICKED or name == "aten::index_put_":
        return _same_done(func, named, call, numbers, made)
    if operators.is_pointwise(func):
        return [combined(list(numbers.values()), out.shape) for out in made]
    if name in operators.REDUCING:
        return [_reduced(first, named, out) for out in made]
    if name in operators.ALONG:
        kept = reduced(first, (named.get("dim", -1),), keep=True)
        return [kept.expand(out.shape).clone() for out in made]
    if axes := operators.pooling_axes(name):
        return [pooled(first, axes, out.shape) for out in made]
    return [None for _ in made]


def _reduced(numbers: Tensor, named: Mapping[str, Any], out: Tensor) -> Tensor | None:
    behind = reduced(numbers, operators.axes_of(named), bool(named.get("keepdim", False)))
    return behind if behind.shape == out.shape else None


def _same_done(
    func: Any, named: Mapping[str, Any], call: Any, numbers: Mapping[int, Tensor], made: list[Tensor]
) -> list[Tensor | None]:
    """The operator itself, done to numbers of channels: it moves elements, whatever they are."""
    name = func._schema.name

    def numbered(value: Any) -> Any:
        indexes = name in INDEXING and isinstance(value, Tensor) and not value.is_floating_point()
        return numbers[id(value)] if isinstance(value, Tensor) and not indexes else value

    args, kwargs = pytree.tree_map(numbered, call)
    if name == "aten::constant_pad_nd" or (name == "aten::pad" and named["mode"] == "constant"):
        return [nn.functional.pad(args[0], list(named["pad"]), value=CONSTANT)]
    try:
        behind = list(tensors(func(*args, **kwargs)))
    except RuntimeError:  # a view that the memory of numbers does not allow
        if name not in ("aten::view", "aten::_unsafe_view"):
            return [None for _ in made]
        behind = [args[0].reshape(made[0].shape)]
    fits = len(behind) == len(made) and all(a.shape == b.shape for a, b in zip(behind, made, strict=True))
    return [*behind] if fits else [None for _ in made]
