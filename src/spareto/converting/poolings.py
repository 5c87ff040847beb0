"""Poolings that a network calls as functions, as the modules that they are."""

from __future__ import annotations

from typing import Any, Final

from torch import nn

from spareto.converting.functions import ArgumentSlot, Function

_MODULES: Final[dict[str, tuple[type[nn.Module], tuple[str, ...]]]] = {
    "max_pool2d": (nn.MaxPool2d, ("stride", "padding", "dilation", "ceil_mode")),
    "max_pool2d_with_indices": (nn.MaxPool2d, ("stride", "padding", "dilation", "ceil_mode")),
    "avg_pool2d": (nn.AvgPool2d, ("stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")),
}


def pooling_of(function: Any) -> nn.Module | None:
    """The pooling that a function of one signal is; None if it is another."""
    if not isinstance(function, Function) or function.kwargs:
        return None
    kind, names = _MODULES.get(function.name.partition(".")[0], (None, ()))
    if kind is None or function.args[0] != ArgumentSlot(0):
        return None
    size, *rest = (_plain(each) for each in function.args[1:])
    options: dict[str, Any] = dict(zip(names, rest, strict=False))
    options["stride"] = options.get("stride") or size
    return kind(size, **options)


def side_by_side(pool: nn.Module) -> bool:
    """Whether the windows of a pooling lie side by side, and within what is pooled."""
    told = {name: _pair(getattr(pool, name, 0)) for name in ("kernel_size", "stride", "padding")}
    plain = _pair(getattr(pool, "dilation", 1)) == (1, 1) and not getattr(pool, "ceil_mode", False)
    whole = getattr(pool, "divisor_override", None) is None
    return told["kernel_size"] == told["stride"] and told["padding"] == (0, 0) and plain and whole


def _plain(value: Any) -> Any:
    """Numbers of both axes; torch's operators take one for both as a list."""
    return tuple(value) if isinstance(value, list) else value


def _pair(value: Any) -> tuple[Any, ...]:
    found = tuple(value) if isinstance(value, list | tuple) else (value,)
    return found * 2 if len(found) == 1 else found
