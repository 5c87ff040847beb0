"""Run a network once and note which layer's channels reach which module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from spareto.compression.layers import SYNAPTIC
from spareto.compression.shrinking.cut import channels
from spareto.compression.shrinking.origins import Origin, after

NORMS = (nn.modules.batchnorm._BatchNorm,)
LEADING_AXES = {nn.Conv1d: 2, nn.Conv2d: 3, nn.Linear: 1}
TRANSPARENT = (nn.Flatten, nn.Unflatten, nn.Identity)


@dataclass
class Visit:
    """What reached one module: the origins of its first input over all its calls, and that input's shape."""

    module: nn.Module
    origins: set[Origin | None] = field(default_factory=set[Origin | None])
    shapes: set[tuple[int, ...]] = field(default_factory=set[tuple[int, ...]])


@dataclass
class Trace:
    """Modules in the order they first ran, and the origin of the network's output.

    Where a network returns its neurons' state too, the first tensor is its output.
    """

    visits: dict[str, Visit]
    output: Origin | None


def trace(network: nn.Module, example: Tensor) -> Trace:
    """Run the network on an example; the network's neurons keep the state this leaves.

    Args:
        network: Any network; what it does between its modules is followed operation by operation.
        example: Its input.
    """
    recorder = _Recorder()
    handles = [handle for name, module in _nodes(network) for handle in recorder.watch(name, module)]
    recorder.note(example, Origin("", 1, 1))
    try:
        with torch.no_grad(), recorder:
            output = network(example)
    finally:
        for handle in handles:
            handle.remove()
    return Trace(recorder.visits, recorder.origin(next(tensors(output))))


def tensors(value: Any) -> Iterator[Tensor]:
    """Tensors in nested tuples, lists and mappings."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors(item)


def _nodes(network: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Layers, and the largest modules without layers inside; operations between them are followed."""
    inside = any(isinstance(module, (*SYNAPTIC, *NORMS)) for module in network.modules())
    container = isinstance(network, nn.Sequential | nn.ModuleList | nn.ModuleDict) or not name
    if isinstance(network, (*SYNAPTIC, *NORMS)) or not (
        inside or container or isinstance(network, TRANSPARENT)
    ):
        yield name, network
        return
    for child, module in network.named_children():
        yield from _nodes(module, f"{name}.{child}" if name else child)


class _Recorder(TorchFunctionMode):
    """Follows tensors by identity: through operations between modules, and over modules as wholes."""

    def __init__(self) -> None:
        super().__init__()
        self.visits: dict[str, Visit] = {}
        self._origins: dict[int, tuple[Tensor, Origin]] = {}  # holds the tensors, so that ids stay theirs
        self._depth = 0

    def note(self, tensor: Tensor, origin: Origin) -> None:
        """Remember where a tensor comes from."""
        self._origins[id(tensor)] = (tensor, origin)

    def origin(self, tensor: Tensor) -> Origin | None:
        """Where a tensor comes from; None for one that was made from nothing we followed."""
        found = self._origins.get(id(tensor))
        return found[1] if found else None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if self._depth == 0:
            self._follow(func, args, kwargs or {}, out)
        return out

    def _follow(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        known = [(t, origin) for t in tensors([args, kwargs]) if (origin := self.origin(t))]
        if not known:
            return
        others = [*args[1:], *kwargs.values()]
        merged = _merged([origin for _, origin in known], getattr(func, "__name__", str(func)))
        strangers = len(list(tensors([args, kwargs]))) > len(known)
        if strangers and not merged.lost:
            merged = replace(merged, lost=getattr(func, "__name__", str(func)).strip("_"))
        for result in tensors(out):
            if not any(result is t for t, _ in known):
                self.note(result, after(merged, func, known[0][0], result, others))

    def watch(self, name: str, module: nn.Module) -> Iterator[Any]:
        """Hooks that note what reaches a module and what leaves it."""

        def enter(_: nn.Module, args: Any, kwargs: Any) -> None:
            self._depth += 1
            if self._depth == 1:
                given = list(tensors([args, kwargs]))
                visit = self.visits.setdefault(name, Visit(module))
                visit.origins.add(self.origin(given[0]) if given else None)
                visit.shapes.add(tuple(given[0].shape) if given else ())

        def leave(_: nn.Module, args: Any, kwargs: Any, out: Any) -> None:
            self._depth -= 1
            if self._depth == 0:
                for result in tensors(out):
                    if (origin := self._left(name, module, args, kwargs, result)) is not None:
                        self.note(result, origin)

        yield module.register_forward_pre_hook(enter, with_kwargs=True)
        yield module.register_forward_hook(leave, with_kwargs=True)

    def _left(self, name: str, module: nn.Module, args: Any, kwargs: Any, result: Tensor) -> Origin | None:
        """Origin of what a module returns: its own channels, or those that went through it."""
        for kind, axis in LEADING_AXES.items():
            if isinstance(module, kind):
                return Origin(name, axis, channels(module))
        known = [origin for t in tensors([args, kwargs]) if (origin := self.origin(t))]
        if not known:
            return None
        merged = _merged(known, name)
        first = next(tensors([args, kwargs]))
        alike = result.dim() >= merged.axis <= first.dim() and (
            result.shape[-merged.axis] == first.shape[-merged.axis]
        )
        return merged if merged.lost or alike else replace(merged, lost=name)


def _merged(origins: list[Origin], by: str) -> Origin:
    """One origin of several: all the same, or lost to the operation that mixes them."""
    first = origins[0]
    if all(origin == first for origin in origins):
        return first
    lost = next((origin for origin in origins if origin.lost), None)
    return lost or replace(next((o for o in origins if o.layer), first), lost=by.strip("_"))
