"""The accounting of Timeloop and Sparseloop, oddities included: mode `timeloop-compatible`.

Known oddities, kept because published numbers contain them: partial sums are filled even the first time;
draining a tile reads nothing; any metadata at all drops the accesses to zeros; only averages are known, so
no unit ever waits for a slower one.

All numbers are arrays with one entry a mapping, per instance of a level unless said otherwise. Densities
and the numbers of a `Store` may be arrays too: bounds of shape (mappings, 1) and densities, blocks and
energies of shape (points,) cost every mapping at every point of a sweep at once.

Reference:
    parashar2019, wu2022
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt

from spareto.hardware.accesses import Access, compute_units, count_accesses, temporal_steps
from spareto.hardware.density import DensityModel, probability_empty
from spareto.hardware.mapping.nest import Nest
from spareto.hardware.patterns import Pattern
from spareto.hardware.problem import DIMS, RELEVANT, TENSORS, Count, Dim, Problem, TensorName
from spareto.records.cost import Mode

Amount = npt.NDArray[np.float64]
Level = float | Amount  # one number, or one a point


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
class Store:
    """A storage level and its energies, picojoules a (vector) access.

    Args:
        name: Its name in the nest.
        keeps: Tensors it holds.
        block: Words of one access.
        blocks: The same for tensors whose words are of another width.
        word_bits: Bits of one word.
        metadata_bits: Bits of one metadata word.
        metadata_row: Bits of one metadata access, which several words share; None for one word.
        read_words: Words a cycle it can read, None without limit.
        write_words: Words a cycle it can write, None without limit.
    """

    name: str
    keeps: tuple[TensorName, ...]
    read_pj: Level = 0.0
    write_pj: Level = 0.0
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
        model: How zeros are taken to lie where only a density is known.
        patterns: The real zeros of weights (M, C, R, S) or inputs (T, C, height, width); where they are
            known, nothing is taken from a density.
        formats: Format by level and tensor; uncompressed where left out.
        savings: Conditional accesses.
        gate_compute: Whether a computation without its operands still takes its cycle.
    """

    density: Mapping[TensorName, Level] = field(default_factory=dict[TensorName, Level])
    model: DensityModel = "hypergeometric"
    patterns: Mapping[TensorName, Pattern] = field(default_factory=dict[TensorName, Pattern])
    formats: Mapping[tuple[str, TensorName], MetadataRule] = field(
        default_factory=dict[tuple[str, TensorName], MetadataRule]
    )
    savings: tuple[Saving, ...] = ()
    gate_compute: bool = False


@dataclass(frozen=True)
class Tally:
    """What one tensor does at one instance of one level: words, metadata in bits.

    Metadata that were read only to skip take energy but no time.
    """

    reads: Amount
    gated_reads: Amount
    writes: tuple[Amount, Amount]
    gated_writes: Amount
    metadata_read_bits: Amount
    metadata_skipped_bits: Amount
    metadata_write_bits: Amount
    instances: Count


@dataclass(frozen=True)
class Outcome:
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
    problem: Problem,
    nest: Nest,
    stores: tuple[Store, ...],
    compute: tuple[str, Level],
    sparsity: Sparsity | None = None,
) -> Outcome:
    """Energy and cycles of one layer under one mapping, or under many with the same loop order.

    Args:
        problem: The layer.
        nest: The mapping.
        stores: Storage levels, outermost first.
        compute: Name of the compute units and energy of one computation, picojoules.
        sparsity: None for a dense run.
    """
    sparsity = sparsity or Sparsity()
    accesses = count_accesses(problem, nest, {store.name: store.keeps for store in stores})
    rules = _Rules(problem, nest, stores, sparsity)
    tallies = {key: rules.tally(key, access) for key, access in accesses.items()}
    steps, units = temporal_steps(nest), compute_units(nest)
    real = _kept(steps * units, rules.computing())
    name, compute_pj = compute
    energy: dict[tuple[str, str], Amount] = {(name, "computes"): real * compute_pj}
    for store in stores:
        for tensor in store.keeps:
            energy[store.name, tensor] = _energy(store, tensor, tallies[store.name, tensor])
    issued = steps.astype(np.float64) if sparsity.gate_compute else np.ceil(real / units)
    cycles = np.maximum.reduce(
        np.broadcast_arrays(issued, *[_cycles(store, tallies, issued) for store in stores])
    )
    return Outcome(energy, cycles, real, tallies)


class _Rules:
    """Which share of the dense accesses remains."""

    def __init__(self, problem: Problem, nest: Nest, stores: tuple[Store, ...], sparsity: Sparsity) -> None:
        self.problem, self.nest, self.sparsity = problem, nest, sparsity
        self.stores = {store.name: store for store in stores}

    def tally(self, key: tuple[str, TensorName], access: Access) -> Tally:
        level, tensor = key
        store, fmt = self.stores[level], self.sparsity.formats.get(key)
        density = self._density(tensor) if fmt and fmt.compatible_drops_zeros else 1.0
        inward, gating = self._remaining(tensor, level, here=True)
        outward, _ = self._remaining(tensor, level, here=False)
        existing = _kept(access.reads, density)
        reads = np.floor(existing * inward) if tensor == "outputs" else _kept(existing, inward)
        updates = _kept(_kept(access.updates, density), inward)
        fills = _kept(_kept(access.fills, density), outward)
        looked_up = _kept(access.reads, outward)  # what is skipped is looked up first
        met = _kept(access.reads, inward)
        return Tally(
            reads=reads,
            gated_reads=(existing - reads) * gating,
            writes=(fills, updates),
            gated_writes=(_kept(access.updates, density) - updates) * gating,
            metadata_read_bits=_metadata(fmt, met, density, store),
            metadata_skipped_bits=_metadata(fmt, looked_up - met, density, store) * (not gating),
            metadata_write_bits=_metadata(fmt, access.fills + access.updates, density, store),
            instances=access.instances,
        )

    def computing(self) -> Amount:
        """Share of the computations that find all their operands."""
        share = np.ones(1)
        leaders = [leader for saving in self.sparsity.savings for leader in saving.leaders]
        blockers: list[TensorName] = [t for t in TENSORS if t in leaders or self._innermost_compressed(t)]
        for tensor in blockers:
            savings = [saving for saving in self.sparsity.savings if tensor in saving.leaders]
            empty = [self._empty(saving, tensor) for saving in savings] or [
                np.atleast_1d(1 - self._density(tensor))
            ]
            share = share * (1 - np.maximum.reduce(np.broadcast_arrays(*empty)))
        return share

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
        if pattern := self.sparsity.patterns.get(leader):
            return pattern.shares_empty(self.problem.windows(leader, block))
        size = self.problem.tile(leader, self.nest.totals())
        tile = self.problem.tile(leader, block)
        return probability_empty(self._density(leader), size, tile, self.sparsity.model)

    def _stationary(self, saving: Saving) -> dict[Dim, Count]:
        """Iterations that pass while one piece of the target stays in place at the level inside.

        The units ask for every element anew, so at the innermost level one iteration passes.
        """
        nest, child = self.nest, self._child(saving)
        if child is None:
            return {dim: np.ones(1, np.int64) for dim in DIMS}
        extents, staying = nest.extents(child), np.ones(1, np.bool_)
        for index in nest.outside(child, "temporal"):
            loop = nest.loops[index]
            staying = staying & ((loop.bound == 1) | (loop.dim not in RELEVANT[saving.tensor]))
            extents[loop.dim] = extents[loop.dim] * np.where(staying, loop.bound, 1)
        return extents

    def _child(self, saving: Saving) -> str | None:
        place = self.nest.levels.index(saving.level)
        inner = [name for name in self.nest.levels[place + 1 :] if name in self.stores]
        return next((name for name in inner if saving.tensor in self.stores[name].keeps), None)

    def _innermost_compressed(self, tensor: TensorName) -> bool:
        keepers = [name for name in self.nest.levels if name in self.stores]
        holders = [name for name in keepers if tensor in self.stores[name].keeps]
        fmt = self.sparsity.formats.get((holders[-1], tensor)) if holders else None
        return bool(fmt and fmt.compatible_drops_zeros)

    def _density(self, tensor: TensorName) -> Level:
        if pattern := self.sparsity.patterns.get(tensor):
            return pattern.density
        return self.sparsity.density.get(tensor, 1.0)


def _kept(dense: npt.NDArray[Any], share: Level) -> Amount:
    """What remains of a count; what is dropped is rounded down."""
    return dense - np.floor(dense * (1.0 - share))


def _metadata(fmt: MetadataRule | None, dense: npt.NDArray[Any], density: Level, store: Store) -> Amount:
    if fmt is None:
        return np.zeros(1)
    per_element = fmt.compatible_metadata(1 << 40, density, store.metadata_bits) / (1 << 40)
    return np.ceil(dense * per_element - 1e-6)


def _energy(store: Store, tensor: TensorName, tally: Tally) -> Amount:
    block = store.blocks.get(tensor, store.block)
    writes = sum((np.ceil(words / block) for words in tally.writes), np.zeros(1))
    row = store.metadata_bits if store.metadata_row is None else store.metadata_row
    metadata = (
        np.ceil((tally.metadata_read_bits + tally.metadata_skipped_bits) / row) * store.metadata_read_pj
    )
    metadata = metadata + np.ceil(tally.metadata_write_bits / row) * store.metadata_write_pj
    each = (
        np.ceil(tally.reads / block) * store.read_pj
        + np.ceil(tally.gated_reads / block) * store.gated_read_pj
        + writes * store.write_pj
        + np.ceil(tally.gated_writes / block) * store.gated_write_pj
        + metadata
    )
    return each * tally.instances


def _cycles(store: Store, tallies: dict[tuple[str, TensorName], Tally], issued: Amount) -> Amount:
    """Cycles of one instance: the computing, stretched where it asks for more words than the port gives."""
    own = [tallies[store.name, tensor] for tensor in store.keeps]
    stretched = issued
    for limit, demand in (
        (
            store.read_words,
            sum((t.reads + t.gated_reads + t.metadata_read_bits / store.word_bits) for t in own),
        ),
        (
            store.write_words,
            sum((sum(t.writes) + t.gated_writes + t.metadata_write_bits / store.word_bits) for t in own),
        ),
    ):
        if limit is not None:
            rate = np.maximum(demand / issued, 1e-300)
            stretched = np.maximum(stretched, np.ceil(issued / np.minimum(1.0, limit / rate)))
    return stretched
