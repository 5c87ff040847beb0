"""Event-driven chips: every spike travels to the cores it concerns and wakes their synapses.

What is charged: an operation a live weight that a spike meets, a message a spike and core, an update a
neuron and timestep. Published energies of such chips already hold the core's own memories.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Annotated, Literal

from pydantic import Field

from spareto.core.config import Record
from spareto.core.errors import ConfigError, Problem
from spareto.core.units import (
    Bits,
    BitsPerCycle,
    Energy,
    EnergyPerBit,
    Hops,
    Instances,
    OpsPerCycle,
    Width,
)
from spareto.hardware import neurons
from spareto.hardware.accelerator import OnZero
from spareto.hardware.activity import touched_updates
from spareto.hardware.chip import Chip
from spareto.hardware.engines._base import Engine, Plan
from spareto.hardware.engines._supply import Supply, idle_action
from spareto.hardware.formats import Format
from spareto.hardware.mapping.capacity import CapacityError
from spareto.hardware.operations import count_operations
from spareto.records.cost import ActionCost, LayerCost
from spareto.records.workload import Layer, Statistic, Workload


class Cores(Record):
    """The cores: synapses and neurons.

    Args:
        instances: How many.
        neurons: Neurons one core holds.
        synapse_memory: Bits of weights one core holds, metadata included; None if they are streamed in.
        synop_energy: One synaptic operation, the core's own memory accesses included.
        synop_width: Width of a weight that one operation handles; a wider one takes several.
        synop_rate: Synaptic operations a cycle of one core.
        zero_weights: What happens on a zero weight: skipping needs a format that locates zeros.
        update_energy: Updating one neuron that received something.
        idle_update_energy: Updating one that did not; left out where a chip does not visit it.
        update_rate: Neuron updates a cycle of one core.
    """

    kind: Literal["cores"]
    name: str
    about: str = ""
    instances: Instances
    neurons: Instances
    synapse_memory: Bits | None = None
    synop_energy: Energy
    synop_width: Width
    synop_rate: OpsPerCycle
    zero_weights: Literal["skip", "compute"]
    update_energy: Energy
    idle_update_energy: Energy | None = None
    update_rate: OpsPerCycle

    @property
    def zero_inputs(self) -> OnZero:
        """A silent input sends no event."""
        return "skip"

    @property
    def skip_window(self) -> int:
        """An event stands for one timestep."""
        return 1


class Router(Record):
    """The network between the cores.

    Args:
        spike_energy: Sending one spike to a core nearby.
        hop_energy: Each hop to a core further away.
        mean_hops: Hops of a spike on average.
    """

    kind: Literal["router"]
    name: str
    about: str = ""
    spike_energy: Energy
    hop_energy: Energy
    mean_hops: Hops


class Store(Record):
    """The memory outside the cores that weights are streamed from.

    Args:
        read_energy: Energy of reading one bit.
        read_bandwidth: Bits a cycle.
    """

    kind: Literal["store"]
    name: str
    about: str = ""
    read_energy: EnergyPerBit
    read_bandwidth: BitsPerCycle


Component = Annotated[Cores | Router | Store | Supply, Field(discriminator="kind")]


class EventDriven(Chip):
    """An event-driven chip.

    Args:
        components: One of kind `cores`; at most one `router`, `store` and `supply`.
        layers: Whether all layers are on the chip `together`, or run `in_turn` and have it to themselves.
        analog_inputs: Events a b-bit analog input is sent as: one for each of its `bit_planes`, or `refuse`.
    """

    kind: Literal["event_driven"]
    components: tuple[Component, ...]
    layers: Literal["together", "in_turn"]
    analog_inputs: Literal["bit_planes", "refuse"]

    @property
    def parts(self) -> tuple[Component, ...]:
        """Its components."""
        return self.components

    @property
    def cores(self) -> Cores:
        """Synapses and neurons."""
        return next(part for part in self.components if isinstance(part, Cores))

    @property
    def router(self) -> Router | None:
        """The network between the cores."""
        return next((part for part in self.components if isinstance(part, Router)), None)

    @property
    def store(self) -> Store | None:
        """The memory outside the cores."""
        return next((part for part in self.components if isinstance(part, Store)), None)

    @property
    def supply(self) -> Supply | None:
        """What is drawn all the time."""
        return next((part for part in self.components if isinstance(part, Supply)), None)

    @property
    def memory_bits(self) -> float:
        """Synapse memory of all cores; 0 if weights are streamed."""
        memory = self.cores.synapse_memory
        return memory.amount * self.cores.instances.amount if memory else 0.0

    @property
    def peak_ops_per_cycle(self) -> float:
        """Synaptic operations of all cores."""
        return self.cores.synop_rate.amount * self.cores.instances.amount

    @property
    def principle(self) -> str:
        """How it works, in one line."""
        return "all layers on the chip" if self.layers == "together" else "one layer after the other"


class EventDrivenEngine(Engine[EventDriven]):
    """Costs a workload on an event-driven chip."""

    schema = EventDriven

    def problems(self, chip: EventDriven) -> Sequence[Problem]:
        """Components that are missing or there twice."""
        kinds = [part.kind for part in chip.components]
        found = [
            Problem("accelerator.components", f"{kinds.count(kind)} of kind '{kind}'", "at most one")
            for kind in ("router", "store", "supply")
            if kinds.count(kind) > 1
        ]
        if kinds.count("cores") != 1:
            found.append(
                Problem("accelerator.components", f"{kinds.count('cores')} of kind 'cores'", "exactly one")
            )
        elif chip.cores.synapse_memory is None and chip.store is None:
            cure = "Say how much the cores hold, or add a component of kind 'store'."
            found.append(Problem("accelerator.components", "no memory for weights", "one", cure))
        if "supply" in kinds and chip.clock is None:
            found.append(Problem("accelerator.clock", "nothing", "a clock, to turn cycles into time"))
        return found

    def layers(self, workload: Workload, chip: EventDriven, plan: Plan) -> Iterator[tuple[LayerCost, ...]]:
        """What every layer costs in each weight format."""
        neurons.refuse_unknown(workload)
        _refuse_analog(workload, chip)
        for name, fmt in plan.weight_formats.items():
            mapped = [_Mapped.of(layer, chip, fmt, plan.statistic) for layer in workload.layers]
            _check_room(chip, mapped)
            yield tuple(each.cost(chip, name) for each in mapped)


@dataclass(frozen=True)
class _Mapped:
    """One layer on the chip.

    Args:
        layer: The layer.
        stored: Bits of its weights.
        synops: Synaptic operations, each as wide as the cores handle.
        events: Spikes that arrive, one for each bit of an analog input.
        touched: Neuron updates with something to integrate.
        spread: Cores its neurons are spread over. Cores added for their memory alone make it no faster, so
            that the time does not depend on how weights are stored.
        room: Cores it takes, for its neurons or for its weights.
        passes: Times the chip is filled with its neurons, one part after the other.
    """

    layer: Layer
    stored: int
    synops: float
    events: float
    touched: float
    spread: int
    room: int
    passes: int

    @classmethod
    def of(cls, layer: Layer, chip: EventDriven, fmt: Format, statistic: Statistic) -> _Mapped:
        cores, mask = chip.cores, layer.weight_mask.array()
        planes = layer.input.bits if layer.input.kind == "analog" else 1
        slices = ceil(layer.weight_bits / cores.synop_width.amount)
        done = count_operations(
            layer, int(mask.sum()), cores, statistic, zeros_located=fmt.locates_zeros
        ).issued
        stored = fmt.size(mask, layer.weight_bits).bits
        spread = room = _cores_for(_neurons(layer), cores.neurons.amount)
        if cores.synapse_memory:
            room = max(room, _cores_for(stored, cores.synapse_memory.amount))
        passes = 1
        if chip.layers == "in_turn":
            spread = min(int(cores.instances.amount), _neurons(layer))
            passes = ceil(room / cores.instances.amount)
        return cls(
            layer=layer,
            stored=stored,
            synops=done * planes * slices,
            events=layer.input.nonzero(statistic) * planes,
            touched=touched_updates(layer, statistic),
            spread=spread,
            room=room,
            passes=passes,
        )

    def cost(self, chip: EventDriven, weight_format: str) -> LayerCost:
        """Everything the layer is charged for."""
        cycles = self._cycles(chip)
        charged = [*self._actions(chip), *idle_action(chip.supply, chip.clock_mhz, cycles)]
        return LayerCost(
            name=self.layer.name,
            weight_format=weight_format,
            latency_cycles=cycles,
            stored_bits=self.stored,
            actions=tuple(action for action in charged if action.count),
        )

    def _actions(self, chip: EventDriven) -> Iterator[ActionCost]:
        cores, router, store = chip.cores, chip.router, chip.store
        yield _action(cores.name, "products", "accumulate", self.synops, cores.synop_energy.amount)
        yield _action(cores.name, "state", "update", self.touched, cores.update_energy.amount)
        if cores.idle_update_energy:
            idle = max(0.0, self._updates - self.touched)
            yield _action(cores.name, "state", "idle_update", idle, cores.idle_update_energy.amount)
        if router:
            sent = self.events * self._copies(chip) * self.passes
            yield _action(router.name, "inputs", "spike", sent, router.spike_energy.amount)
            hops = sent * router.mean_hops.amount
            yield _action(router.name, "inputs", "hop", hops, router.hop_energy.amount)
        if store:
            energy = self.stored * store.read_energy.amount
            yield ActionCost(
                component=store.name,
                tensor="weights",
                action="read",
                count=self.stored,
                energy_pj=energy,
                bits=self.stored,
            )

    def _cycles(self, chip: EventDriven) -> float:
        """The fullest core, which has the largest share of neurons and so of operations."""
        cores, count = chip.cores, _neurons(self.layer)
        fullest = ceil(count / (self.spread * self.passes)) / count
        visited = self._updates if cores.idle_update_energy else self.touched
        busy = self.synops / cores.synop_rate.amount + visited / cores.update_rate.amount
        cycles = busy * fullest * self.passes
        if chip.store:
            cycles = max(cycles, self.stored / chip.store.read_bandwidth.amount)
        return float(ceil(cycles - 1e-9))

    @property
    def _updates(self) -> float:
        return self.layer.neuron.count * self.layer.timesteps if self.layer.neuron else 0.0

    def _copies(self, chip: EventDriven) -> int:
        """Cores an event goes to: as few as hold the neurons that one input reaches."""
        layer = self.layer
        reached = layer.dense_synops / (layer.input.size * layer.timesteps)
        return min(self.spread, _cores_for(reached, chip.cores.neurons.amount))


def _neurons(layer: Layer) -> int:
    """Neurons of a layer; without any, its outputs, which accumulate all the same."""
    return layer.neuron.count if layer.neuron else layer.output.size


def _cores_for(needed: float, each: float) -> int:
    return max(1, ceil(needed / each))


def _action(component: str, tensor: str, action: str, count: float, each_pj: float) -> ActionCost:
    return ActionCost(
        component=component, tensor=tensor, action=action, count=count, energy_pj=count * each_pj
    )


def _refuse_analog(workload: Workload, chip: EventDriven) -> None:
    if chip.analog_inputs == "refuse":
        wrong = [
            Problem(
                f"layer '{layer.name}'",
                "analog inputs",
                f"spikes, all that '{chip.name}' takes",
                "Encode the input as spikes.",
            )
            for layer in workload.layers
            if layer.input.kind == "analog"
        ]
        if wrong:
            raise ConfigError(wrong)


def _check_room(chip: EventDriven, mapped: Sequence[_Mapped]) -> None:
    """Refuse a network that is to be on the chip as a whole and is too large for it."""
    if chip.layers == "in_turn":
        return
    wanted, there = sum(each.room for each in mapped), int(chip.cores.instances.amount)
    if wanted > there:
        raise CapacityError(
            Problem(
                f"{chip.name}.{chip.cores.name}",
                f"a network of {wanted} cores",
                f"at most {there} (over by {wanted - there})",
                "Use a smaller network or narrower weights.",
            )
        )
