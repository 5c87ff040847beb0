"""The accounting of Timeloop and Sparseloop, oddities included: mode `timeloop-compatible`.

Known oddities, kept because published numbers contain them: partial sums are filled even the first time
(`conventions.py` has the switch); draining a tile reads nothing; any metadata at all drops the accesses to
zeros; only averages are known, so no unit ever waits for a slower one.

All numbers are arrays with one entry a mapping, per instance of a level unless said otherwise. Densities
and the numbers of a `StorageLevel` may be arrays too: bounds of shape (mappings, 1) and densities, blocks and
energies of shape (points,) cost every mapping at every point of a sweep at once.

Reference:
    parashar2019, wu2022
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from spareto.formats import probability_empty
from spareto.hardware.counting.accesses import Access, compute_units, count_accesses, temporal_steps
from spareto.hardware.describing.nest import Nest
from spareto.hardware.describing.problem import DIMS, RELEVANT, TENSORS, Count, Dim, LoopProblem, TensorName
from spareto.records.cost import Mode
from spareto.reproduction.timeloop.conventions import SPARSELOOP, Conventions
from spareto.reproduction.timeloop.terms import Amount as Amount
from spareto.reproduction.timeloop.terms import Level as Level
from spareto.reproduction.timeloop.terms import MetadataRule as MetadataRule
from spareto.reproduction.timeloop.terms import Saving as Saving
from spareto.reproduction.timeloop.terms import Sparsity as Sparsity
from spareto.reproduction.timeloop.terms import StorageLevel as StorageLevel


@dataclass(frozen=True)
class Tally:
    """What one tensor does at one instance of one level: words, metadata in bits.

    Metadata that were read only to skip take energy but no time. `asked` are the words asked for, zeros too.
    """

    reads: Amount
    gated_reads: Amount
    writes: tuple[Amount, Amount]
    gated_writes: Amount
    metadata_read_bits: Amount
    metadata_skipped_bits: Amount
    metadata_write_bits: Amount
    instances: Count
    asked: Amount
    decompressed: Amount
    compressed: Amount


@dataclass(frozen=True)
class AccountedCost:
    """Energy in picojoules by component and tensor, cycles, computations, and the tallies behind them."""

    mode: ClassVar[Mode] = "timeloop-compatible"
    energy_pj: dict[tuple[str, str], Amount]
    cycles: Amount
    computes: Amount
    tallies: dict[tuple[str, TensorName], Tally]

    def component_energy_pj(self) -> dict[str, Amount]:
        """Energy by component."""
        totals: dict[str, Amount] = {}
        for (component, _), energy in self.energy_pj.items():
            totals[component] = totals.get(component, np.zeros(1)) + energy
        return totals


def evaluate(
    problem: LoopProblem,
    nest: Nest,
    stores: tuple[StorageLevel, ...],
    compute: tuple[str, Level],
    sparsity: Sparsity | None = None,
    conventions: Conventions = SPARSELOOP,
    gated_compute_pj: Level = 0.0,
) -> AccountedCost:
    """Energy and cycles of one layer under one mapping, or under many with the same loop order.

    Args:
        problem: The layer.
        nest: The mapping.
        stores: Storage levels, outermost first.
        compute: Name of the compute units and energy of one computation, picojoules.
        sparsity: None for a dense run.
        conventions: Whose accounting to follow where versions of the reference tools differ.
        gated_compute_pj: Energy of a computation that is gated, picojoules.
    """
    sparsity = sparsity or Sparsity()
    rules = _Rules(problem, nest, stores, sparsity, conventions)
    tallies = {key: rules.tally(key, access) for key, access in rules.accesses.items()}
    steps, units = temporal_steps(nest), compute_units(nest)
    done, gated = rules.computing()
    real, idle = _kept(steps * units, done), _kept(steps * units, gated)
    name, compute_pj = compute
    energy: dict[tuple[str, str], Amount] = {(name, "computes"): real * compute_pj + idle * gated_compute_pj}
    for store in stores:
        for tensor in store.keeps:
            energy[store.name, tensor] = _energy(store, tensor, tallies[store.name, tensor])
    issued = steps.astype(np.float64) if sparsity.gate_compute else np.ceil((real + idle) / units)
    cycles = np.maximum.reduce(
        np.broadcast_arrays(issued, *[_cycles(store, tallies, issued) for store in stores])
    )
    for store in stores:
        if store.leak_pj:
            used = np.maximum.reduce([tallies[store.name, tensor].instances for tensor in store.keeps])
            energy[store.name, "leak"] = cycles * store.leak_pj * (store.instances or used)
    return AccountedCost(energy, cycles, real, tallies)


class _Rules:
    """Which share of the dense accesses remains."""

    def __init__(
        self,
        problem: LoopProblem,
        nest: Nest,
        stores: tuple[StorageLevel, ...],
        sparsity: Sparsity,
        conventions: Conventions,
    ) -> None:
        self.problem, self.nest, self.sparsity = problem, nest, sparsity
        self.stores = {store.name: store for store in stores}
        kept = {store.name: store.keeps for store in stores}
        self.accesses = count_accesses(problem, nest, kept, halo=conventions.halo)
        self.drained = {key: access.fills for key, access in self.accesses.items()}
        if conventions.first_sums == "free":
            self.accesses = {
                key: replace(access, fills=np.maximum(access.fills - access.distinct, 0))
                for key, access in self.accesses.items()
            }

    def tally(self, key: tuple[str, TensorName], access: Access) -> Tally:
        level, tensor = key
        fmt = self.sparsity.formats.get(key)
        density = self._density(tensor) if fmt and fmt.compatible_drops_zeros else 1.0
        inward, gating = self._remaining(tensor, level, here=True)
        outward, _ = self._remaining(tensor, level, here=False)
        existing = _kept(access.reads, density)
        reads = np.floor(existing * inward) if tensor == "outputs" else _kept(existing, inward)
        updates = _kept(_kept(access.updates, density), inward)
        fills = _kept(_kept(access.fills, density), outward)
        looked_up = _kept(access.reads, outward)  # what is skipped is looked up first
        met = _kept(access.reads, inward)
        metadata = self._metadata(key, density)
        decompressed, compressed = self._recoded(key)
        return Tally(
            reads=reads,
            gated_reads=(existing - reads) * gating,
            writes=(fills, updates),
            gated_writes=(_kept(access.updates, density) - updates) * gating,
            metadata_read_bits=metadata(met),
            metadata_skipped_bits=metadata(looked_up - met) * (not gating),
            metadata_write_bits=metadata(access.fills + access.updates),
            instances=access.instances,
            asked=met,
            decompressed=decompressed,
            compressed=compressed,
        )

    def _metadata(self, key: tuple[str, TensorName], density: Level) -> Callable[[Any], Amount]:
        """Metadata bits of any number of accesses of a tensor at a level."""
        level, tensor = key
        fmt, width = self.sparsity.formats.get(key), self.sparsity.widths.get(key)
        width = self.stores[level].metadata_bits if width is None else width
        if fmt is None:
            return lambda dense: np.zeros(1)
        if key not in self.sparsity.rows:
            each = fmt.compatible_metadata(1 << 40, density, width) / (1 << 40)
            return lambda dense: np.ceil(dense * each - 1e-6)
        tiles, tile = self._tiles(tensor, level)
        size = self.problem.tile(tensor, self.nest.extents(level))
        elements: Any = tiles * tile
        rows: Any = tiles
        whole = fmt.compatible_metadata(elements, density, width, rows)
        offset = self.sparsity.rows[key]
        return lambda dense: (
            np.ceil(dense / size * whole / max(width, 1)) * width  # run lengths of no bits take no room
            + np.ceil(dense / size * (tiles + 1)) * offset
        )

    def _tiles(self, tensor: TensorName, level: str) -> tuple[Count, Count]:
        """Tiles of the level inside that a level cuts a tensor into, and elements of one; halos overlap."""
        child = self._inside(tensor, level)
        outer = self.nest.extents(level)
        inner: dict[Dim, Count] = dict.fromkeys(DIMS, np.ones(1, np.int64))
        if child:
            inner = self.nest.extents(child)
        tiles = np.ones(1, np.int64)
        for dim in RELEVANT[tensor]:
            tiles = tiles * (outer[dim] // inner[dim])
        return tiles, self.problem.tile(tensor, inner)

    def _recoded(self, key: tuple[str, TensorName]) -> tuple[Amount, Amount]:
        """Words an instance decompresses on their way in, zeros included, and compresses on their way out."""
        level, tensor = key
        outside = [x for x in self.nest.levels[: self.nest.levels.index(level)] if x in self.stores]
        parent = next((x for x in reversed(outside) if tensor in self.stores[x].keeps), None)
        if parent is None or not self._compressed(parent, tensor) or self._compressed(level, tensor):
            return np.zeros(1), np.zeros(1)
        drained = self.drained[key] if tensor == "outputs" else np.zeros(1, np.int64)
        return self.accesses[key].fills.astype(np.float64), _kept(drained, self._density(tensor))

    def _compressed(self, level: str, tensor: TensorName) -> bool:
        fmt = self.sparsity.formats.get((level, tensor))
        return bool(fmt and fmt.compatible_drops_zeros)

    def computing(self) -> tuple[Amount, Amount]:
        """Shares of the computations that are done, and that are gated for want of one operand."""
        leaders: set[TensorName] = {leader for saving in self.sparsity.savings for leader in saving.leaders}
        walked = leaders | set(self.sparsity.positions)
        bare: list[TensorName] = [t for t in TENSORS if t not in walked and self._innermost_compressed(t)]
        left = np.ones(1)
        for tensor in TENSORS:
            if tensor not in walked:
                continue
            savings = [saving for saving in self.sparsity.savings if tensor in saving.leaders]
            empty = [self._empty(saving, tensor) for saving in savings]
            if tensor in self.sparsity.positions:
                empty.append(np.atleast_1d(1 - self._density(tensor)))
            left = left * (1 - np.maximum.reduce(np.broadcast_arrays(*empty)))
        both, neither = np.ones(1), np.zeros(1)
        for tensor in bare:
            both = both * np.atleast_1d(self._density(tensor))
        if "weights" in bare and "inputs" in bare:
            neither = (1 - np.atleast_1d(self._density("weights"))) * (1 - self._density("inputs"))
        one = np.maximum(0.0, 1 - both - neither)
        if self.sparsity.misaligned == "compute":
            return left * (both + one), np.zeros(1)
        return left * both, left * one * (self.sparsity.misaligned == "gate")

    def _remaining(self, tensor: TensorName, level: str, *, here: bool) -> tuple[Amount, bool]:
        """Share of the accesses not ruled out at this level and outside it; whether this level gates."""
        place = self.nest.levels.index(level)
        removed: Amount = np.zeros(1)
        gating = False
        for saving in self.sparsity.savings:
            where = self.nest.levels.index(saving.level)
            if saving.tensor != tensor or where > place or (where == place and not here):
                continue
            gating = gating or (where == place and saving.kind == "gate")
            share = np.ones(1)
            for leader in saving.leaders:
                share = share * (1 - self._empty(saving, leader))
            removed = np.maximum(removed, 1 - share)
        return 1 - removed, gating

    def _empty(self, saving: Saving, leader: TensorName) -> Amount:
        """Probability that the leader's data is all zero while one piece of the target stays in place."""
        block = self._stationary(saving)
        size = self.problem.tile(leader, self.nest.totals())
        tile = self.problem.tile(leader, block)
        return probability_empty(self._density(leader), size, tile, self.sparsity.model)

    def _stationary(self, saving: Saving) -> dict[Dim, Count]:
        """Iterations that pass while one piece of the target stays in place at the level inside.

        The units ask for every element anew, so at the innermost level one iteration passes.
        """
        nest, child = self.nest, self._inside(saving.tensor, saving.level)
        if child is None:
            return {dim: np.ones(1, np.int64) for dim in DIMS}
        extents, staying = nest.extents(child), np.ones(1, np.bool_)
        for index in nest.outside(child, "temporal"):
            loop = nest.loops[index]
            staying = staying & ((loop.bound == 1) | (loop.dim not in RELEVANT[saving.tensor]))
            extents[loop.dim] = extents[loop.dim] * np.where(staying, loop.bound, 1)
        return extents

    def _inside(self, tensor: TensorName, level: str) -> str | None:
        place = self.nest.levels.index(level)
        inner = [name for name in self.nest.levels[place + 1 :] if name in self.stores]
        return next((name for name in inner if tensor in self.stores[name].keeps), None)

    def _innermost_compressed(self, tensor: TensorName) -> bool:
        keepers = [name for name in self.nest.levels if name in self.stores]
        holders = [name for name in keepers if tensor in self.stores[name].keeps]
        return bool(holders) and self._compressed(holders[-1], tensor)

    def _density(self, tensor: TensorName) -> Level:
        return self.sparsity.density.get(tensor, 1.0)


def _kept(dense: npt.NDArray[Any], share: Level) -> Amount:
    """What remains of a count; what is dropped is rounded down."""
    return dense - np.floor(dense * (1.0 - share))


def _energy(store: StorageLevel, tensor: TensorName, tally: Tally) -> Amount:
    block = store.blocks.get(tensor, store.block)
    fills, updates = (np.ceil(words / block) for words in tally.writes)
    row = store.metadata_bits if store.metadata_row is None else store.metadata_row
    metadata = (
        np.ceil((tally.metadata_read_bits + tally.metadata_skipped_bits) / row) * store.metadata_read_pj
    )
    metadata = metadata + np.ceil(tally.metadata_write_bits / row) * store.metadata_write_pj
    each = (
        np.ceil(tally.reads / block) * store.read_pj
        + np.ceil(tally.gated_reads / block) * store.gated_read_pj
        + fills * store.write_pj
        + updates * (store.write_pj if store.update_pj is None else store.update_pj)
        + np.ceil(tally.gated_writes / block) * store.gated_write_pj
        + metadata
        + tally.decompressed * store.decompress_pj
        + tally.compressed * store.compress_pj
    )
    return each * tally.instances


def _cycles(store: StorageLevel, tallies: dict[tuple[str, TensorName], Tally], issued: Amount) -> Amount:
    """Cycles of one instance: the computing, stretched where it asks for more words than the port gives."""
    own = [tallies[store.name, tensor] for tensor in store.keeps]
    stretched = issued
    read = sum(
        t.asked if store.looks_up else t.reads + t.gated_reads + t.metadata_read_bits / store.word_bits
        for t in own
    )
    written = sum(sum(t.writes) + t.gated_writes + t.metadata_write_bits / store.word_bits for t in own)
    for limit, demand in (
        (store.read_words, read),
        (store.write_words, written),
        (store.shared_words, read + written),
    ):
        if limit is not None:
            rate = np.maximum(demand / np.maximum(issued, 1e-300), 1e-300)
            longer = np.ceil(np.maximum(issued, 1e-300) / np.minimum(1.0, limit / rate))
            stretched = np.maximum(stretched, np.where(issued > 0, longer, np.ceil(demand / limit)))
    return stretched
