"""Calls of the C engine, made ready once: to build their arguments takes longer than a small layer."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from spareto.integer.network import Pool
from spareto.runtime.kernels import function
from spareto.runtime.plans import LayerPlan, States, words_of
from spareto.runtime.wires import Wire, empty

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

SHARED: Final = 1 << 15
"""Neurons of a layer whose rows are worth sharing among threads."""

SHARED_BYTES: Final = 1 << 20
"""Bytes of spikes that are worth pooling on several threads."""


@dataclass(frozen=True)
class Prepared:
    """What a node does with the numbers of one wire, again and again.

    Args:
        before: What it reads.
        after: What it writes.
        function: In C.
        parts: Arguments, one tuple for each thread.
        kept: What the addresses among these point to.
    """

    before: Wire
    after: Wire
    function: Callable[..., Any]
    parts: tuple[tuple[Any, ...], ...]
    kept: Any

    def run(self, pool: ThreadPoolExecutor | None) -> None:
        """Run the first part here and the others in the pool."""
        jobs = [pool.submit(self.function, *part) for part in self.parts[1:]] if pool else ()
        self.function(*self.parts[0])
        for job in jobs:
            job.result()


class _Pooling(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_int64) for name in ("h", "w", "kh", "kw", "sh", "sw", "ph", "pw", "oh", "ow")
    )


def layer(plan: LayerPlan, states: States, before: Wire, spare: Wire | None, threads: int) -> Prepared:
    """A layer's timesteps, its rows shared among threads; into `spare` where that fits."""
    channels, height, width = plan.shape
    after = empty(before.steps, channels, height, width, values=plan.values, spare=spare)
    call = (
        ctypes.byref(plan.struct),
        before.data.ctypes.data,
        after.data.ctypes.data,
        ctypes.byref(states),
        before.steps,
    )
    shares = min(threads, height) if height * width * plan.lanes >= SHARED else 1
    parts = tuple((*call, a, b) for a, b in _shares(height, shares))
    return Prepared(before, after, function("spareto_layer", "ppppqqq"), parts, (plan, states))


def pool(node: Pool, before: Wire, spare: Wire | None, threads: int = 1) -> Prepared:
    """A pooling of bits or integers, its timesteps shared among threads; into `spare` where that fits."""
    after = empty(before.steps, before.channels, *node.size, values=before.values, spare=spare)
    geometry = _Pooling(before.height, before.width, *node.kernel, *node.stride, *node.padding, *node.size)
    run = function("spareto_pool_bits", "pppqq")
    last: tuple[int, ...] = (words_of(before.channels),)
    if before.values:
        run = function("spareto_pool_values", "pppqqq")
        last = (before.channels, int(node.kind == "sum"))
    shares = min(threads, before.steps) if before.data.nbytes >= SHARED_BYTES else 1
    parts = tuple(
        (ctypes.byref(geometry), before.data[a:b].ctypes.data, after.data[a:b].ctypes.data, b - a, *last)
        for a, b in _shares(before.steps, shares)
    )
    return Prepared(before, after, run, parts, geometry)


def _shares(whole: int, shares: int) -> list[tuple[int, int]]:
    return list(pairwise(whole * part // shares for part in range(shares + 1)))
