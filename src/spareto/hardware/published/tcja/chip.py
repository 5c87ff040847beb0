"""The study's array in the terms of the Timeloop accounting: what is known of it, and what was fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np

from spareto.core.config import Record
from spareto.core.units import Bits, Energy, Quantity, Unit, Words
from spareto.hardware.published.tcja.network import Ratio
from spareto.hardware.timeloop import Amount, Saving, Store

FORMATS: Final = ("uop", "bitmask", "cp", "rle")
OPERATIONS: Final = "operations"
TERNARY_BITS: Final = 2  # symmetric codes of two bits are -1, 0 and 1: no multiplier is needed
MeanBits = Annotated[Quantity, Unit("bits")]
PerBit = Annotated[Quantity, Unit("pJ/bit")]
Rate = Annotated[Quantity, Unit("words/cycle")]

SAVINGS: Final = (
    Saving("weights_spad", "weights", "skip", ("inputs",)),
    Saving("psum_spad", "outputs", "skip", ("inputs", "weights")),
)


class Known(Record):
    """Numbers of the template; energies an access unless they say a bit.

    Args:
        word_width: Room of one word in a memory on the chip, however narrow the word is.
        ternary_operation_energy: An operation whose weight is -1, 0 or 1: an addition.
    """

    dram_energy: PerBit
    dram_width: Bits
    dram_bandwidth: Rate
    buffer_width: Bits
    buffer_read_energy: Energy
    buffer_write_energy: Energy
    word_width: Bits
    partial_sum_width: Bits
    ifmap_spad_energy: Energy
    weights_spad_width: Bits
    weights_spad_read_energy: Energy
    weights_spad_write_energy: Energy
    psum_spad_energy: Energy
    ternary_operation_energy: Energy
    bitmask_width: MeanBits
    coordinate_fibre: Words


class Fitted(Record):
    """The numbers that no publication gives.

    Args:
        spike_density: Share of a spiking layer's inputs that are not zero in one timestep.
        operation_energy: Everything a unit spends on an effectual operation that takes its multiplier.
        metadata_width: Run length (RLE) or coordinate (CP) of one live weight.
        offset_width: Offsets of the ranks above the leaf, a weight, in the formats that keep positions.
        buffer_bandwidth: Words the shared buffer reads, and writes, a cycle.
    """

    spike_density: Ratio
    operation_energy: Energy
    metadata_width: MeanBits
    offset_width: MeanBits
    buffer_bandwidth: Rate


class StudyChip(Record):
    """The array.

    Args:
        array: The built-in accelerator whose fan-outs, capacities and loop orders the mapper works with.
        known: Numbers of the template.
        fitted: The others.
    """

    version: Literal[1]
    name: str
    about: str
    array: str
    known: Known
    fitted: Fitted

    def stores(self, bits: Amount) -> tuple[Store, ...]:
        """Its memories for weights and activations of `bits` bits, one entry a setting.

        Only the memory off the chip packs narrow words more densely.
        """
        known, bandwidth = self.known, self.fitted.buffer_bandwidth.amount
        dram, spad = known.dram_energy.amount, known.weights_spad_width.amount
        access = dram * known.dram_width.amount
        return (
            Store(
                "dram",
                ("weights", "inputs", "outputs"),
                access,
                access,
                metadata_read_pj=dram,
                metadata_write_pj=dram,
                block=np.floor(known.dram_width.amount / bits),  # no word crosses an access
                word_bits=bits,
                read_words=known.dram_bandwidth.amount,
                write_words=known.dram_bandwidth.amount,
            ),
            Store(
                "shared_glb",
                ("inputs", "outputs"),
                known.buffer_read_energy.amount,
                known.buffer_write_energy.amount,
                block=np.floor(known.buffer_width.amount / known.word_width.amount),
                blocks={"outputs": known.buffer_width.amount / known.partial_sum_width.amount},
                word_bits=bits,
                read_words=bandwidth,
                write_words=bandwidth,
            ),
            Store("ifmap_spad", ("inputs",), known.ifmap_spad_energy.amount, known.ifmap_spad_energy.amount),
            Store(
                "weights_spad",
                ("weights",),
                known.weights_spad_read_energy.amount,
                known.weights_spad_write_energy.amount,
                metadata_read_pj=known.weights_spad_read_energy.amount / spad,
                metadata_write_pj=known.weights_spad_write_energy.amount / spad,
            ),
            Store("psum_spad", ("outputs",), known.psum_spad_energy.amount, known.psum_spad_energy.amount),
        )

    def operation_pj(self, bits: Amount) -> Amount:
        """What one effectual operation with a weight of `bits` bits takes, one entry a setting."""
        ternary = self.known.ternary_operation_energy.amount
        return np.where(bits <= TERNARY_BITS, ternary, self.fitted.operation_energy.amount)

    def rule(self, formats: Sequence[str]) -> StoredWeights:
        """What storing the weights costs, one entry a format."""
        known, fitted = self.known, self.fitted
        each = {
            "uop": (fitted.offset_width.amount, 0.0, 0.0),
            "bitmask": (fitted.offset_width.amount + known.bitmask_width.amount, 0.0, 0.0),
            "rle": (0.0, fitted.metadata_width.amount, 0.0),
            "cp": (0.0, 0.0, fitted.metadata_width.amount),
        }
        columns = np.array([each[name] for name in formats]).T
        return StoredWeights(*columns, fibre=known.coordinate_fibre.amount)


@dataclass(frozen=True)
class StoredWeights:
    """Metadata by the rules of Sparseloop, in bits, one entry a point; values are stored beside them.

    The formats that keep positions (UOP, bitmask) pay for every weight, the others a run (RLE) or a
    coordinate (CP) for every live one; only the coordinate list rounds up in each fibre.

    Args:
        positions: Bits a weight.
        runs: Bits a live weight.
        coordinates: Bits a live weight, rounded up in each fibre.
        fibre: Weights of a fibre.

    Reference:
        wu2022
    """

    positions: Amount
    runs: Amount
    coordinates: Amount
    fibre: float

    @property
    def compatible_drops_zeros(self) -> bool:
        """Any metadata drops the zeros."""
        return True

    def compatible_metadata(self, elements: float, density: Any, width: Any, fibres: int = 1) -> Any:
        """Metadata bits of `elements` weights; `width` and `fibres` are the formats' own."""
        listed = np.ceil(density * self.fibre - 1e-9) / self.fibre
        return elements * (self.positions + density * self.runs + listed * self.coordinates)
