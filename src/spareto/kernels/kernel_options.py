"""How the spiking layers are to run, for everything inside a `with`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import local


@dataclass(frozen=True)
class Options:
    """Choices of the fused path.

    Args:
        reference: Run plain torch, child by child, as if there were no kernels.
        bfloat16: Compute the gradient of spikes in bfloat16 where the processor does it natively; the spikes
            stay the same.
        recompute: Keep only spikes for the backward pass where their currents are large, and sum those again.
    """

    reference: bool = False
    bfloat16: bool = False
    recompute: bool = False


class _Chosen(local):  # not a ContextVar: torch.compile cannot look into one
    options = Options()


_chosen = _Chosen()


def current() -> Options:
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
        bfloat16: See `Options.bfloat16`.
        recompute: See `Options.recompute`.
    """
    given = {"bfloat16": bfloat16, "recompute": recompute}
    changes = {name: value for name, value in given.items() if value is not None}
    with _changed(replace(current(), **changes)):
        yield


@contextmanager
def _changed(new: Options) -> Iterator[None]:
    before = _chosen.options
    _chosen.options = new
    try:
        yield
    finally:
        _chosen.options = before
