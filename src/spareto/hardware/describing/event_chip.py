"""What the description of an event-driven chip may say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from spareto.core.config import Record
from spareto.core.units import (
    Bits,
    BitsPerCycle,
    Cycles,
    Energy,
    EnergyPerBit,
    Hops,
    Instances,
    OpsPerCycle,
    Width,
)
from spareto.hardware.describing.accelerator import OnZero
from spareto.hardware.describing.chip import Chip, ChipPart, one_part, part_if_any, parts_of
from spareto.hardware.describing.supply import Supply


class MacArray(Record):
    """Multipliers beside a core, which run a layer with analog inputs densely.

    Args:
        mac_energy: One multiply-accumulate, memories included.
        mac_width: Width of weight and input it handles; wider ones take several.
        mac_rate: Multiply-accumulates a cycle of one core.
    """

    mac_energy: Energy
    mac_width: Width
    mac_rate: OpsPerCycle


class EventUnits(ChipPart):
    """Units that events wake."""

    @property
    def zero_inputs(self) -> OnZero:
        """A silent input sends no event."""
        return "skip"

    @property
    def skip_window(self) -> int:
        """An event stands for one timestep."""
        return 1


class Cores(EventUnits):
    """The cores: synapses and neurons.

    Args:
        instances: How many there are on a chip.
        neurons: Neurons one core holds.
        axons: Different inputs one core takes; None without limit.
        fan_in: Inputs one neuron takes; None without limit.
        synapse_memory: Bits of weights one core holds, metadata included; None if they are streamed in.
        kernels: Whether a convolution's weights are stored once (`shared`) or for every neuron (`unrolled`).
        synop_energy: One synaptic operation, the core's own memory accesses included.
        synop_width: Width of a weight that one operation handles; a wider one takes several.
        synop_rate: Synaptic operations a cycle of one core.
        row: Synapses that every event visits in a core, used or not; None if only those that are there.
        zero_weights: What happens on a zero weight: skipping needs a format that locates zeros.
        absent_zeros: Whether a zero weight is no synapse at all, as in a crossbar of switches or a list of
            connections, whatever the format.
        update_energy: Updating one neuron that received something.
        idle_update_energy: Updating one that did not; left out where a chip does not visit it.
        update_rate: Neuron updates a cycle of one core.
        idle_update_rate: The same for neurons that received nothing; None if they take as long.
        fire_energy: A neuron that fires; None where it is part of the update.
        learning_energy: Changing one synapse after its operation, where the chip learns.
        payload: Bits a graded spike carries; an event is one bit without.
        array: Multipliers for layers with analog inputs.
    """

    kind: Literal["cores"]
    instances: Instances
    neurons: Instances
    axons: Instances | None = None
    fan_in: Instances | None = None
    synapse_memory: Bits | None = None
    kernels: Literal["shared", "unrolled"] = "shared"
    synop_energy: Energy
    synop_width: Width
    synop_rate: OpsPerCycle
    row: Instances | None = None
    zero_weights: Literal["skip", "compute"]
    absent_zeros: Annotated[bool, Field(strict=True)] = False
    update_energy: Energy
    idle_update_energy: Energy | None = None
    update_rate: OpsPerCycle
    idle_update_rate: OpsPerCycle | None = None
    fire_energy: Energy | None = None
    learning_energy: Energy | None = None
    payload: Width | None = None
    array: MacArray | None = None


class Router(ChipPart):
    """The network between the cores.

    Args:
        spike_energy: Handing one spike to a core.
        hop_energy: Each hop to a core further away.
        mean_hops: Hops of a spike on average; None if they follow from where the layers are placed.
        cores_per_stop: Cores that share one stop of the network.
        routing: Whether a spike for several cores is sent to each (`unicast`) or branches (`multicast`).
        link_energy: Sending one spike to another chip.
    """

    kind: Literal["router"]
    spike_energy: Energy
    hop_energy: Energy
    mean_hops: Hops | None = None
    cores_per_stop: Instances | None = None
    routing: Literal["unicast", "multicast"] = "unicast"
    link_energy: Energy | None = None


class Sync(ChipPart):
    """What ends a timestep.

    Args:
        barrier: Cycles of the barrier that all cores of a chip wait at.
        barrier_least: Cycles of a barrier of one core; it grows with the cores in use. None if it does not.
        chip_barrier: Cycles it takes longer for each further chip.
        tick: Cycles a timestep takes at least: the pace of a chip that works in real time.
    """

    kind: Literal["sync"]
    barrier: Cycles
    barrier_least: Cycles | None = None
    chip_barrier: Cycles | None = None
    tick: Cycles | None = None


class Store(ChipPart):
    """The memory outside the cores that weights are streamed from.

    Args:
        read_energy: Energy of reading one bit.
        read_bandwidth: Bits per cycle.
    """

    kind: Literal["store"]
    read_energy: EnergyPerBit
    read_bandwidth: BitsPerCycle


Component = Annotated[Cores | Router | Sync | Store | Supply, Field(discriminator="kind")]


class EventDriven(Chip):
    """An event-driven chip.

    Args:
        components: One of kind `cores`; at most one `router`, `sync` and `store`; any `supply`.
        layers: Whether all layers are on the chip `together` and work at the same time, or run `in_turn` and
            have it to themselves.
        chips: Most chips that are used together; one without it.
        analog_inputs: How a b-bit analog input is sent: an event for each of its `bit_planes`, `graded`
            spikes of `payload` bits, as numbers to a `mac_array`, or `refuse`.
        wide_neurons: What happens to a neuron with more inputs than a core takes: it is `split` over cores
            whose partial sums travel as messages, or `refuse`.
        learning: Whether synapses change while the network runs.
    """

    kind: Literal["event_driven"]
    components: tuple[Component, ...]
    layers: Literal["together", "in_turn"]
    chips: Instances | None = None
    analog_inputs: Literal["bit_planes", "graded", "mac_array", "refuse"]
    wide_neurons: Literal["split", "refuse"] = "split"
    learning: Annotated[bool, Field(strict=True)] = False

    cores = one_part(Cores, "Synapses and neurons.")
    router = part_if_any(Router, "The network between the cores.")
    sync = part_if_any(Sync, "What ends a timestep.")
    store = part_if_any(Store, "The memory outside the cores.")
    supplies = parts_of(Supply, "What is drawn all the time.")

    @property
    def most_chips(self) -> int:
        """Chips that may be used together."""
        return int(self.chips.amount) if self.chips else 1

    @property
    def most_cores(self) -> int:
        """Cores of all chips."""
        return int(self.cores.instances.amount) * self.most_chips

    @property
    def memory_bits(self) -> float:
        """Synapse memory of all cores of a chip; 0 if weights are streamed."""
        memory = self.cores.synapse_memory
        return memory.amount * self.cores.instances.amount if memory else 0.0

    @property
    def peak_ops_per_cycle(self) -> float:
        """Synaptic operations of all cores of a chip."""
        return self.cores.synop_rate.amount * self.cores.instances.amount

    @property
    def principle(self) -> str:
        """How it works, in one line."""
        return "all layers on the chip" if self.layers == "together" else "one layer after the other"
