"""Look at what reaches and what leaves chosen layers while a network runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from typing_extensions import override

from spareto.observing.watching import Watch, tensors, watching

See = Callable[[str, nn.Module, Tensor, Tensor], None]
"""Is told the name of a layer, the layer, its input and its output, once a call."""


@contextmanager
def looking_at(network: nn.Module, layers: Mapping[str, nn.Module], see: See) -> Iterator[None]:
    """Tell every call of some layers inside the block; nothing of it is left behind.

    Args:
        network: The network.
        layers: Names to layers of it; a name may stand for a layer that is called by another.
        see: Who is told.
    """
    names: dict[nn.Module, list[str]] = {}
    for name, layer in layers.items():
        names.setdefault(layer, []).append(name)
    watch = _Layers(names, see)
    with watching(network, watch, called=lambda module: module in names):
        yield


class _Layers(Watch):
    def __init__(self, names: Mapping[nn.Module, list[str]], see: See) -> None:
        super().__init__()
        self._names, self._see = names, see

    @override
    def operator(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        return func(*args, **kwargs)

    @override
    def leave(
        self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any
    ) -> None:
        if output is not None:
            given, made = next(tensors((args, kwargs))), next(tensors(output))
            for each in self._names[module]:
                self._see(each, module, given, made)
