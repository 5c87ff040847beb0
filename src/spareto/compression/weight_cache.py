"""Weights are computed once a forward of the network, however often its time loop calls a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class _Kept(NamedTuple):
    source: Tensor
    version: int
    mode: tuple[bool, ...]
    value: Tensor


class WeightCache:
    """Keeps a tensor computed from another between `begin` and `end`; outside, it computes every time.

    What is kept holds an autograd graph, which a backward pass frees; so nothing outlives the forward pass it
    was computed in. A copy starts empty.
    """

    def __init__(self) -> None:
        self.end()

    def begin(self) -> None:
        """A forward pass begins."""
        self._open, self._kept = True, None

    def end(self) -> None:
        """The forward pass is over."""
        self._open: bool = False
        self._kept: _Kept | None = None

    def __call__(self, source: Tensor, training: bool, compute: Callable[[Tensor], Tensor]) -> Tensor:
        """`compute(source)`, or what it gave before if nothing has changed since."""
        if not self._open or _recorded() or source.is_inference():
            return compute(source)
        kept, mode = self._kept, (training, torch.is_grad_enabled(), torch.is_inference_mode_enabled())
        if kept is not None and kept.source is source and kept[1:3] == (source._version, mode):
            return kept.value
        value = compute(source)
        self._kept = _Kept(source, source._version, mode, value)
        return value

    def __deepcopy__(self, memo: dict[int, Any]) -> WeightCache:
        return WeightCache()

    def __reduce__(self) -> tuple[type[WeightCache], tuple[()]]:
        return WeightCache, ()


def _recorded() -> bool:
    """Whether someone notes down what is computed, to compute it again: a tracer, or a checkpoint.

    A checkpoint runs a part of the forward pass again, alone, and must find the same operations there.
    """
    tracing = torch.compiler.is_compiling() or torch.jit.is_tracing()  # pyright: ignore
    checkpoint = torch._C._autograd._top_saved_tensors_default_hooks(True)  # pyright: ignore
    return tracing or checkpoint is not None


def cache_each_forward(network: nn.Module) -> None:
    """Let every call of a network open a scope in which its weights are computed once; twice is the same."""
    stop_caching(network)
    network.register_forward_pre_hook(_begin)
    network.register_forward_hook(_end, always_call=True)


def stop_caching(network: nn.Module) -> None:
    """Undo `cache_each_forward`."""
    for hooks in (network._forward_pre_hooks, network._forward_hooks):
        for handle in [handle for handle, hook in hooks.items() if hook in (_begin, _end)]:
            del hooks[handle]
            network._forward_hooks_always_called.pop(handle, None)


def _scopes(network: nn.Module) -> Iterator[WeightCache]:
    return (
        cache
        for module in network.modules()
        if isinstance(cache := getattr(module, "weight_cache", None), WeightCache)
    )


def _begin(network: nn.Module, inputs: Any) -> None:
    if not torch.compiler.is_compiling():
        for cache in _scopes(network):
            cache.begin()


def _end(network: nn.Module, inputs: Any, outputs: Any) -> None:
    if not torch.compiler.is_compiling():
        for cache in _scopes(network):
            cache.end()
