"""Listen to the calls of modules: the one place where hooks are set and taken away again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from torch import nn

Before = Callable[[str, nn.Module, tuple[Any, ...], Mapping[str, Any]], None]
"""Told of a call that begins: name, module, what it is given, and by name."""
After = Callable[[str, nn.Module, tuple[Any, ...], Mapping[str, Any], Any], None]
"""Told of a call that ends: the same, and its output, which is None after an error."""


@contextmanager
def listening(
    modules: Mapping[str, nn.Module], before: Before | None = None, after: After | None = None
) -> Iterator[None]:
    """Tell of every call of some modules inside the block; no hook is left behind.

    Operators are not looked at, so that fused kernels run as they always do.

    Args:
        modules: The modules, by the names they are told with.
        before: Told of each call as it begins.
        after: Told of each call as it ends, also by an error.
    """
    with ExitStack() as hooks:
        for name, module in modules.items():
            if before is not None:
                begins = partial(_begins, before, name)
                hooks.callback(module.register_forward_pre_hook(begins, with_kwargs=True).remove)
            if after is not None:
                ends = partial(_ends, after, name)
                hook = module.register_forward_hook(ends, with_kwargs=True, always_call=True)
                hooks.callback(hook.remove)
        yield


def _begins(
    before: Before, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    before(name, module, args, kwargs)


def _ends(
    after: After, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
) -> None:
    after(name, module, args, kwargs, output)
