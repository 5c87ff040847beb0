"""How many bits a layer moves into and out of each memory, mode `physical`.

What differs from the accounting of Timeloop: a partial sum is not fetched before it exists, draining a tile
reads it, only the bits that are stored move, and an operand is read once for as long as its unit holds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from spareto.hardware.accelerator import Accelerator, Memory
from spareto.hardware.accesses import (
    Access,
    Accesses,
    compute_units,
    count_accesses,
    register_loads,
    temporal_steps,
)
from spareto.hardware.energy import accumulator_bits
from spareto.hardware.formats import Mask, Size
from spareto.hardware.mapping.nest import Nest
from spareto.hardware.operations import Operations
from spareto.hardware.problem import TENSORS, Count, Problem, TensorName
from spareto.records.workload import Layer

Amount = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Flow:
    """Bits of one kind moved at one memory per inference, over all its instances; one entry a mapping.

    Args:
        memory: Name of the memory.
        tensor: `weights`, `metadata`, `inputs`, `outputs` or `state`.
        read: Bits read.
        write: Bits written.
    """

    memory: str
    tensor: str
    read: Amount
    write: Amount


@dataclass(frozen=True)
class Counts:
    """The accesses of one layer under its mappings: the same for every format, width and activity.

    Args:
        accesses: Scalar accesses by level and tensor.
        steps: Iterations every unit runs through.
        units: Units in use.
        loads: Elements a unit's operand register takes in.
        border: Share of the inputs that are not the zero border.
        mask: Weights that are not zero.
        live: Their number.
    """

    accesses: Accesses
    steps: Count
    units: Count
    loads: dict[TensorName, Count]
    border: Amount
    mask: Mask
    live: int

    @classmethod
    def of(
        cls, layer: Layer, problem: Problem, nest: Nest, accelerator: Accelerator, mask: Mask | None = None
    ) -> Counts:
        """Count once, charge often."""
        accesses = count_accesses(problem, nest, accelerator.kept)
        hull = problem.tile("inputs", nest.totals()) * layer.groups
        mask = layer.weight_mask.array() if mask is None else mask
        return cls(
            accesses=accesses,
            steps=temporal_steps(nest),
            units=compute_units(nest),
            loads={tensor: register_loads(problem, nest, tensor) for tensor in TENSORS},
            border=np.minimum(1.0, layer.input.size * layer.timesteps / hull),
            mask=mask,
            live=int(mask.sum()),
        )


def layer_flows(
    layer: Layer, counts: Counts, accelerator: Accelerator, operations: Operations, stored: Size
) -> list[Flow]:
    """Every bit a layer's tensors move, memory by memory."""
    charge = _Charge(layer, counts, accelerator, operations, stored)
    flows: list[Flow] = []
    for (level, tensor), access in counts.accesses.items():
        memory = accelerator.memory(level)
        charged = {"weights": charge.weights, "inputs": charge.inputs, "outputs": charge.outputs}[tensor]
        flows += charged(memory, access, innermost=_innermost(accelerator, tensor) == level)
    return flows


@dataclass(frozen=True)
class _Charge:
    layer: Layer
    counts: Counts
    accelerator: Accelerator
    operations: Operations
    stored: Size

    def weights(self, memory: Memory, access: Access, *, innermost: bool) -> Iterator[Flow]:
        """Values and metadata; where zeros are located, the units read live weights only."""
        layer, stored = self.layer, self.stored
        value, metadata = float(layer.weight_bits), 0.0
        compressed = "weights" in memory.compresses
        if compressed:
            value, metadata = (
                stored.value_bits / layer.weight_count,
                stored.metadata_bits / layer.weight_count,
            )
        fills, reads = self._total(access, "fills"), self._total(access, "reads")
        factor = 1.0
        if innermost:
            reads = self.operations.weight_reads * self.counts.loads["weights"] / self.counts.steps
            live_only = compressed and self.operations.live_only and self.counts.live
            factor = layer.weight_count / self.counts.live if live_only else 1.0
        yield Flow(memory.name, "weights", reads * value * factor, fills * value)
        if metadata:
            yield Flow(memory.name, "metadata", reads * metadata * factor, fills * metadata)

    def inputs(self, memory: Memory, access: Access, *, innermost: bool) -> Iterator[Flow]:
        """Spikes are one bit each, zeros included; the zero border is made on chip."""
        bits = self.layer.input.bits * self.counts.border
        reads = self._total(access, "reads")
        if innermost:
            reads = reads * self.counts.loads["inputs"] / self.counts.steps
        yield Flow(memory.name, "inputs", reads * bits, self._total(access, "fills") * bits)

    def outputs(self, memory: Memory, access: Access, *, innermost: bool) -> Iterator[Flow]:
        """Partial sums; the outermost memory receives what the neurons (or the layer) put out."""
        layer, counts = self.layer, self.counts
        bits = accumulator_bits(layer, self.accelerator.compute)
        done = 1.0
        if innermost:
            done = self.operations.executed / (counts.steps * counts.units * layer.groups)
        updates, reads = self._total(access, "updates") * done, self._total(access, "reads") * done
        fills, distinct = self._total(access, "fills"), self._total(access, "distinct")
        if memory.name == self.accelerator.memories[0].name:
            emitted = layer.output.size * layer.timesteps * layer.output.bits
            partial = updates if innermost else np.maximum(0.0, updates - distinct)
            yield Flow(memory.name, "outputs", reads * bits, partial * bits + emitted)
        else:
            yield Flow(memory.name, "outputs", (reads + fills) * bits, (updates + fills - distinct) * bits)

    def _total(self, access: Access, count: Literal["fills", "reads", "updates", "distinct"]) -> Amount:
        return 1.0 * getattr(access, count) * access.instances * self.layer.groups


def _innermost(accelerator: Accelerator, tensor: TensorName) -> str:
    return [memory.name for memory in accelerator.memories if tensor in memory.keeps][-1]
