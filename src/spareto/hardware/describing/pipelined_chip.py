"""What the description of a pipeline of event-driven layers on an FPGA may say.

Reference:
    aliyev2024, and the tool SNN-DSE beside it: controllers, cycles of a spike, chunks of an encoder.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field

from spareto.core.config import Record
from spareto.core.units import Bits, BitsPerCycle, Cycles, Energy, EnergyPerBit, Instances, Width
from spareto.hardware.describing.chip import Chip, ChipPart, one_part, part_if_any, parts_of
from spareto.hardware.describing.event_chip import EventUnits
from spareto.hardware.describing.supply import Supply
from spareto.records.layer import Layer

Held = Literal["weights", "state", "spikes"]
HELD: tuple[Held, ...] = ("weights", "state", "spikes")


class Fabric(ChipPart):
    """The programmable logic.

    Args:
        luts: Look-up tables there are.
        ffs: Flip-flops there are.
        dsps: Multipliers there are.
    """

    kind: Literal["fabric"]
    luts: Instances
    ffs: Instances
    dsps: Instances


class FabricMemory(ChipPart):
    """A memory, in blocks on the chip or beside it.

    Args:
        block: Bits of one block; None for a memory beside the chip.
        blocks: Blocks there are; None for a memory beside the chip.
        capacity: Bits of a memory beside the chip.
        bandwidth: Bits per cycle that a layer gets of a memory beside the chip; blocks keep pace with units.
        read_energy: Energy of reading a bit.
        write_energy: Energy of writing one.
    """

    kind: Literal["bank"]
    block: Bits | None = None
    blocks: Instances | None = None
    capacity: Bits | None = None
    bandwidth: BitsPerCycle | None = None
    read_energy: EnergyPerBit
    write_energy: EnergyPerBit


class LayerRatio(Record):
    """A logical-to-hardware ratio for some layers.

    Args:
        layers: Pattern of their names.
        lhr: Neurons, or channels of a convolution, that one hardware unit computes in turn.
    """

    layers: str
    lhr: Instances


class EventCore(EventUnits):
    """What each layer that gets spikes is built of: a controller, an encoder, hardware units.

    A timestep takes `start + ceil(inputs / chunk) + activate * neurons a unit` cycles, the c0 of the
    published model, and `spike + accumulate * lhr` cycles per spike: `4 * LHR + 2`. A spike of a convolution
    adds at each place of the kernel that it meets.

    Args:
        lhr: Neurons, or channels of a convolution, that one hardware unit computes in turn.
        layer_lhr: Other ratios for some layers; the first pattern that matches a layer counts.
        chunk: Inputs the priority encoder looks at in a cycle.
        start: Cycles of the controller a timestep.
        spike: Cycles a spike takes whatever it meets: found by the encoder, handed on.
        accumulate: Cycles of one addition of a unit.
        activate: Cycles of a neuron's update.
        zero_weights: Whether a unit adds zero weights too, or has none of them in its list; then a format
            that locates zeros is needed.
        synop_energy: One addition, without memory.
        synop_width: Bits of weight it handles; a wider one takes several.
        update_energy: One action of an update: leak, integrate, compare.
        encode_energy: Finding a spike, or looking at a chunk.
        unit_luts: Look-up tables of a unit.
        unit_ffs: Flip-flops of a unit.
        control_luts: Look-up tables of a layer's controller and encoder.
        control_ffs: Flip-flops of a layer's controller and encoder.
    """

    kind: Literal["event_core"]
    lhr: Instances
    layer_lhr: tuple[LayerRatio, ...] = ()
    chunk: Width
    start: Cycles
    spike: Cycles
    accumulate: Cycles
    activate: Cycles
    zero_weights: Literal["skip", "compute"]
    synop_energy: Energy
    synop_width: Width
    update_energy: Energy
    encode_energy: Energy
    unit_luts: Instances
    unit_ffs: Instances
    control_luts: Instances
    control_ffs: Instances

    def ratio(self, layer: Layer) -> int:
        """Neurons or channels a unit of a layer computes in turn, at most all there are."""
        own = (each.lhr for each in self.layer_lhr if fnmatchcase(layer.name, each.layers))
        return min(int(next(own, self.lhr).amount), layer.out_channels)


class DenseCore(ChipPart):
    """A systolic array for a layer that gets numbers: the first one, where the image itself comes in.

    Each tile of `rows` pixels and `columns` channels takes as many cycles as an output has inputs, and
    `rows + columns - 2` to fill and drain.

    Args:
        rows: Rows, of output pixels.
        columns: Columns, of output channels.
        mac_energy: One multiply-accumulate, without memory.
        mac_width: Bits of weight and input it handles; wider ones take several.
        element_luts: Look-up tables of a processing element.
        element_ffs: Flip-flops of a processing element.
        element_dsps: Multipliers of a processing element.
    """

    kind: Literal["dense_core"]
    rows: Instances
    columns: Instances
    mac_energy: Energy
    mac_width: Width
    element_luts: Instances
    element_ffs: Instances
    element_dsps: Instances


class Placing(Record):
    """Where something is kept.

    Args:
        memory: Name of the memory.
        tensors: What is kept there.
        layers: Pattern of the layers' names.
    """

    memory: str
    tensors: Annotated[tuple[Held, ...], Field(min_length=1)]
    layers: str = "*"


Component = Annotated[Fabric | FabricMemory | EventCore | DenseCore | Supply, Field(discriminator="kind")]


class Pipelined(Chip):
    """Layers side by side, each with hardware of its own, a timestep behind each other.

    Between two layers there is a buffer of one timestep. A layer that has finished waits until the next one
    has taken the timestep before.

    Args:
        components: One `fabric`, one `event_core`, at most one `dense_core`, memories of kind `bank`, any
            `supply`.
        placement: Where weights, states and spikes are kept; the first entry that names a tensor and
            matches a layer counts.
    """

    kind: Literal["pipelined"]
    components: tuple[Component, ...]
    placement: Annotated[tuple[Placing, ...], Field(min_length=1)]

    core = one_part(EventCore, "What layers that get spikes are built of.")
    dense = part_if_any(DenseCore, "What layers that get numbers are built of.")
    fabric = one_part(Fabric, "The programmable logic.")
    banks = parts_of(FabricMemory, "Its memories.")
    supplies = parts_of(Supply, "What is drawn all the time.")

    def bank(self, tensor: Held, layer: Layer) -> FabricMemory:
        """Where a tensor of a layer is kept."""
        name = next(
            each.memory
            for each in self.placement
            if tensor in each.tensors and fnmatchcase(layer.name, each.layers)
        )
        return next(bank for bank in self.banks if bank.name == name)

    @property
    def memory_bits(self) -> float:
        """Bits of all memories."""
        blocks = (bank.block.amount * bank.blocks.amount for bank in self.banks if bank.block and bank.blocks)
        return sum(blocks) + sum(bank.capacity.amount for bank in self.banks if bank.capacity)

    @property
    def peak_ops_per_cycle(self) -> float:
        """Additions per cycle if the whole fabric were units."""
        return self.fabric.luts.amount / self.core.unit_luts.amount / max(self.core.accumulate.amount, 1.0)

    @property
    def principle(self) -> str:
        """How it works, in one line."""
        return "every layer its own hardware, pipelined over the timesteps"
