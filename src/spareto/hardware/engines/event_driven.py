"""Event-driven chips: every spike travels to the cores it concerns and wakes their synapses.

Charged are one operation per live weight that a spike meets, one message per spike and core, and one update
per neuron and timestep. Published energies of such chips already hold the core's own memories.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise, repeat
from math import ceil
from typing import Final

from spareto.core.errors import Problem
from spareto.formats import Format
from spareto.hardware.charging import neurons
from spareto.hardware.counting.activity import touched_updates
from spareto.hardware.counting.operations import count_operations
from spareto.hardware.describing.chip import odd_parts
from spareto.hardware.describing.event_chip import EventDriven
from spareto.hardware.describing.supply import idle_actions
from spareto.hardware.engines._base import CostEngine, CostPlan, refuse_analog
from spareto.hardware.placement.boxes import neuron_count
from spareto.hardware.placement.placed import Placed, Placement, place, refuse_wide, spans
from spareto.hardware.placement.routes import Route, Span, links, route
from spareto.records.cost import ActionCost, LayerCost
from spareto.records.pipeline import Pipeline
from spareto.records.workload import Layer, Statistic, Workload

_SHARED: Final = (
    "all layers take turns on one core; a network that does not fit there gets cores for every layer, "
    "which work side by side, and may take less time"
)


class EventDrivenEngine(CostEngine[EventDriven]):
    """Costs a workload on an event-driven chip."""

    schema = EventDriven

    def problems(self, chip: EventDriven) -> Sequence[Problem]:
        """Components that are missing or there twice, modes without the part they need."""
        found = [*odd_parts(chip, ("cores",), ("router", "sync", "store"), timed=("supply",))]
        return found or [*_missing_in_cores(chip)]

    def layers(
        self, workload: Workload, chip: EventDriven, plan: CostPlan
    ) -> Iterator[tuple[LayerCost, ...]]:
        """What every layer costs in each weight format."""
        neurons.refuse_unknown(workload)
        if chip.analog_inputs == "refuse":
            refuse_analog(workload, f"spikes, all that '{chip.name}' takes", "Encode the input as spikes.")
        refuse_wide(workload.layers, chip)
        for name, fmt in plan.weight_formats.items():
            mapped = [_Mapped.of(layer, chip, fmt, plan.statistic) for layer in workload.layers]
            if chip.layers == "together":
                Placement.of([each.placed for each in mapped], chip).check(chip)
            alone = chip.layers == "in_turn" or _on_one_core(workload, chip)
            there = [] if alone else spans([each.placed for each in mapped], chip)
            pairs = chain([None], pairwise(there), repeat(None))
            yield tuple(
                replace(each, between=pair).cost(chip, name, idle=alone)
                for each, pair in zip(mapped, pairs, strict=False)
            )

    def notes(self, workload: Workload, chip: EventDriven, plan: CostPlan) -> Sequence[str]:
        """That layers share a core, where a larger network would not."""
        shares = chip.layers == "together" and len(workload.layers) > 1 and _on_one_core(workload, chip)
        return (_SHARED,) if shares and chip.most_cores > 1 else ()

    def pipeline(self, workload: Workload, chip: EventDriven, layers: Sequence[LayerCost]) -> Pipeline | None:
        """How layers that work at the same time share it; None where one runs after the other."""
        if chip.layers == "in_turn" or not layers or _on_one_core(workload, chip):
            return None
        cut = [place(layer, chip, 0.0) for layer in workload.layers]
        chips = max(1, ceil(sum(layer.cores for layer in layers) / chip.cores.instances.amount))
        return Pipeline(
            timesteps=workload.timesteps,
            stages=len(layers),
            crowding=max(1.0, sum(each.slices.cores for each in cut) / chip.most_cores),
            barrier_cycles=_barrier_cycles(chip, Placement.of(cut, chip)),
            tick_cycles=chip.sync.tick.amount if chip.sync and chip.sync.tick else 0.0,
            static_pj_per_cycle={
                supply.name: chips * supply.pj_per_cycle(chip.clock_mhz or 1.0) for supply in chip.supplies
            },
        )


@dataclass(frozen=True)
class _Mapped:
    """One layer on the chip.

    Args:
        layer: The layer.
        placed: The cores it takes.
        stored: Bits of its weights.
        synops: Synaptic operations, each as wide as the cores handle; on multipliers, products.
        events: Spikes that arrive, one for each bit of an analog input that is not sent as a number.
        touched: Neuron updates with something to integrate.
        fires: Spikes its neurons send.
        dense: Whether it runs on the multipliers.
        spread: Cores that share its work.
        passes: Times the chip is filled with its neurons, one part after the other.
        between: Cores of the layer before it and its own, if spikes may have to leave a chip.
    """

    layer: Layer
    placed: Placed
    stored: int
    synops: float
    events: float
    touched: float
    fires: float
    dense: bool
    spread: int
    passes: int
    between: tuple[Span, Span] | None = None

    @classmethod
    def of(cls, layer: Layer, chip: EventDriven, fmt: Format, statistic: Statistic) -> _Mapped:
        mask = layer.weight_mask.array()
        weights = (
            fmt.size_of(mask, layer.weight_bits, layer.weight_counts).bits if layer.stores_weights else 0
        )
        stored = weights + layer.stored_bias_bits
        placed = place(layer, chip, stored)
        spread, passes = placed.slices.cores, 1
        if chip.layers == "in_turn":
            spread = min(int(chip.cores.instances.amount), neuron_count(layer))
            passes = ceil(placed.room / chip.cores.instances.amount)
        events = layer.arriving.nonzero(statistic) * _planes(layer, chip)
        located = fmt.locates_zeros or chip.cores.absent_zeros
        synops = _operations(layer, chip, int(mask.sum()), statistic, zeros_located=located)
        if chip.cores.row:
            synops = max(synops, events * placed.slices.copies * chip.cores.row.amount)
        return cls(
            layer=layer,
            placed=placed,
            stored=stored,
            synops=synops,
            events=events,
            touched=touched_updates(layer, statistic),
            fires=layer.output.nonzero(statistic) if layer.neuron else 0.0,
            dense=_is_dense(layer, chip),
            spread=spread,
            passes=passes,
        )

    def cost(self, chip: EventDriven, weight_format: str, *, idle: bool) -> LayerCost:
        """Everything the layer is charged for; what the chip draws anyway only where it has it to itself."""
        cycles = self._cycles(chip)
        charged = [
            *self._actions(chip),
            *(idle_actions(chip.supplies, chip.clock_mhz, cycles) if idle else ()),
        ]
        return LayerCost(
            name=self.layer.name,
            weight_format=weight_format,
            latency_cycles=cycles,
            stored_bits=self.stored,
            actions=tuple(action for action in charged if action.count),
            steps=self.layer.timesteps,
            cores=self.placed.room if chip.layers == "together" else 0,
        )

    def _actions(self, chip: EventDriven) -> Iterator[ActionCost]:
        cores, store, of = chip.cores, chip.store, ActionCost.of
        if self.dense and cores.array:
            yield of(cores.name, "products", "multiply", self.synops, cores.array.mac_energy.amount)
        else:
            yield of(cores.name, "products", "accumulate", self.synops, cores.synop_energy.amount)
        if chip.learning and cores.learning_energy:
            yield of(cores.name, "weights", "learn", self.synops, cores.learning_energy.amount)
        yield of(cores.name, "state", "update", self.touched, cores.update_energy.amount)
        if cores.idle_update_energy:
            idle = max(0.0, self._updates - self.touched)
            yield of(cores.name, "state", "idle_update", idle, cores.idle_update_energy.amount)
        if cores.fire_energy:
            yield of(cores.name, "outputs", "fire", self.fires, cores.fire_energy.amount)
        yield from self._messages(chip)
        if store:
            each, bits = store.read_energy.amount, self.stored
            yield of(store.name, "weights", "read", bits, each, bits)

    def _messages(self, chip: EventDriven) -> Iterator[ActionCost]:
        """Spikes on their way to the cores, and partial sums of neurons that are split over several."""
        router = chip.router
        if not router:
            return
        way, times, of = self._route(chip), self.events * self.passes, ActionCost.of
        yield of(router.name, "inputs", "spike", times * way.deliveries, router.spike_energy.amount)
        yield of(router.name, "inputs", "hop", times * way.hops, router.hop_energy.amount)
        if router.link_energy and self.between:
            crossed = links(self._copies, *self.between, int(chip.cores.instances.amount), router.routing)
            yield of(router.name, "inputs", "link", times * crossed, router.link_energy.amount)
        if self.placed.slices.parts > 1:
            sums = neuron_count(self.layer) * self.layer.timesteps * (self.placed.slices.parts - 1)
            yield of(router.name, "outputs", "partial_sum", sums, router.spike_energy.amount)

    @property
    def _copies(self) -> float:
        """Cores that a spike is for."""
        return min(self.spread, self.placed.slices.copies)

    def _route(self, chip: EventDriven) -> Route:
        router = chip.router
        assert router
        return route(
            self._copies,
            (self.placed.source, self.placed.slices.cores),
            int(chip.cores.instances.amount),
            cores_per_stop=int(router.cores_per_stop.amount) if router.cores_per_stop else 1,
            distance=router.mean_hops.amount if router.mean_hops else None,
            routing=router.routing,
        )

    def _cycles(self, chip: EventDriven) -> float:
        """The fullest core, which has the largest share of neurons and so of operations."""
        cores, count = chip.cores, neuron_count(self.layer)
        fullest = self.placed.slices.fullest
        if chip.layers == "in_turn":
            fullest = ceil(count / (self.spread * self.passes)) / count
        rate = cores.array.mac_rate if self.dense and cores.array else cores.synop_rate
        busy = self.synops / rate.amount + self.touched / cores.update_rate.amount
        if cores.idle_update_energy:
            idle = max(0.0, self._updates - self.touched)
            busy += idle / (cores.idle_update_rate or cores.update_rate).amount
        cycles = busy * fullest * self.passes
        if chip.store:
            cycles = max(cycles, self.stored / chip.store.read_bandwidth.amount)
        return float(ceil(cycles - 1e-9))

    @property
    def _updates(self) -> float:
        return self.layer.neuron.count * self.layer.timesteps if self.layer.neuron else 0.0


def _operations(
    layer: Layer, chip: EventDriven, live: int, statistic: Statistic, *, zeros_located: bool
) -> float:
    """Operations as wide as the cores, or their multipliers, handle."""
    cores = chip.cores
    if _is_dense(layer, chip) and cores.array:
        width = cores.array.mac_width.amount
        return layer.dense_synops * ceil(layer.weight_bits / width) * ceil(layer.input.bits / width)
    done = count_operations(layer, live, cores, statistic, zeros_located=zeros_located).issued
    return done * _planes(layer, chip) * ceil(layer.weight_bits / cores.synop_width.amount)


def _is_dense(layer: Layer, chip: EventDriven) -> bool:
    return chip.analog_inputs == "mac_array" and layer.input.kind == "analog"


def _planes(layer: Layer, chip: EventDriven) -> int:
    """Events an input is sent as."""
    if layer.input.kind == "spike":
        return 1
    if chip.analog_inputs == "bit_planes":
        return layer.input.bits
    payload = chip.cores.payload.amount if chip.cores.payload else layer.input.bits
    return ceil(layer.input.bits / payload)


def _missing_in_cores(chip: EventDriven) -> Iterator[Problem]:
    """What a mode needs that the cores do not have."""
    if chip.cores.synapse_memory is None and chip.store is None:
        cure = "Say how much the cores hold, or add a component of kind 'store'."
        yield Problem("accelerator.components", "no memory for weights", "one", cure)
    for mode, key, part in (
        ("graded", "payload", chip.cores.payload),
        ("mac_array", "array", chip.cores.array),
    ):
        if chip.analog_inputs == mode and part is None:
            yield Problem(
                "accelerator.analog_inputs", repr(mode), f"cores with '{key}'", f"Give the cores '{key}'."
            )
    yield from _busy_idling(chip)
    if chip.learning and chip.cores.learning_energy is None:
        cure = "Give the cores 'learning_energy'."
        yield Problem("accelerator.learning", "true", "cores that say what it costs", cure)


def _busy_idling(chip: EventDriven) -> Iterator[Problem]:
    """Neurons that received nothing do no more than those that did."""
    cores, where = chip.cores, "accelerator.components.cores"
    if cores.idle_update_energy and cores.idle_update_energy.amount > cores.update_energy.amount:
        rule = f"at most the 'update_energy' of {cores.update_energy.amount:g} pJ"
        yield Problem(f"{where}.idle_update_energy", f"{cores.idle_update_energy.amount:g} pJ", rule)
    if cores.idle_update_rate and cores.idle_update_rate.amount < cores.update_rate.amount:
        rule = f"at least the 'update_rate' of {cores.update_rate.amount:g} ops/cycle"
        yield Problem(f"{where}.idle_update_rate", f"{cores.idle_update_rate.amount:g} ops/cycle", rule)


def _on_one_core(workload: Workload, chip: EventDriven) -> bool:
    """Whether all layers share a single core, one after the other."""
    return Placement.of([place(layer, chip, 0.0) for layer in workload.layers], chip).one_core


def _barrier_cycles(chip: EventDriven, placement: Placement) -> float:
    """The barrier over the cores and chips in use."""
    if not chip.sync:
        return 0.0
    most = chip.sync.barrier.amount
    least = chip.sync.barrier_least.amount if chip.sync.barrier_least else most
    cores = chip.cores.instances.amount
    share = min(1.0, (placement.cores - 1) / (cores - 1)) if cores > 1 else 1.0
    further = chip.sync.chip_barrier.amount * (placement.chips - 1) if chip.sync.chip_barrier else 0.0
    return least + (most - least) * share + further
