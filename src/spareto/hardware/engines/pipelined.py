"""Event-driven layers on an FPGA, each with hardware of its own, pipelined over the timesteps.

Reference:
    aliyev2024 (SNN-DSE): a layer and timestep take `c0 + spikes * (4 * LHR + 2)` cycles. What a convolution,
    a dense core and memories beside the chip add to it is ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, prod

from spareto.core.errors import CapacityError, Problem
from spareto.formats import Format, spike_bits
from spareto.hardware.charging import neurons
from spareto.hardware.counting.activity import arriving_train, output_train
from spareto.hardware.counting.encoders import chunks
from spareto.hardware.counting.operations import count_operations
from spareto.hardware.describing.chip import odd_parts
from spareto.hardware.describing.pipelined_chip import HELD, DenseCore, FabricMemory, Held, Pipelined
from spareto.hardware.engines._base import CostEngine, CostPlan, refuse_analog
from spareto.records.cost import ActionCost, Cost, LayerCost
from spareto.records.pipeline import Pipeline
from spareto.records.workload import Layer, Statistic, Tensor, Workload

_MEAN = (
    "timesteps take the cycles of their mean spikes; where layers wait for each other the mean over samples "
    "can be longer"
)
_CURE = "Raise 'lhr' of its layers, use narrower weights, place them elsewhere, or a smaller network."


class PipelinedEngine(CostEngine[Pipelined]):
    """Costs a workload on a pipeline of layers."""

    schema = Pipelined

    def problems(self, chip: Pipelined) -> Sequence[Problem]:
        """Components that are missing or there twice, tensors without a place, banks without a size."""
        return [*_parts(chip), *_placements(chip)]

    def layers(self, workload: Workload, chip: Pipelined, plan: CostPlan) -> Iterator[tuple[LayerCost, ...]]:
        """What every layer costs in each weight format."""
        neurons.refuse_unknown(workload)
        if chip.dense is None:
            rule = f"spikes, all that '{chip.name}' takes without a component of kind 'dense_core'"
            refuse_analog(workload, rule, "Add a dense core, or encode the input as spikes.")
        _check_room(workload, chip)
        for name, fmt in plan.weight_formats.items():
            yield tuple(_Stage.of(layer, chip, fmt, plan).cost(name) for layer in workload.layers)

    def notes(self, workload: Workload, chip: Pipelined, plan: CostPlan) -> Sequence[str]:
        """That mean spikes make mean cycles only where no layer waits."""
        return (_MEAN,) if plan.statistic == "mean" and len(workload.layers) > 1 else ()

    def pipeline(self, workload: Workload, chip: Pipelined, layers: Sequence[LayerCost]) -> Pipeline | None:
        """Buffers of one timestep between the layers, in the order they run."""
        if not layers:
            return None
        clock = chip.clock_mhz or 1.0
        return Pipeline(
            timesteps=workload.timesteps,
            stages=len(layers),
            buffers=1,
            static_pj_per_cycle={supply.name: supply.pj_per_cycle(clock) for supply in chip.supplies},
        )

    def costs(self, workload: Workload, chip: Pipelined, plan: CostPlan) -> tuple[Cost, ...]:
        """One cost a weight format, with the programmable logic the network takes."""
        used = resources(workload, chip)
        return tuple(each.replace(resources=used) for each in super().costs(workload, chip, plan))


@dataclass(frozen=True)
class _Stage:
    """One layer and its hardware.

    Args:
        layer: The layer.
        chip: The chip.
        plan: Spike format and statistic.
        stored: Bits of its weights in the storage format.
        synops: Additions, or products of a dense core.
        spikes: Spikes of each timestep.
    """

    layer: Layer
    chip: Pipelined
    plan: CostPlan
    stored: int
    synops: float
    spikes: tuple[float, ...]

    @classmethod
    def of(cls, layer: Layer, chip: Pipelined, fmt: Format, plan: CostPlan) -> _Stage:
        mask = layer.weight_mask.array()
        weights = (
            fmt.size_of(mask, layer.weight_bits, layer.weight_counts).bits if layer.stores_weights else 0
        )
        if layer.input.kind == "analog":
            synops = float(layer.dense_synops)
        else:
            done = count_operations(
                layer, int(mask.sum()), chip.core, plan.statistic, zeros_located=fmt.locates_zeros
            )
            synops = done.issued
        spikes = per_timestep(layer.input, layer.timesteps, plan.statistic)
        return cls(layer, chip, plan, weights + layer.stored_bias_bits, synops, spikes)

    def cost(self, weight_format: str) -> LayerCost:
        """Everything the layer is charged for."""
        steps = tuple(map(float, self._steps()))
        return LayerCost(
            name=self.layer.name,
            weight_format=weight_format,
            latency_cycles=sum(steps),
            stored_bits=self.stored,
            actions=tuple(action for action in self._actions() if action.count),
            steps=self.layer.timesteps,
            cycles_by_step=steps,
        )

    def _steps(self) -> Iterator[float]:
        core, layer = self.chip.core, self.layer
        weights = self.chip.bank("weights", layer)
        moved = self._weight_bits / max(sum(self.spikes), 1.0)
        for spikes in self.spikes:
            if layer.input.kind == "analog":
                cycles = dense_cycles(layer, self._dense)
                waiting = self._weight_bits / layer.timesteps
            else:
                cycles = core.start.amount + chunks(layer.input.size, int(core.chunk.amount))
                cycles += spikes * (core.spike.amount + core.accumulate.amount * self._adds_a_spike)
                cycles += core.activate.amount * neurons_a_unit(layer, core.ratio(layer))
                waiting = spikes * moved
            yield max(cycles, waiting / weights.bandwidth.amount) if weights.bandwidth else cycles

    @property
    def _dense(self) -> DenseCore:
        assert self.chip.dense is not None, "a layer of numbers without a dense core is refused"
        return self.chip.dense

    @property
    def _adds_a_spike(self) -> float:
        """Additions a unit does for one spike: `LHR` times the places of the kernel that it meets."""
        total = sum(self.spikes)
        channels = self.layer.out_channels
        met = self.synops / total / channels if total else 0.0
        return met * self.chip.core.ratio(self.layer) * self._words

    @property
    def _words(self) -> int:
        """Additions that one weight takes."""
        return ceil(self.layer.weight_bits / self.chip.core.synop_width.amount)

    @property
    def _weight_bits(self) -> float:
        """Bits of weights read: one weight an addition, or once a timestep and tile of a dense core."""
        if self.layer.input.kind != "analog":
            return self.synops * self.layer.weight_bits
        tiles = ceil(prod(self.layer.plane) / self._dense.rows.amount)
        return float(self.layer.weight_count * self.layer.weight_bits * tiles * self.layer.timesteps)

    def _actions(self) -> Iterator[ActionCost]:
        core, layer, of = self.chip.core, self.layer, ActionCost.of
        if layer.input.kind == "analog":
            dense = self._dense
            wide = ceil(layer.weight_bits / dense.mac_width.amount)
            wide *= ceil(layer.input.bits / dense.mac_width.amount)
            yield of(dense.name, "products", "multiply", self.synops * wide, dense.mac_energy.amount)
        else:
            looked = chunks(layer.input.size, int(core.chunk.amount)) * layer.timesteps
            energy = core.encode_energy.amount
            yield of(core.name, "inputs", "encode", sum(self.spikes) + looked, energy)
            adds = self.synops * self._words
            yield of(core.name, "products", "accumulate", adds, core.synop_energy.amount)
        if layer.neuron:
            updates = layer.neuron.count * layer.timesteps * neurons.actions_of(layer.neuron)
            yield of(core.name, "state", "update", updates, core.update_energy.amount)
        yield from self._moved()

    def _moved(self) -> Iterator[ActionCost]:
        """Bits to and from the memories."""
        layer, statistic = self.layer, self.plan.statistic
        yield from _moves(self.chip.bank("weights", layer), "weights", "read", self._weight_bits)
        if layer.neuron:
            wide = layer.neuron.states * layer.neuron.state_bits
            touched = layer.neuron.count * layer.timesteps * wide
            sums = self.synops * layer.neuron.state_bits if layer.input.kind == "spike" else 0.0
            for action in ("read", "write"):
                yield from _moves(self.chip.bank("state", layer), "state", action, touched + sums)
        buffer = self.chip.bank("spikes", layer)
        arriving, leaving = arriving_train(layer, statistic), output_train(layer, statistic)
        for tensor, train, what, action in (
            (layer.arriving, arriving, "inputs", "read"),
            (layer.output, leaving, "outputs", "write"),
        ):
            plain = float(train.elements * tensor.bits)
            coded = spike_bits(self.plan.spike_format, train) if tensor.kind == "spike" else plain
            yield from _moves(buffer, what, action, coded)


def per_timestep(tensor: Tensor, timesteps: int, statistic: Statistic) -> tuple[float, ...]:
    """Elements of each timestep that are not zero; of the largest sample in the proportions of the mean."""
    total = tensor.nonzero(statistic)
    if not tensor.nonzero_per_timestep or not tensor.nonzero_mean:
        return (total / timesteps,) * timesteps
    return tuple(each * total / tensor.nonzero_mean for each in tensor.nonzero_per_timestep)


def neurons_a_unit(layer: Layer, ratio: int) -> float:
    """Neurons that one hardware unit updates in a timestep: of `ratio` channels, all positions."""
    if layer.neuron is None:
        return 0.0
    return ratio * layer.neuron.count / layer.out_channels


def units_of(layer: Layer, ratio: int) -> int:
    """Hardware units of a layer."""
    return ceil(layer.out_channels / ratio)


def dense_cycles(layer: Layer, core: DenseCore) -> float:
    """Cycles of one timestep on the dense core: its tiles, each filled and drained."""
    rows, columns = core.rows.amount, core.columns.amount
    tiles = ceil(prod(layer.plane) / rows) * ceil(layer.out_channels // layer.groups / columns) * layer.groups
    inputs = layer.weight_count // layer.out_channels
    words = ceil(layer.weight_bits / core.mac_width.amount) * ceil(layer.input.bits / core.mac_width.amount)
    return tiles * (inputs * words + rows + columns - 2)


def resources(workload: Workload, chip: Pipelined) -> dict[str, float]:
    """Look-up tables, flip-flops, multipliers and memory blocks of all layers together."""
    core, dense = chip.core, chip.dense
    used = {"lut": 0.0, "ff": 0.0, "dsp": 0.0} | {bank.name: 0.0 for bank in chip.banks if bank.block}
    for layer in workload.layers:
        used["lut"] += core.control_luts.amount
        used["ff"] += core.control_ffs.amount
        units = units_of(layer, core.ratio(layer))
        if layer.input.kind == "analog" and dense:
            elements = dense.rows.amount * dense.columns.amount
            used["lut"] += elements * dense.element_luts.amount
            used["ff"] += elements * dense.element_ffs.amount
            used["dsp"] += elements * dense.element_dsps.amount
        else:
            used["lut"] += units * core.unit_luts.amount
            used["ff"] += units * core.unit_ffs.amount
        for tensor in HELD:
            bank = chip.bank(tensor, layer)
            if bank.block:
                used[bank.name] += _blocks(layer, tensor, units, bank.block.amount)
    return used


def held_bits(layer: Layer, tensor: Held) -> int:
    """Bits that a layer keeps all the time: weights as they are, states, one timestep of its input."""
    if tensor == "weights":
        bits = layer.weight_count * layer.weight_bits if layer.stores_weights else 0
        return bits + layer.stored_bias_bits
    if tensor == "state":
        return layer.neuron.count * layer.neuron.states * layer.neuron.state_bits if layer.neuron else 0
    return layer.arriving.size * layer.arriving.bits


def _blocks(layer: Layer, tensor: Held, units: int, block: float) -> int:
    """Blocks of a memory: weights and states in banks of their own for each unit, the input in one."""
    bits = held_bits(layer, tensor)
    banks = 1 if tensor == "spikes" else units
    return ceil(bits / banks / block) * banks if bits else 0


def _check_room(workload: Workload, chip: Pipelined) -> None:
    """Refuse a network that takes more logic or memory than there is; every overflow is named."""
    used, fabric = resources(workload, chip), chip.fabric
    there = {"lut": fabric.luts.amount, "ff": fabric.ffs.amount, "dsp": fabric.dsps.amount}
    there |= {bank.name: bank.blocks.amount for bank in chip.banks if bank.blocks}
    for bank in chip.banks:
        if bank.capacity:
            used[bank.name] = sum(
                held_bits(layer, tensor)
                for layer in workload.layers
                for tensor in HELD
                if chip.bank(tensor, layer) is bank
            )
            there[bank.name] = bank.capacity.amount
    CapacityError.if_any(
        Problem(
            f"{chip.name}.{name}",
            f"{amount:.0f}",
            f"at most {there[name]:.0f} (over by {amount - there[name]:.0f})",
            _CURE,
        )
        for name, amount in used.items()
        if amount > there[name]
    )


def _moves(bank: FabricMemory, tensor: str, action: str, bits: float) -> Iterator[ActionCost]:
    each = bank.read_energy if action == "read" else bank.write_energy
    if bits:
        yield ActionCost.of(bank.name, tensor, action, bits, each.amount, bits)


def _parts(chip: Pipelined) -> Iterator[Problem]:
    yield from odd_parts(chip, ("fabric", "event_core"), ("dense_core",), timed=("supply",))
    for bank in chip.banks:
        on_chip, beside = (bank.block, bank.blocks), (bank.capacity, bank.bandwidth)
        if not (all(on_chip) and not any(beside)) and not (all(beside) and not any(on_chip)):
            rule = "either 'block' and 'blocks', or 'capacity' and 'bandwidth'"
            yield Problem(f"accelerator.components.{bank.name}", "another choice of sizes", rule)


def _placements(chip: Pipelined) -> Iterator[Problem]:
    names = [bank.name for bank in chip.banks]
    for place, each in enumerate(chip.placement):
        if each.memory not in names:
            rule = f"a component of kind 'bank': {', '.join(names) or 'there is none'}"
            yield Problem(f"accelerator.placement[{place}].memory", repr(each.memory), rule)
    for tensor in HELD:
        if not any(tensor in each.tensors and each.layers == "*" for each in chip.placement):
            got, rule = f"no place for {tensor} of every layer", "one entry with layers: '*'"
            yield Problem("accelerator.placement", got, rule, f"Add {{memory: ..., tensors: [{tensor}]}}.")
