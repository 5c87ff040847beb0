"""What the description of a chip of crossbars may say: arrays that multiply where weights are stored."""

from __future__ import annotations

from math import ceil, log2
from typing import Annotated, Literal

from pydantic import Field

from spareto.core.units import (
    Area,
    Bits,
    Cycles,
    Energy,
    EnergyPerBit,
    Hops,
    Instances,
    OpsPerCycle,
    Width,
)
from spareto.hardware.describing.accelerator import NeuronUnit
from spareto.hardware.describing.chip import Chip, ChipPart, one_part, parts_of
from spareto.hardware.describing.supply import Supply


class Arrays(ChipPart):
    """The crossbars.

    A weight takes as many neighbouring cells of a row as its bits need. A column adds up what its cells let
    through.

    Args:
        instances: How many there are; None for as many as a network takes.
        rows: Rows of one.
        columns: Columns of one.
        cell_bits: Bits of a cell.
        polarity: Whether negative weights are stored with an offset in the same cells, or in a second array
            that is subtracted (`pairs`).
        active_rows: Rows that are driven at once; None for all.
        halved_sums: Whether columns whose sum could pass half of the range are stored negated, so that sums
            need a bit less.
        read_energy: One cell for one pulse on its row, on average over the values it holds.
        read_time: One pulse until the columns have settled.
        write_energy: Writing one cell; None where nothing is written while a network runs.
        write_time: Writing one row of cells.
        area: One array with its cells.
    """

    kind: Literal["arrays"]
    instances: Instances | None = None
    rows: Instances
    columns: Instances
    cell_bits: Width
    polarity: Literal["offset", "pairs"]
    active_rows: Instances | None = None
    halved_sums: Annotated[bool, Field(strict=True)] = False
    read_energy: Energy
    read_time: Cycles
    write_energy: Energy | None = None
    write_time: Cycles | None = None
    area: Area | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of one."""
        return int(self.rows.amount), int(self.columns.amount)

    @property
    def at_once(self) -> int:
        """Rows that are driven at once."""
        return min(int(self.active_rows.amount), self.size[0]) if self.active_rows else self.size[0]

    @property
    def signs(self) -> int:
        """Arrays that hold one array's worth of weights: 2 where the negative ones have their own."""
        return 2 if self.polarity == "pairs" else 1

    def cells(self, bits: int) -> int:
        """Cells of a row that a weight takes."""
        return ceil(bits / int(self.cell_bits.amount))


class RowDriver(ChipPart):
    """The digital-to-analog converter of a row.

    Args:
        resolution: Bits of an input that one pulse carries; wider inputs take several pulses.
        energy: One pulse on a row.
        zero_inputs: Whether a zero input is driven like any other, or costs nothing.
        area: One.
    """

    kind: Literal["dac"]
    resolution: Width
    energy: Energy
    zero_inputs: Literal["skip", "compute"]
    area: Area | None = None


class Converter(ChipPart):
    """The analog-to-digital converter of some columns, with the shift-and-add behind it.

    Args:
        resolution: Bits it gives.
        energy: One conversion.
        rate: Conversions a cycle; the next pulse is driven meanwhile.
        columns: Columns that share one.
        add_energy: One shift-and-add, which puts cells, pulses and arrays together.
        area: One, with its shift-and-add.
    """

    kind: Literal["adc"]
    resolution: Width
    energy: Energy
    rate: OpsPerCycle
    columns: Instances
    add_energy: Energy
    area: Area | None = None


class Buffer(ChipPart):
    """The memory of a tile, for inputs, outputs, partial sums and states.

    Args:
        arrays: Arrays that share one.
        read_energy: One bit.
        write_energy: One bit.
        capacity: Bits of one.
        area: One.
    """

    kind: Literal["buffer"]
    arrays: Instances
    read_energy: EnergyPerBit
    write_energy: EnergyPerBit
    capacity: Bits
    area: Area | None = None


class Interconnect(ChipPart):
    """What carries inputs to the tiles.

    Args:
        arrays: Arrays that share one node of it.
        energy: One bit over one hop.
        mean_hops: Hops from one layer to the next.
        area: One node.
    """

    kind: Literal["interconnect"]
    arrays: Instances
    energy: EnergyPerBit
    mean_hops: Hops
    area: Area | None = None


class AddressTables(ChipPart):
    """What tells, round by round, which inputs and rows an epitome takes and where its sums go.

    Args:
        read_energy: One bit.
        capacity: Bits of one memory; a layer takes as many as its tables fill.
        area: One memory.
    """

    kind: Literal["tables"]
    read_energy: EnergyPerBit
    capacity: Bits
    area: Area | None = None


Component = Annotated[
    Arrays | RowDriver | Converter | Buffer | Interconnect | AddressTables | NeuronUnit | Supply,
    Field(discriminator="kind"),
]
ONE_OF_EACH = ("arrays", "dac", "adc", "buffer", "interconnect", "tables", "neuron")


class CrossbarChip(Chip):
    """A chip of crossbars: weights stay in their cells, inputs come as pulses on the rows.

    Args:
        components: One each of kind `arrays`, `dac`, `adc`, `buffer`, `interconnect`, `tables` and `neuron`;
            any `supply`.
        accumulator_width: Bits of a partial sum between rounds.
    """

    kind: Literal["crossbar"]
    components: tuple[Component, ...]
    accumulator_width: Width

    arrays = one_part(Arrays, "The crossbars.")
    dac = one_part(RowDriver, "What drives a row.")
    adc = one_part(Converter, "What reads a column.")
    buffer = one_part(Buffer, "The memory of a tile.")
    interconnect = one_part(Interconnect, "What carries inputs to the tiles.")
    tables = one_part(AddressTables, "The address tables.")
    neuron = one_part(NeuronUnit, "What updates the neurons.")
    supplies = parts_of(Supply, "What is drawn all the time.")

    @property
    def memory_bits(self) -> float:
        """Bits of all cells, where their number is stated, and of one buffer for each tile of them."""
        count = self.arrays.instances.amount if self.arrays.instances else 1.0
        rows, columns = self.arrays.size
        cells = count * rows * columns * self.arrays.cell_bits.amount
        return cells + ceil(count / self.buffer.arrays.amount) * self.buffer.capacity.amount

    @property
    def pulse_cycles(self) -> float:
        """Cycles of one pulse on a full array: until the last of its columns is converted."""
        return self.cycles_of(self.arrays.size[1])

    def cycles_of(self, columns: int) -> float:
        """Cycles of one pulse on an array of which so many columns are converted."""
        shared = int(self.adc.columns.amount)
        return max(self.arrays.read_time.amount, min(shared, columns) / self.adc.rate.amount)

    @property
    def peak_ops_per_cycle(self) -> float:
        """Products of a cell and a pulse, of all arrays where their number is stated, else of one."""
        count = self.arrays.instances.amount if self.arrays.instances else 1.0
        return count * self.arrays.at_once * self.arrays.size[1] / self.pulse_cycles

    @property
    def principle(self) -> str:
        """How it works, in one line."""
        return "weights in crossbars, one layer after the other"

    def sum_bits(self, rows: int) -> int:
        """Bits of the largest sum of a column over so many rows that are driven at once."""
        most = (
            rows * (2 ** int(self.arrays.cell_bits.amount) - 1) * (2 ** int(self.dac.resolution.amount) - 1)
        )
        return ceil(log2(most + 1)) - (1 if self.arrays.halved_sums else 0)
