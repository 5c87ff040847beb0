"""The study's array in the terms of the Timeloop accounting: what is known of it, and what was fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np

from spareto.core.config import Record
from spareto.core.units import Bits, Energy, Quantity, Unit, Words
from spareto.reproduction.tcja.network import Ratio
from spareto.reproduction.timeloop.accounting import Amount, Saving, StorageLevel

FORMATS: Final = ("uop", "bitmask", "cp", "rle")
LISTED: Final = ("rle", "cp")
OPERATIONS: Final = "operations"
TERNARY_BITS: Final = 2  # symmetric codes of two bits are -1, 0 and 1: no multiplier is needed
MeanBits = Annotated[Quantity, Unit("bits")]
PerBit = Annotated[Quantity, Unit("pJ/bit")]
Rate = Annotated[Quantity, Unit("words/cycle")]

SAVINGS: Final = (
    Saving("weights_spad", "weights", "skip", ("inputs",)),
    Saving("psum_spad", "outputs", "skip", ("inputs",)),  # the published parts: as much for every weight
)


class Known(Record):
    """Numbers of the template; energies an access unless they say a bit.

    Args:
        spike_width: Room of one spike in every memory.
        word_width: Room of one weight or number in a memory on the chip, however narrow it is.
        weights_spad_bandwidth: Weights a cycle that one element looks up, zeros too.
        ternary_operation_energy: An operation whose weight is -1, 0 or 1: an addition.
        run_width: Run length (RLE) or coordinate (CP) of one live weight off the chip.
    """

    dram_energy: PerBit
    dram_width: Bits
    dram_bandwidth: Rate
    buffer_width: Bits
    buffer_read_energy: Energy
    buffer_write_energy: Energy
    spike_width: Bits
    word_width: Bits
    partial_sum_width: Bits
    ifmap_spad_energy: Energy
    weights_spad_bandwidth: Rate
    weights_spad_read_energy: Energy
    weights_spad_write_energy: Energy
    psum_spad_energy: Energy
    ternary_operation_energy: Energy
    run_width: MeanBits
    coordinate_fibre: Words


class Fitted(Record):
    """The numbers that no publication gives.

    Args:
        spike_density: Share of a spiking layer's inputs that are not zero in one timestep.
        operation_energy: Everything a unit spends on an effectual operation that takes its multiplier.
        decoding_energy: Finding a live weight among runs (RLE) or coordinates (CP), a bit of its width.
        offset_width: Offsets of the ranks above the leaf, a weight, in the formats that keep positions.
        spilled_width: What one output and timestep takes off the chip beside its own word.
        buffer_bandwidth: Words the shared buffer reads, and writes, a cycle.
    """

    spike_density: Ratio
    operation_energy: Energy
    decoding_energy: PerBit
    offset_width: MeanBits
    spilled_width: MeanBits
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

    def stores(self, bits: Amount, input_kind: Literal["spike", "analog"]) -> tuple[StorageLevel, ...]:
        """Its memories for weights and analog numbers of `bits` bits, one entry a setting."""
        known, fitted = self.known, self.fitted
        access = known.dram_energy.amount * known.dram_width.amount
        spike, word = known.spike_width.amount, known.word_width.amount
        inputs = bits * 0.0 + spike if input_kind == "spike" else bits
        held = spike if input_kind == "spike" else word
        outputs = bits + fitted.spilled_width.amount
        return (
            StorageLevel(
                "dram",
                ("weights", "inputs", "outputs"),
                access,
                access,
                metadata_read_pj=known.dram_energy.amount,
                metadata_write_pj=known.dram_energy.amount,
                block=np.floor(known.dram_width.amount / bits),  # no word crosses an access
                blocks={
                    "inputs": np.floor(known.dram_width.amount / inputs),
                    "outputs": known.dram_width.amount / outputs,
                },
                word_bits=word,
                read_words=known.dram_bandwidth.amount,
                write_words=known.dram_bandwidth.amount,
            ),
            StorageLevel(
                "shared_glb",
                ("inputs", "outputs"),
                known.buffer_read_energy.amount,
                known.buffer_write_energy.amount,
                blocks={
                    "inputs": known.buffer_width.amount / held,
                    "outputs": known.buffer_width.amount / known.partial_sum_width.amount,
                },
                word_bits=bits,
                read_words=fitted.buffer_bandwidth.amount,
                write_words=fitted.buffer_bandwidth.amount,
            ),
            StorageLevel(
                "ifmap_spad",
                ("inputs",),
                known.ifmap_spad_energy.amount,
                known.ifmap_spad_energy.amount,
                block=word / held,
            ),
            StorageLevel(
                "weights_spad",
                ("weights",),
                known.weights_spad_read_energy.amount,
                known.weights_spad_write_energy.amount,
                read_words=known.weights_spad_bandwidth.amount,
                looks_up=True,
            ),
            StorageLevel(
                "psum_spad", ("outputs",), known.psum_spad_energy.amount, known.psum_spad_energy.amount
            ),
        )

    def operation_pj(self, bits: Amount, formats: Sequence[str] = ()) -> Amount:
        """What an effectual operation takes; with formats, finding its weight in a list or among runs too."""
        fitted = self.fitted
        ternary = self.known.ternary_operation_energy.amount
        done = np.where(bits <= TERNARY_BITS, ternary, fitted.operation_energy.amount)
        if not formats:
            return done
        return done + fitted.decoding_energy.amount * bits * np.isin(np.array(formats), LISTED)

    def rule(self, formats: Sequence[str], bits: Amount) -> StoredWeights:
        """Cost of storing the weights off the chip, one entry per point; a bit of a bitmask takes a word."""
        known, fitted = self.known, self.fitted
        names = np.array(formats)
        listed = np.isin(names, LISTED)
        return StoredWeights(
            positions=fitted.offset_width.amount * ~listed + bits * (names == "bitmask"),
            runs=known.run_width.amount * (names == "rle"),
            coordinates=known.run_width.amount * (names == "cp"),
            fibre=known.coordinate_fibre.amount,
        )


@dataclass(frozen=True)
class StoredWeights:
    """Metadata by the rules of Sparseloop, one entry per point; values are stored beside them.

    The formats that keep positions (UOP, bitmask) pay for every weight, the others a run (RLE) or a
    coordinate (CP) for every live one; only the coordinate list rounds up in each fibre.

    Args:
        positions: Bits per weight.
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
