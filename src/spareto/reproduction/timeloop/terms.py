"""What the accounting of `timeloop.py` is told: storage levels, densities, formats, conditional accesses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from spareto.formats import DensityModel
from spareto.hardware.describing.problem import TensorName

Amount = npt.NDArray[np.float64]
Level = float | Amount  # one number, or one a point
Misaligned = Literal["skip", "gate", "compute"]


class MetadataRule(Protocol):
    """What a storage format costs by the rules of Sparseloop; every `Format` is one."""

    @property
    def compatible_drops_zeros(self) -> bool:
        """Whether zeros are neither stored nor moved."""
        ...

    def compatible_metadata(self, elements: float, density: Any, width: Any, fibres: int = 1) -> Any:
        """Metadata bits of a tensor of `elements`, by its density alone."""
        ...


@dataclass(frozen=True)
class StorageLevel:
    """A storage level and its energies, picojoules a (vector) access.

    Args:
        name: Its name in the nest.
        keeps: Tensors it holds.
        write_pj: A write of what comes from outside; `update_pj` is one of a partial sum from inside, None
            if it takes the same.
        block: Words of one access.
        blocks: The same for tensors whose words are of another width.
        word_bits: Bits of one word.
        metadata_bits: Bits of one metadata word.
        metadata_row: Bits of one metadata access, which several words share; None for one word.
        read_words: Words a cycle it can read, None without limit.
        write_words: Words a cycle it can write, None without limit.
        shared_words: Words a cycle it can read and write together, None without limit.
        looks_up: Whether a word that turns out to be zero takes its turn at the read port all the same.
        decompress_pj: Energy of a word that is decompressed on its way in from the level outside.
        compress_pj: Energy of a word that is compressed on its way out.
        leak_pj: Energy that one instance leaks in a cycle, in use or not.
        instances: How many there are on the chip; None for those in use.
    """

    name: str
    keeps: tuple[TensorName, ...]
    read_pj: Level = 0.0
    write_pj: Level = 0.0
    update_pj: Level | None = None
    gated_read_pj: Level = 0.0
    gated_write_pj: Level = 0.0
    metadata_read_pj: Level = 0.0
    metadata_write_pj: Level = 0.0
    block: Level = 1
    blocks: Mapping[TensorName, Level] = field(default_factory=dict[TensorName, Level])
    word_bits: Level = 16
    metadata_bits: Level = 1
    metadata_row: Level | None = None
    read_words: Level | None = None
    write_words: Level | None = None
    shared_words: Level | None = None
    looks_up: bool = False
    decompress_pj: Level = 0.0
    compress_pj: Level = 0.0
    leak_pj: float = 0.0
    instances: int | None = None


@dataclass(frozen=True)
class Saving:
    """Accesses of `tensor` at `level` are gated or skipped while the data of all `leaders` is zero."""

    level: str
    tensor: TensorName
    kind: Literal["gate", "skip"]
    leaders: tuple[TensorName, ...]


@dataclass(frozen=True)
class Sparsity:
    """What is sparse, how it is stored and what that saves.

    Args:
        density: Share of non-zeros of each tensor; 1 where left out.
        model: How zeros are taken to lie.
        formats: Format by level and tensor; uncompressed where left out.
        widths: Bits of a metadata word of a format, where they are not those of the level.
        rows: Bits of an offset, where a format has offsets of rows above it: one a tile of the level inside.
        savings: Conditional accesses.
        gate_compute: Whether a computation without its operands still takes its cycle.
        positions: Compressed tensors of which only the non-zeros are walked.
        misaligned: What happens to a computation of which one operand is not stored and the other is:
            no cycle (`skip`), a gated cycle, or the whole of it (`compute`).
    """

    density: Mapping[TensorName, Level] = field(default_factory=dict[TensorName, Level])
    model: DensityModel = "hypergeometric"
    formats: Mapping[tuple[str, TensorName], MetadataRule] = field(
        default_factory=dict[tuple[str, TensorName], MetadataRule]
    )
    widths: Mapping[tuple[str, TensorName], float] = field(
        default_factory=dict[tuple[str, TensorName], float]
    )
    rows: Mapping[tuple[str, TensorName], float] = field(default_factory=dict[tuple[str, TensorName], float])
    savings: tuple[Saving, ...] = ()
    gate_compute: bool = False
    positions: tuple[TensorName, ...] = ()
    misaligned: Misaligned = "skip"
