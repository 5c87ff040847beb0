"""How the spiking layers are to run, for everything inside a `with`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from threading import local
from typing import Protocol

from torch import Tensor

from spareto.kernels.spikes import Spikes


class Watcher(Protocol):
    """Counts the spikes of fused layers; a profile does."""

    def fuses(self, layer: object) -> bool:
        """Whether a layer may run fused under `reference()`, though hooks of the watcher are on its parts."""
        ...

    def aside(self) -> AbstractContextManager[None]:
        """Inside, the watcher sees nothing: the layer tells it by `fired`."""
        ...

    def fired(self, layer: object, entered: Tensor | Spikes, spikes: Spikes) -> None:
        """A layer has run.

        Args:
            layer: The layer.
            entered: What it was given, `(time, batch, ...)`.
            spikes: What its neurons gave, before any pooling.
        """
        ...


@dataclass(frozen=True)
class KernelOptions:
    """Choices of the fused path.

    Args:
        reference: Run plain torch, child by child, as if there were no kernels.
        bfloat16: Compute the gradient of spikes in bfloat16 where the processor does it natively; the spikes
            stay the same.
        recompute: Keep only spikes for the backward pass where their currents are large, and sum those again.
        watcher: Who is told of spikes.
    """

    reference: bool = False
    bfloat16: bool = False
    recompute: bool = False
    watcher: Watcher | None = None

    def watching(self, layer: object) -> Watcher | None:
        """The watcher of a layer that runs fused because its spikes are watched."""
        return self.watcher if self.watcher is not None and self.watcher.fuses(layer) else None


class _Chosen(local):  # not a ContextVar: torch.compile cannot look into one
    options = KernelOptions()


_chosen = _Chosen()


def current() -> KernelOptions:
    """The options in force."""
    return _chosen.options


@contextmanager
def reference() -> Iterator[None]:
    """Run every layer as plain torch, child by child: the definition the kernels are held to."""
    with _changed(replace(current(), reference=True)):
        yield


@contextmanager
def options(*, bfloat16: bool | None = None, recompute: bool | None = None) -> Iterator[None]:
    """Change how the fused path runs; what is left out stays.

    Args:
        bfloat16: See `KernelOptions.bfloat16`.
        recompute: See `KernelOptions.recompute`.
    """
    given = {"bfloat16": bfloat16, "recompute": recompute}
    changes = {name: value for name, value in given.items() if value is not None}
    with _changed(replace(current(), **changes)):
        yield


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Run the layers that a watcher lets run fused, and tell it of their spikes."""
    with _changed(replace(current(), watcher=watcher)):
        yield


@contextmanager
def _changed(new: KernelOptions) -> Iterator[None]:
    before = _chosen.options
    _chosen.options = new
    try:
        yield
    finally:
        _chosen.options = before
