"""Bits on the wires between a level and the instances it spreads over, where a description prices them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from spareto.hardware.charging.traffic import Amount, Flow
from spareto.hardware.describing.accelerator import Accelerator
from spareto.hardware.describing.nest import Nest
from spareto.hardware.describing.problem import RELEVANT, TensorName


def wire_flows(flows: Sequence[Flow], nest: Nest, accelerator: Accelerator) -> Iterator[Flow]:
    """Every bit that goes inwards or comes from inside, once for every hop it takes.

    A level's wires carry what the memory outside sends, once for each copy that was made before.
    """
    for flow in flows:
        if not flow.inward:
            continue
        tensor: TensorName = "weights" if flow.tensor == "metadata" else flow.tensor  # pyright: ignore[reportAssignmentType]
        copies = np.ones(1)
        for level in _passed(accelerator, flow.memory, tensor):
            spread, shared = _fan_out(nest, level, tensor)
            if level in accelerator.wired:
                times = flow.times * copies * hops(shared, spread)
                yield replace(flow, memory=level, action="hop", times=times, burst=0.0, tile=None)
            copies = copies * shared


def hops(shared: Amount, spread: Amount) -> Amount:
    """Hops on a square grid of `spread` places, if every bit is for `shared` of them.

    Reference:
        parashar2019: Timeloop's estimate for a multicast.
    """
    side, cast = np.sqrt(spread), np.sqrt(shared)
    return np.where(spread > 1, side * cast + (side - cast) / 2 - side / cast + 0.5, 0.0)


def _passed(accelerator: Accelerator, memory: str, tensor: TensorName) -> list[str]:
    """The levels between a memory and the next that keeps a tensor, itself included."""
    names = [level.name for level in accelerator.levels]
    holders = [each.name for each in accelerator.memories if tensor in each.keeps]
    inside = holders[holders.index(memory) + 1 :]
    return names[names.index(memory) : names.index(inside[0]) if inside else len(names)]


def _fan_out(nest: Nest, level: str, tensor: TensorName) -> tuple[Amount, Amount]:
    """Instances that a level's spatial loops spread over, and how many of them share one element."""
    spread, shared = np.ones(1), np.ones(1)
    for loop in nest.loops:
        if (loop.level, loop.kind) == (level, "spatial"):
            spread = spread * loop.bound
            shared = shared * (1 if loop.dim in RELEVANT[tensor] else loop.bound)
    return spread, shared
