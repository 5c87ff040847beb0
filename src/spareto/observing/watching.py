"""Look at every operator and every module of a network while it runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import lru_cache, partial
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils import _python_dispatch as dispatch

from spareto.observing.calls import listening
from spareto.observing.compiled import eagerly
from spareto.observing.products import KEPT_WHOLE, RECURRENT, calm


class Watch(dispatch.TorchDispatchMode, ABC):
    """Sees each operator of the library below the modules, in the order they run.

    Operators that are made of others are opened, so that no product hides in one. Modules that are opaque are
    seen as a whole: what runs inside is not.

    Attributes:
        dispatched: Operators seen so far.
        closed: Opaque modules that are running.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dispatched = 0
        self.closed: list[nn.Module] = []

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Nothing is seen inside the block: what runs there is not the network."""
        looks = dispatch._get_current_dispatch_mode() is self
        if looks:
            dispatch._pop_mode()
        try:
            yield
        finally:
            if looks:
                dispatch._push_mode(self)

    @abstractmethod
    def operator(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run one operator and return what it gives; see what is to be seen."""

    def enter(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """A module is called."""

    def leave(
        self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any
    ) -> None:
        """A call of a module is over; `output` is None after an error."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if _opens(func):
            with self, _steps_shown(func):
                return func.decompose(*args, **given)
        self.dispatched += 1
        return self.operator(func, args, given)


@contextmanager
def watching(
    network: nn.Module,
    watch: Watch,
    opaque: Callable[[nn.Module], bool] = lambda _: False,
    called: Callable[[nn.Module], bool] = lambda _: True,
) -> Iterator[None]:
    """Let `watch` see what the network does inside the block; nothing of it is left behind.

    Args:
        network: The network.
        watch: Who sees it.
        opaque: Modules that are seen as a whole.
        called: Modules that are not opaque and whose calls are of interest all the same.
    """
    with ExitStack() as stack:
        for name, module in network.named_modules():
            closed = module is not network and opaque(module)
            if not (closed or called(module)):
                continue
            before, after = partial(_before, watch, closed), partial(_after, watch, closed)
            stack.enter_context(listening({name: module}, before, after))
        stack.enter_context(calm())
        stack.enter_context(eagerly())
        fast = torch.backends.mha.get_fastpath_enabled()
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast)
        torch.backends.mha.set_fastpath_enabled(False)
        stack.enter_context(watch)
        yield


def _before(
    watch: Watch, closed: bool, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    looks = dispatch._get_current_dispatch_mode() is watch
    if looks:
        dispatch._pop_mode()
    try:
        watch.enter(name, module, args, kwargs)
    finally:
        if looks and closed:
            watch.closed.append(module)
        elif looks:
            dispatch._push_mode(watch)


def _after(
    watch: Watch,
    closed: bool,
    name: str,
    module: nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    output: Any,
) -> None:
    looks = dispatch._get_current_dispatch_mode() is watch
    if looks:
        dispatch._pop_mode()
    elif closed and watch.closed and watch.closed[-1] is module:
        watch.closed.pop()
        looks = True
    try:
        watch.leave(name, module, args, kwargs, output)
    finally:
        if looks:
            dispatch._push_mode(watch)


@lru_cache(maxsize=4096)
def _opens(func: Any) -> bool:
    return func._schema.name not in KEPT_WHOLE and bool(func._can_decompose())


@contextmanager
def _steps_shown(func: Any) -> Iterator[None]:
    """With oneDNN off, a recurrent operator runs step by step."""
    if func._schema.name not in RECURRENT:
        yield
        return
    enabled = torch._C._get_mkldnn_enabled()  # pyright: ignore[reportAttributeAccessIssue]
    torch._C._set_mkldnn_enabled(False)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(enabled)  # pyright: ignore[reportAttributeAccessIssue]


def tensors(value: Any) -> Iterator[Tensor]:
    """Tensors in nested tuples, lists, mappings and records, in the order they stand there."""
    if isinstance(value, Tensor):
        return iter((value,))
    found: list[Tensor] = []
    _gather(value, found)
    return iter(found)


def _gather(value: Any, found: list[Tensor]) -> None:
    if isinstance(value, list | tuple):
        items: Iterable[Any] = value
    elif isinstance(value, Mapping):
        items = value.values()
    else:
        items = [getattr(value, field) for field in getattr(value, "__dataclass_fields__", ())]
    for item in items:
        if isinstance(item, Tensor):
            found.append(item)
        elif type(item) not in _PLAIN:
            _gather(item, found)


_PLAIN: Final = frozenset((type(None), bool, int, float, str, torch.dtype, torch.device, torch.layout))
