"""Processors without a dataflow of their own: as fast as arithmetic or the busiest memory allows.

Reference:
    williams2009
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Annotated, Literal

from pydantic import Field

from spareto.core.config import Record
from spareto.core.errors import CapacityError, Problem
from spareto.core.units import Bits, BitsPerCycle, EnergyPerBit, OpsPerCycle, Watts, Width
from spareto.formats import Format, Train, spike_bits
from spareto.hardware.charging import neurons
from spareto.hardware.counting.activity import arriving_train, output_train
from spareto.hardware.counting.operations import count_operations
from spareto.hardware.describing.accelerator import OnZero
from spareto.hardware.describing.chip import Chip, ChipPart, odd_parts, one_part, parts_of
from spareto.hardware.describing.supply import pj_per_cycle
from spareto.hardware.describing.weight_pattern import WeightPattern
from spareto.hardware.engines._base import CostEngine, CostPlan
from spareto.records.cost import ActionCost, LayerCost
from spareto.records.workload import Layer, Tensor, Workload

Kept = Literal["weights", "inputs", "outputs", "state"]
KEPT: tuple[Kept, ...] = ("weights", "inputs", "outputs", "state")


class Rate(Record):
    """How fast one width of numbers is multiplied and added.

    Args:
        width: Bits of an operand; narrower numbers are widened to it.
        operations: Multiply-accumulates a cycle.
    """

    width: Width
    operations: OpsPerCycle


class Processor(ChipPart):
    """What computes.

    Args:
        rates: Throughput by operand width.
        update_rate: Neuron updates a cycle.
        active_power: Power while it works, memories included unless they have energies of their own.
        zero_inputs: What happens on a zero input: `skip` or `compute`.
        zero_weights: The same on a zero weight; skipping needs a format that locates zeros.
        pattern: Structured sparsity of the weights that it runs faster; None without.
        pattern_width: Bits of the widest operands that it does so for; None for all.
    """

    kind: Literal["processor"]
    rates: Annotated[tuple[Rate, ...], Field(min_length=1)]
    update_rate: OpsPerCycle
    active_power: Watts
    zero_inputs: OnZero
    zero_weights: OnZero
    pattern: WeightPattern | None = None
    pattern_width: Bits | None = None

    def saved(self, layer: Layer) -> float:
        """Share of its operations that a layer takes, for the pattern of its weights."""
        wide = self.pattern_width and max(layer.weight_bits, layer.input.bits) > self.pattern_width.amount
        return 1.0 if self.pattern is None or wide else self.pattern.share(layer)

    @property
    def skip_window(self) -> int:
        """Every timestep by itself."""
        return 1

    def rate(self, bits: int) -> Rate:
        """The narrowest rate that holds `bits`; the widest if none does."""
        by_width = sorted(self.rates, key=lambda rate: rate.width.amount)
        return next((rate for rate in by_width if rate.width.amount >= bits), by_width[-1])


class Bank(ChipPart):
    """A memory.

    Args:
        keeps: What it holds: weights, inputs, outputs, state.
        capacity: Bits it holds.
        bandwidth: Bits moved a cycle.
        energy: Energy of moving one bit, where it is not part of the processor's power.
    """

    kind: Literal["bank"]
    keeps: tuple[Kept, ...]
    capacity: Bits
    bandwidth: BitsPerCycle
    energy: EnergyPerBit | None = None


Component = Annotated[Processor | Bank, Field(discriminator="kind")]


class Roofline(Chip):
    """A processor and its memories.

    Args:
        components: One of kind `processor`, and a `bank` for each of weights, inputs, outputs and state.
        overlap: Whether memories work while the processor computes; if not, one waits for the other.
        time_batched: Whether all timesteps of a layer run as one batch, which reads weights once; if not,
            weights are read once a timestep.
    """

    kind: Literal["roofline"]
    components: tuple[Component, ...]
    overlap: bool
    time_batched: bool

    processor = one_part(Processor, "What computes.")
    banks = parts_of(Bank, "Its memories.")

    @property
    def memory_bits(self) -> float:
        """Capacity of all memories."""
        return sum(bank.capacity.amount for bank in self.banks)

    @property
    def peak_ops_per_cycle(self) -> float:
        """Multiply-accumulates of the fastest width."""
        return max(rate.operations.amount for rate in self.processor.rates)

    @property
    def principle(self) -> str:
        """How it works, in one line."""
        return "all timesteps as one batch" if self.time_batched else "timestep by timestep"


class RooflineEngine(CostEngine[Roofline]):
    """Costs a workload on a processor."""

    schema = Roofline

    def problems(self, chip: Roofline) -> Sequence[Problem]:
        """Components that are missing, tensors that are kept nowhere or twice."""
        found = [*odd_parts(chip, ("processor",), timed=("processor", "bank"))]
        for tensor in KEPT:
            keepers = [bank.name for bank in chip.banks if tensor in bank.keeps]
            if len(keepers) != 1:
                got = f"{tensor} kept by {', '.join(keepers) or 'no bank'}"
                found.append(Problem("accelerator.components", got, "exactly one bank"))
        return found

    def layers(self, workload: Workload, chip: Roofline, plan: CostPlan) -> Iterator[tuple[LayerCost, ...]]:
        """What every layer costs in each weight format."""
        neurons.refuse_unknown(workload)
        for name, fmt in plan.weight_formats.items():
            ran = [_Run.of(layer, chip, fmt, plan) for layer in workload.layers]
            _check_room(chip, ran)
            yield tuple(each.cost(chip, name) for each in ran)


@dataclass(frozen=True)
class _Run:
    """One layer on the processor.

    Args:
        layer: The layer.
        stored: Bits of its weights.
        operations: Multiply-accumulates that take their time.
        rate: What they run at.
        moved: Bits read and written of each tensor, per inference.
        held: Bits of each tensor that are held while the layer runs.
    """

    layer: Layer
    stored: int
    operations: float
    rate: Rate
    moved: dict[Kept, tuple[float, float]]
    held: dict[Kept, float]

    @classmethod
    def of(cls, layer: Layer, chip: Roofline, fmt: Format, plan: CostPlan) -> _Run:
        processor, mask = chip.processor, layer.weight_mask.array()
        weights = (
            fmt.size_of(mask, layer.weight_bits, layer.weight_counts).bits
            + (layer.bias_bits or 0) * layer.out_channels
        )
        stored = weights if layer.stores_weights else 0
        done = count_operations(
            layer, int(mask.sum()), processor, plan.statistic, zeros_located=fmt.locates_zeros
        )
        rate = processor.rate(max(layer.weight_bits, layer.input.bits))
        width = int(rate.width.amount)
        inputs = _bits(layer.arriving, arriving_train(layer, plan.statistic), plan, width)
        outputs = _bits(layer.output, output_train(layer, plan.statistic), plan, width)
        state = layer.neuron.count * layer.neuron.states * layer.neuron.state_bits if layer.neuron else 0
        steps = layer.timesteps
        return cls(
            layer=layer,
            stored=stored,
            operations=done.issued * processor.saved(layer),
            rate=rate,
            moved={
                "weights": (weights * (1 if chip.time_batched else steps), 0.0),
                "inputs": (inputs, 0.0),
                "outputs": (0.0, outputs),
                "state": (state * steps, state * steps),
            },
            held={
                "weights": stored,
                "inputs": inputs if chip.time_batched else inputs / steps,
                "outputs": outputs if chip.time_batched else outputs / steps,
                "state": state,
            },
        )

    def cost(self, chip: Roofline, weight_format: str) -> LayerCost:
        """Everything the layer is charged for."""
        cycles = self._cycles(chip)
        return LayerCost(
            name=self.layer.name,
            weight_format=weight_format,
            latency_cycles=cycles,
            stored_bits=self.stored,
            actions=tuple(self._actions(chip, cycles)),
        )

    def _cycles(self, chip: Roofline) -> float:
        updates = self.layer.neuron.count * self.layer.timesteps if self.layer.neuron else 0
        busy = self.operations / self.rate.operations.amount + updates / chip.processor.update_rate.amount
        waiting = [
            sum(sum(self.moved[tensor]) for tensor in bank.keeps) / bank.bandwidth.amount
            for bank in chip.banks
        ]
        cycles = max(busy, *waiting) if chip.overlap else busy + sum(waiting)
        return float(ceil(cycles - 1e-9))

    def _actions(self, chip: Roofline, cycles: float) -> Iterator[ActionCost]:
        processor = chip.processor
        each = pj_per_cycle(processor.active_power.amount, chip.clock_mhz or 0.0)
        yield ActionCost.of(processor.name, "products", "run", cycles, each)
        for bank in chip.banks:
            per_bit = bank.energy.amount if bank.energy else 0.0
            for tensor in bank.keeps:
                for action, bits in zip(("read", "write"), self.moved[tensor], strict=True):
                    if bits:
                        yield ActionCost.of(bank.name, tensor, action, bits, per_bit, bits)


def _bits(tensor: Tensor, train: Train, plan: CostPlan, width: int) -> float:
    """Bits of all timesteps: in the spike format, or one operand per element."""
    if tensor.kind == "spike" and plan.spike_format != "none":
        return spike_bits(plan.spike_format, train)
    return float(train.elements * width)


def _passing(chip: Roofline) -> tuple[Kept, ...]:
    """What only the running layer holds; step by step, all layers keep their state."""
    return ("inputs", "outputs", "state") if chip.time_batched else ("inputs", "outputs")


def _check_room(chip: Roofline, ran: Sequence[_Run]) -> None:
    """Refuse a network whose weights and states, and the widest layer's spikes, do not fit."""
    problems: list[Problem] = []
    for bank in chip.banks:
        passing: list[Kept] = [tensor for tensor in bank.keeps if tensor in _passing(chip)]
        kept: list[Kept] = [tensor for tensor in bank.keeps if tensor not in passing]
        needed = ceil(sum(run.held[tensor] for run in ran for tensor in kept))
        needed += ceil(max((sum(run.held[tensor] for tensor in passing) for run in ran), default=0.0))
        capacity = int(bank.capacity.amount)
        if needed > capacity:
            problems.append(
                Problem(
                    f"{chip.name}.{bank.name}",
                    f"{needed} bits of {', '.join(bank.keeps)}",
                    f"at most {capacity} (over by {needed - capacity})",
                    "Use a smaller network, narrower weights or another format.",
                )
            )
    CapacityError.if_any(problems)
