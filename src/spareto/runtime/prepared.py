"""Calls of the C engine, made ready once: to build their arguments takes longer than a small layer."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from spareto.integer.network import Ints, Pool
from spareto.runtime.kernels import function
from spareto.runtime.plans import LayerPlan, States, words_of
from spareto.runtime.wires import Wire, empty

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

SHARED: Final = 1 << 15
"""Neurons of a layer whose rows are worth sharing among threads."""

SHARED_BYTES: Final = 1 << 20
"""Bytes of spikes that are worth pooling on several threads."""


LAYER, POOL_BITS, POOL_VALUES = range(3)
"""What a call does; the order of `csrc/calls.c`."""


class KernelCall(ctypes.Structure):
    """`call` of `csrc/calls.c`: a node's work and its arguments."""

    _fields_ = (
        ("kind", ctypes.c_int64),
        ("config", ctypes.c_void_p),
        ("input", ctypes.c_void_p),
        ("states", ctypes.c_void_p),
        ("output", ctypes.c_void_p),
        ("sizes", ctypes.c_int64 * 3),
    )


@dataclass(frozen=True)
class Prepared:
    """What a node does with the numbers of one wire, again and again.

    Args:
        before: What it reads.
        after: What it writes.
        parts: Its calls, one for each thread.
        kept: What the addresses among their arguments point to.
    """

    before: Wire
    after: Wire
    parts: tuple[KernelCall, ...]
    kept: Any

    def run(self, pool: ThreadPoolExecutor | None) -> None:
        """Run the first part here and the others in the pool."""
        jobs = [pool.submit(_run, ctypes.byref(part), 1) for part in self.parts[1:]] if pool else ()
        _run(ctypes.byref(self.parts[0]), 1)
        for job in jobs:
            job.result()


class NodeChain:
    """Nodes that one call runs, one after the other.

    Args:
        nodes: Each reads what one before it writes, or the frames; one part each.
    """

    def __init__(self, nodes: Sequence[Prepared]) -> None:
        self.wires = [node.after for node in nodes]
        self._kept = tuple(nodes)
        self._calls = (KernelCall * len(nodes))(*(node.parts[0] for node in nodes))

    def run(self) -> None:
        """Run them all."""
        _run(self._calls, len(self._calls))


def _run(calls: Any, count: int) -> None:
    function("spareto_calls", "pq")(calls, count)


class _Pooling(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_int64) for name in ("h", "w", "kh", "kw", "sh", "sw", "ph", "pw", "oh", "ow")
    )


def layer(plan: LayerPlan, states: States, before: Wire, spare: Wire | None, threads: int) -> Prepared:
    """A layer's timesteps, its rows shared among threads; into `spare` where that fits."""
    channels, height, width = plan.shape
    after = empty(before.steps, channels, height, width, values=plan.values, spare=spare)
    shares = min(threads, height) if height * width * plan.lanes >= SHARED else 1
    parts = tuple(
        _call(LAYER, plan.struct, before.data, after.data, (before.steps, a, b), states)
        for a, b in _shares(height, shares)
    )
    return Prepared(before, after, parts, (plan, states))


def pool(node: Pool, before: Wire, spare: Wire | None, threads: int = 1) -> Prepared:
    """A pooling of bits or integers, its timesteps shared among threads; into `spare` where that fits."""
    after = empty(before.steps, before.channels, *node.size, values=before.values, spare=spare)
    geometry = _Pooling(before.height, before.width, *node.kernel, *node.stride, *node.padding, *node.size)
    kind, last = POOL_BITS, (words_of(before.channels), 0)
    if before.values:
        kind, last = POOL_VALUES, (before.channels, int(node.kind == "sum"))
    shares = min(threads, before.steps) if before.data.nbytes >= SHARED_BYTES else 1
    parts = tuple(
        _call(kind, geometry, before.data[a:b], after.data[a:b], (b - a, *last))
        for a, b in _shares(before.steps, shares)
    )
    return Prepared(before, after, parts, geometry)


def _call(
    kind: int,
    config: ctypes.Structure,
    before: Ints,
    after: Ints,
    sizes: tuple[int, int, int],
    states: States | None = None,
) -> KernelCall:
    found = None if states is None else ctypes.addressof(states)
    addresses = (ctypes.addressof(config), before.ctypes.data, found, after.ctypes.data)
    return KernelCall(kind, *addresses, (ctypes.c_int64 * 3)(*sizes))


def _shares(whole: int, shares: int) -> list[tuple[int, int]]:
    return list(pairwise(whole * part // shares for part in range(shares + 1)))
