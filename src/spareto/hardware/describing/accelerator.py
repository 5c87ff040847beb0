"""What an accelerator description may say: components, every number with unit and source, and a dataflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from spareto.core.config import Record
from spareto.core.units import (
    Area,
    Bits,
    BitsPerCycle,
    Cycles,
    Energy,
    EnergyPerBit,
    Instances,
    Iterations,
    OpsPerCycle,
    Power,
    Quantity,
    Timesteps,
    Width,
    Words,
)
from spareto.hardware.describing.chip import Chip, ChipPart, one_part, parts_of
from spareto.hardware.describing.nest import LoopKind
from spareto.hardware.describing.problem import Dim, TensorName

OnZero = Literal["skip", "gate", "compute"]


class Memory(ChipPart):
    """A storage level.

    Args:
        keeps: Tensors it holds; the others pass it by.
        compresses: Tensors it holds in the storage format asked for; the others are stored plainly.
        instances: How many there are on the chip.
        depth: Rows; None for a memory that everything fits in.
        width: Bits of one row, moved by one access. Narrower words share a row.
        read_energy: Energy of one access that reads.
        write_energy: Energy of one access that writes.
        read_bandwidth: Bits one instance can read a cycle; None without limit.
        write_bandwidth: Bits one instance can write a cycle; None without limit.
        burst: Bits that move together: shorter transfers are rounded up to it.
        wire_energy: Energy of a bit over one hop between the instances below it; None where wires are free.
        latency: Cycles until its first word arrives, once a layer.
        leakage: Energy one instance leaks a cycle, for as long as the layer takes.
        area: Area of one instance.
    """

    kind: Literal["memory"]
    keeps: tuple[TensorName, ...]
    compresses: tuple[TensorName, ...] = ()
    instances: Instances
    depth: Words | None = None
    width: Bits
    read_energy: Energy
    write_energy: Energy
    read_bandwidth: BitsPerCycle | None = None
    write_bandwidth: BitsPerCycle | None = None
    burst: Bits | None = None
    wire_energy: EnergyPerBit | None = None
    latency: Cycles | None = None
    leakage: Power | None = None
    area: Area | None = None

    @property
    def count(self) -> float:
        """How many there are on the chip."""
        return self.instances.amount

    @property
    def capacity_bits(self) -> float | None:
        """Bits one instance holds; None without limit."""
        return None if self.depth is None else self.depth.amount * self.width.amount

    def energy_of(self, action: str) -> Quantity:
        """Energy of one access that reads, or of one that writes."""
        return self.read_energy if action == "read" else self.write_energy


class Fanout(ChipPart):
    """A place that stores nothing and spreads data over the instances below it.

    Args:
        instances: How many there are on the chip.
        wire_energy: Energy of a bit over one hop between the instances below it; None where wires are free.
    """

    kind: Literal["fanout"]
    instances: Instances
    wire_energy: EnergyPerBit | None = None


class Compute(ChipPart):
    """The units that multiply and add.

    Args:
        adder_energy: Integer addition of `adder_width` bits; linear in the width.
        multiplier_energy: Integer product of two `multiplier_width`-bit numbers; grows with both widths.
        float_adder_energy: 32-bit floating-point addition.
        float_multiplier_energy: 32-bit floating-point product.
        gated_energy: An operation that is gated.
        accumulator_width: Width of a partial sum of integer weights.
        conversion_energy: One conversion of a logarithm into a number that can be added, once a synaptic
            operation; a product is then the sum of two exponents. None where numbers are no logarithms.
        zero_inputs: What happens on a zero input: no cycle (`skip`), no energy (`gate`), or `compute`.
        zero_weights: The same on a zero weight; skipping needs a format that locates zeros.
        window: Timesteps that are skipped only together, because lanes share a step; None skips each alone.
        intersection_rate: Pairs of input and weight a unit checks a cycle for having no zero; None without
            limit.
        latency: Cycles from the first operands to the first result, once a layer.
        leakage: Energy one instance leaks a cycle.
        area: Area of one instance.
    """

    kind: Literal["compute"]
    instances: Instances
    adder_energy: Energy
    adder_width: Width
    multiplier_energy: Energy
    multiplier_width: Width
    float_adder_energy: Energy
    float_multiplier_energy: Energy
    gated_energy: Energy
    accumulator_width: Width
    conversion_energy: Energy | None = None
    zero_inputs: OnZero
    zero_weights: OnZero
    window: Timesteps | None = None
    intersection_rate: OpsPerCycle | None = None
    latency: Cycles | None = None
    leakage: Power | None = None
    area: Area | None = None

    @property
    def count(self) -> float:
        """How many there are on the chip."""
        return self.instances.amount

    @property
    def skip_window(self) -> int:
        """Timesteps that are skipped together."""
        return int(self.window.amount) if self.window else 1


class NeuronUnit(ChipPart):
    """The units that update the neurons.

    Args:
        lanes: Neurons updated a cycle.
        width: Width of the state the energies below are given for.
        leak_energy: One product with the decay; grows with the square of the width.
        integrate_energy: One addition to the state; linear in the width.
        compare_energy: One comparison with the threshold; linear in the width.
        reset_energy: One reset of a neuron that fired, linear in the width; None where the write of the
            update does it.
        updates: Which neurons are updated at a timestep: all, or only those that receive anything (and
            catch up with their leak then).
        state_level: The memory that holds the state while a neuron runs through its timesteps.
        latency: Cycles one update takes, once a layer.
        leakage: Energy one lane leaks a cycle.
        area: Area of one lane.
    """

    kind: Literal["neuron"]
    lanes: OpsPerCycle
    width: Width
    leak_energy: Energy
    integrate_energy: Energy
    compare_energy: Energy
    reset_energy: Energy | None = None
    updates: Literal["all", "touched"] = "all"
    state_level: str
    latency: Cycles | None = None
    leakage: Power | None = None
    area: Area | None = None

    @property
    def count(self) -> float:
        """How many there are on the chip."""
        return self.lanes.amount


Component = Annotated[Memory | Fanout | Compute | NeuronUnit, Field(discriminator="kind")]


class Fill(Record):
    """One step of the fixed mapping: make these loops as long as fan-out and capacity allow.

    Args:
        level: The level whose loops grow.
        kind: Whether they are temporal or spatial.
        dims: The dimensions, each made as long as possible before the next.
        in_turn: Double them one after the other instead, which keeps the tile balanced.
    """

    level: str
    kind: LoopKind
    dims: tuple[Dim, ...]
    in_turn: Annotated[bool, Field(strict=True)] = False


class Order(Record):
    """The order of one level's temporal loops, outermost first."""

    level: str
    dims: tuple[Dim, ...]


class Limit(Record):
    """A loop that may not run longer than so often, whatever would fit: a constraint of every mapping.

    Args:
        level: The level that runs it.
        kind: Whether it is temporal or spatial.
        dim: The dimension it walks.
        at_most: Iterations, and why.
    """

    level: str
    kind: LoopKind
    dim: Dim
    at_most: Iterations


class Dataflow(Record):
    """How layers are tiled onto the accelerator.

    Args:
        about: Name and origin of the dataflow.
        weights_sized_for: Narrower weights take this much room when tiles are chosen, so that the mapping
            stays the same over bit widths and sparsities.
        fill: Steps of the mapping; what they leave runs at the outermost memory.
        order: Loop order of each level that has temporal loops.
        limits: Loops that may not run longer.
    """

    about: str
    weights_sized_for: Width
    fill: tuple[Fill, ...]
    order: tuple[Order, ...]
    limits: tuple[Limit, ...] = ()

    def limit(self, level: str, kind: LoopKind, dim: Dim) -> float:
        """Most iterations of a loop."""
        found = [
            each.at_most.amount
            for each in self.limits
            if (each.level, each.kind, each.dim) == (level, kind, dim)
        ]
        return min(found, default=float("inf"))


@dataclass(frozen=True)
class Bottleneck:
    """A part that limits how far work spreads over all levels outside it together.

    Args:
        part: Its name.
        instances: How many there are.
        outside: Names of the levels outside it.
    """

    part: str
    instances: int
    outside: tuple[str, ...]


class Accelerator(Chip):
    """An array of processing elements and its dataflow.

    Args:
        components: Memories and fan-outs outermost first, then compute and neuron units.
        dataflow: How layers are tiled onto it.
    """

    kind: Literal["array"] = "array"
    components: tuple[Component, ...]
    dataflow: Dataflow

    @property
    def memory_bits(self) -> float:
        """Bits of all memories but those without limit."""
        return sum((each.capacity_bits or 0.0) * each.instances.amount for each in self.memories)

    @property
    def peak_ops_per_cycle(self) -> float:
        """One synaptic operation per cycle of every unit."""
        return self.compute.instances.amount

    @property
    def principle(self) -> str:
        """Its dataflow."""
        return self.dataflow.about

    memories = parts_of(Memory, "Storage levels, outermost first.")

    @property
    def levels(self) -> tuple[Memory | Fanout, ...]:
        """Storage levels and fan-outs, outermost first."""
        return tuple(part for part in self.components if isinstance(part, (Memory, Fanout)))

    compute = one_part(Compute, "The units that multiply and add.")
    neuron = one_part(NeuronUnit, "The units that update the neurons.")

    @property
    def kept(self) -> dict[str, tuple[TensorName, ...]]:
        """Tensors each memory keeps."""
        return {memory.name: memory.keeps for memory in self.memories}

    @property
    def wired(self) -> dict[str, Quantity]:
        """Levels below which wires take energy: of one bit over one hop."""
        return {level.name: level.wire_energy for level in self.levels if level.wire_energy}

    def memory(self, name: str) -> Memory:
        """The memory called `name`."""
        return next(memory for memory in self.memories if memory.name == name)

    def innermost(self, tensor: TensorName) -> Memory:
        """The memory next to the units that keeps a tensor."""
        return [memory for memory in self.memories if tensor in memory.keeps][-1]

    def fanout(self, level: str) -> int:
        """Instances below one instance of a level: the most its spatial loops may spread over."""
        parts = self._outside_in
        place = next(index for index, part in enumerate(parts) if part.name == level)
        return max(1, int(parts[place + 1].instances.amount // parts[place].instances.amount))

    @property
    def bottlenecks(self) -> tuple[Bottleneck, ...]:
        """Parts of which there are fewer than the levels outside them could spread over."""
        parts, found = self._outside_in, list[Bottleneck]()
        spread = 1
        for place, part in enumerate(parts[1:], start=1):
            spread *= self.fanout(parts[place - 1].name)
            if part.instances.amount < spread:
                outside = tuple(level.name for level in parts[:place])
                found.append(Bottleneck(part.name, int(part.instances.amount), outside))
        return tuple(found)

    @property
    def _outside_in(self) -> tuple[Memory | Fanout | Compute, ...]:
        return (*self.levels, self.compute)
