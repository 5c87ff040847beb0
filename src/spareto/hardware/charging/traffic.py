"""How many bits a layer moves into and out of each memory, mode `physical`.

What differs from the accounting of Timeloop: a partial sum is not fetched before it exists, draining a tile
reads it, only the bits that are stored move, and an operand is read once for as long as its unit holds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from spareto.hardware.charging.design_points import Column, DesignPoints
from spareto.hardware.counting.accesses import (
    Access,
    Accesses,
    compute_units,
    count_accesses,
    register_loads,
    temporal_steps,
)
from spareto.hardware.describing.accelerator import Accelerator, Memory
from spareto.hardware.describing.nest import Nest
from spareto.hardware.describing.problem import TENSORS, Count, LoopProblem, TensorName
from spareto.records.workload import Layer

Amount = npt.NDArray[np.float64]  # one entry a mapping
Table = npt.NDArray[np.float64]  # one row per point, one column per mapping


@dataclass(frozen=True)
class Flow:
    """Bits of one kind moved at one memory per inference, over all its instances: `times` x `bits`.

    Args:
        memory: Name of the memory.
        tensor: `weights`, `metadata`, `inputs`, `outputs` or `state`.
        action: Whether the memory is read or written, or the bits take a hop on the wires below it.
        times: How often, one entry a mapping.
        bits: How many bits each time, one entry per point.
        burst: Bits every transfer is rounded up to; 0 for none.
        tile: How many of `times` are one transfer; None for all of them.
        inward: Whether the bits go to, or come from, what is inside.
    """

    memory: str
    tensor: str
    action: Literal["read", "write", "hop"]
    times: Amount
    bits: Column
    burst: float = 0.0
    tile: Count | None = None
    inward: bool = False

    def moved(self) -> Table:
        """Bits moved, shape (points, mappings)."""
        if not self.burst:
            return np.outer(self.bits, self.times)
        tile = self.times if self.tile is None else self.tile
        bursts = np.ceil(np.outer(self.bits, tile) / self.burst - 1e-9)
        return bursts * self.burst * (self.times / np.maximum(tile, 1e-300))


@dataclass(frozen=True)
class AccessCounts:
    """The accesses of one layer under its mappings: the same for every width, sparsity, format and activity.

    Args:
        accesses: Scalar accesses by level and tensor.
        steps: Iterations every unit runs through.
        units: Units in use.
        loads: Elements a unit's operand register takes in.
        border: Share of the inputs that are not the zero border.
    """

    accesses: Accesses
    steps: Count
    units: Count
    loads: dict[TensorName, Count]
    border: Amount

    @classmethod
    def of(cls, layer: Layer, problem: LoopProblem, nest: Nest, accelerator: Accelerator) -> AccessCounts:
        """Count once, charge often."""
        hull = problem.tile("inputs", nest.totals()) * layer.groups
        return cls(
            accesses=count_accesses(problem, nest, accelerator.kept),
            steps=temporal_steps(nest),
            units=compute_units(nest),
            loads={tensor: register_loads(problem, nest, tensor) for tensor in TENSORS},
            border=np.minimum(1.0, layer.input.size * layer.timesteps / hull),
        )


def layer_flows(points: DesignPoints, counts: AccessCounts, accelerator: Accelerator) -> list[Flow]:
    """Every bit a layer's tensors move, memory by memory."""
    charge = _Charge(points, counts, accelerator)
    flows: list[Flow] = []
    for (level, tensor), access in counts.accesses.items():
        memory = accelerator.memory(level)
        charged = {"weights": charge.weights, "inputs": charge.inputs, "outputs": charge.outputs}[tensor]
        found = charged(memory, access, innermost=accelerator.innermost(tensor).name == level)
        flows += _in_bursts(found, memory, _tile_inside(counts, level, tensor)) if memory.burst else found
    return flows


def total_bits(
    flows: Sequence[Flow],
    factors: Sequence[float] | None = None,
    scale: npt.NDArray[np.floating] | float = 1.0,
) -> Table:
    """Bits of all flows together, shape (points, mappings).

    Args:
        flows: At least one.
        factors: One factor per flow: its energy per bit.
        scale: One factor a mapping.
    """
    weights = [1.0] * len(flows) if factors is None else factors
    width = max(len(flow.times) for flow in flows)
    total = np.zeros((len(flows[0].bits), width))
    plain = [(flow, weight) for flow, weight in zip(flows, weights, strict=True) if not flow.burst]
    if plain:
        times = np.stack([np.broadcast_to(flow.times, width) for flow, _ in plain])
        total += np.stack([flow.bits * weight for flow, weight in plain]).T @ times
    for flow, weight in zip(flows, weights, strict=True):
        if flow.burst:
            total += flow.moved() * weight
    return total * scale


def _in_bursts(flows: Iterator[Flow], memory: Memory, tile: Count | None) -> Iterator[Flow]:
    """The same flows of a memory that moves whole bursts only."""
    burst = memory.burst.amount if memory.burst else 0.0
    for flow in flows:
        whole = len(flow.times) == 1 and flow.times[0] == 1.0  # a stream of its own, not tile by tile
        yield replace(flow, burst=burst, tile=None if whole else tile)


def _tile_inside(counts: AccessCounts, level: str, tensor: TensorName) -> Count | None:
    """The tile that one transfer between a level and the next inside moves; None if the units are next."""
    holders = [name for name, held in counts.accesses if held == tensor]
    inside = holders[holders.index(level) + 1 :]
    return counts.accesses[inside[0], tensor].tile if inside else None


@dataclass(frozen=True)
class _Charge:
    points: DesignPoints
    counts: AccessCounts
    accelerator: Accelerator

    def weights(self, memory: Memory, access: Access, *, innermost: bool) -> Iterator[Flow]:
        """Values and metadata; where zeros are located, the units read live weights only."""
        points, size = self.points, self.points.layer.weight_count
        compressed = "weights" in memory.compresses
        values = points.column(lambda p: p.stored.value_bits / size if compressed else p.weight_bits)
        metadata = points.column(lambda p: p.stored.metadata_bits / size if compressed else 0.0)
        times, factor = self._total(access, "reads"), np.ones(1)
        if innermost:
            shared = access.reads * access.instances / (self.counts.steps * self.counts.units)
            times = self.counts.loads["weights"] / self.counts.steps * shared
            factor = points.column(lambda p: p.operations.weight_reads)
            if compressed:
                factor = factor * points.column(
                    lambda p: size / p.live if p.operations.live_only and p.live else 1.0
                )
        fills = self._total(access, "fills")
        for tensor, bits in (("weights", values), ("metadata", metadata)):
            if bits.any():
                yield Flow(memory.name, tensor, "read", times, bits * factor, inward=True)
                yield Flow(memory.name, tensor, "write", fills, bits)

    def inputs(self, memory: Memory, access: Access, *, innermost: bool) -> Iterator[Flow]:
        """Spikes are one bit each, zeros included; the zero border is made on chip."""
        compressed, border = "inputs" in memory.compresses, self.counts.border
        bits = self.points.column(lambda p: p.compressed_input_bits if compressed else p.input_bits)
        reads = self._total(access, "reads")
        if innermost:
            reads = reads * self.counts.loads["inputs"] / self.counts.steps
        yield Flow(memory.name, "inputs", "read", reads * border, bits, inward=True)
        yield Flow(memory.name, "inputs", "write", self._total(access, "fills") * border, bits)

    def outputs(self, memory: Memory, access: Access, *, innermost: bool) -> Iterator[Flow]:
        """Partial sums; the outermost memory receives what the neurons (or the layer) put out."""
        bits = self.points.column(lambda p: p.accumulator_bits)
        updates, reads = self._total(access, "updates"), self._total(access, "reads")
        fills, distinct = self._total(access, "fills"), self._total(access, "distinct")
        asked = bits  # what the level inside, or the units, asks for
        if innermost:  # the units: only the operations that are executed
            asked = bits * self.points.column(lambda p: p.operations.executed)
            dense = self.counts.steps * self.counts.units * self.points.layer.groups
            updates, reads = updates / dense, reads / dense
        yield Flow(memory.name, "outputs", "read", reads, asked, inward=True)
        if memory.name == self.accelerator.memories[0].name:
            partial = updates if innermost else np.maximum(0.0, updates - distinct)
            yield Flow(memory.name, "outputs", "write", partial, asked, inward=True)
            yield Flow(
                memory.name, "outputs", "write", np.ones(1), self.points.column(lambda p: p.emitted_bits)
            )
        else:
            yield Flow(memory.name, "outputs", "read", fills, bits)
            yield Flow(memory.name, "outputs", "write", updates, asked, inward=True)
            yield Flow(memory.name, "outputs", "write", fills - distinct, bits)

    def _total(self, access: Access, count: Literal["fills", "reads", "updates", "distinct"]) -> Amount:
        return 1.0 * getattr(access, count) * access.instances * self.points.layer.groups
