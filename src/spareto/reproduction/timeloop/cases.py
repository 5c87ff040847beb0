"""Layers with given mappings whose energy per component and cycles were published: the `cost-cases` files."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from spareto.core.config import Record, load_keys
from spareto.core.errors import ConfigError, Problem, one_of
from spareto.hardware.describing.nest import Loop, LoopKind, Nest
from spareto.hardware.describing.problem import TENSORS, Dim, LoopProblem, TensorName
from spareto.hardware.mapping.checks import Limit, overspread, repeated, uncovered, unknown_levels
from spareto.reproduction.timeloop.accounting import AccountedCost, Sparsity, StorageLevel, evaluate
from spareto.reproduction.timeloop.conventions import TOOLS, Conventions, FirstSums, Halo, Tool
from spareto.reproduction.timeloop.sparse_runs import SparseRun, sparsity

Amount = Annotated[float, Field(ge=0, le=1e15)]
Above = Annotated[float, Field(gt=0, le=1e15)]
Positive = Annotated[int, Field(ge=1, le=10**9)]
Densities = dict[TensorName, Annotated[float, Field(ge=0, le=1)]]
_MOST: Final = 2**60  # iterations: beyond, 64-bit counters overflow


class LevelEntry(Record):
    """A level as the file writes it; energies in picojoules an access, `words_per_access` words each.

    A partial sum that arrives takes `update_pJ`, or else `write_pJ`. Each instance there is leaks `leak_pJ` a
    cycle. Ports take so many words per cycle, `shared_words_per_cycle` reads and writes together.
    """

    name: str
    about: str = ""
    keeps: tuple[TensorName, ...] = ()
    depth: Above | None = None
    width_bits: Above | None = None
    word_bits: Positive = 16
    words_per_access: Positive = 1
    read_pJ: Amount = 0.0  # noqa: N815 - the file's own keys
    write_pJ: Amount = 0.0  # noqa: N815
    update_pJ: Amount | None = None  # noqa: N815
    gated_read_pJ: Amount = 0.0  # noqa: N815
    gated_write_pJ: Amount = 0.0  # noqa: N815
    metadata_word_bits: Positive = 1
    metadata_row_bits: Positive | None = None
    metadata_read_pJ: Amount = 0.0  # noqa: N815
    metadata_write_pJ: Amount = 0.0  # noqa: N815
    read_words_per_cycle: Above | None = None
    write_words_per_cycle: Above | None = None
    shared_words_per_cycle: Above | None = None
    decompression_pJ: Amount = 0.0  # noqa: N815
    compression_pJ: Amount = 0.0  # noqa: N815
    leak_pJ: Amount = 0.0  # noqa: N815
    mac_pJ: Amount | None = None  # noqa: N815
    gated_mac_pJ: Amount = 0.0  # noqa: N815

    def store(self, instances: int | None = None) -> StorageLevel:
        """The level, of which there are so many on the chip, as the accounting wants it."""
        return StorageLevel(
            name=self.name,
            keeps=self.keeps,
            read_pj=self.read_pJ,
            write_pj=self.write_pJ,
            update_pj=self.update_pJ,
            gated_read_pj=self.gated_read_pJ,
            gated_write_pj=self.gated_write_pJ,
            metadata_read_pj=self.metadata_read_pJ,
            metadata_write_pj=self.metadata_write_pJ,
            block=self.words_per_access,
            word_bits=self.word_bits,
            metadata_bits=self.metadata_word_bits,
            metadata_row=self.metadata_row_bits or self.metadata_word_bits,
            read_words=self.read_words_per_cycle,
            write_words=self.write_words_per_cycle,
            shared_words=self.shared_words_per_cycle,
            decompress_pj=self.decompression_pJ,
            compress_pj=self.compression_pJ,
            leak_pj=self.leak_pJ,
            instances=instances,
        )


class ArchitectureEntry(Record):
    """Levels outermost first, the compute units last; how many there are of a level, or of the units."""

    levels_outermost_first: Annotated[tuple[LevelEntry, ...], Field(min_length=1)]
    instances: dict[str, Positive] = Field(default_factory=dict[str, int])

    @property
    def compute(self) -> LevelEntry | None:
        """The level that computes."""
        return next((level for level in self.levels_outermost_first if level.mac_pJ is not None), None)

    @property
    def stores(self) -> tuple[LevelEntry, ...]:
        """The levels that keep anything."""
        return tuple(level for level in self.levels_outermost_first if level.keeps)

    @property
    def limits(self) -> list[Limit]:
        """How far all levels outside a part may spread together; a name that is no level's is the units'."""
        names = [level.name for level in self.levels_outermost_first]
        return [
            (part, tuple(names[: names.index(part)] if part in names else names), most)
            for part, most in self.instances.items()
        ]


class LoopEntry(Record):
    """One loop of the given mapping."""

    level: str
    kind: LoopKind
    dim: Dim
    bound: Positive


class Expected(Record):
    """Published energies in microjoules, and cycles."""

    energy_uJ: dict[str, Amount]  # noqa: N815
    total_uJ: Amount  # noqa: N815
    cycles: Amount


class Case(Record):
    """One layer, its mapping and its published results.

    Args:
        layer: Its name.
        dims: Its sizes.
        stride: Vertical, horizontal.
        density: Share of non-zeros of each tensor.
        loops_outermost_first: The mapping; its bounds multiply to the sizes.
        padded: Iterations that the mapping runs beyond a size.
        expected: Published results by run.
    """

    layer: str
    dims: dict[Dim, Positive]
    stride: tuple[Positive, Positive] = (1, 1)
    density: Densities = Field(default_factory=dict[TensorName, float])
    loops_outermost_first: tuple[LoopEntry, ...]
    padded: dict[Dim, Positive] = Field(default_factory=dict[Dim, int])
    expected: dict[Literal["dense", "sparse"], Expected]


class CostCases(Record):
    """A `cost-cases` file.

    Args:
        about: For readers.
        units: For readers.
        tool: Whose accounting it follows; without it that of Sparseloop's artifact if the file has a sparse
            run, and that of Timeloop 0.4 if not.
        first_partial_sums: Overrides that of the tool.
        halo_after_reuse: The same.
        architecture: Levels and energies.
        sparse_run: What is compressed, gated and skipped in the runs called `sparse`.
        cases: The layers.
    """

    about: str = ""
    units: dict[str, str] = Field(default_factory=dict[str, str])
    tool: Tool | None = None
    first_partial_sums: FirstSums | None = None
    halo_after_reuse: Halo | None = None
    architecture: ArchitectureEntry
    sparse_run: SparseRun | None = None
    cases: tuple[Case, ...]

    @property
    def conventions(self) -> Conventions:
        """How its numbers were counted."""
        tool: Tool = self.tool or ("sparseloop-micro2022" if self.sparse_run else "timeloop-0.4")
        own = TOOLS[tool]
        return Conventions(self.first_partial_sums or own.first_sums, self.halo_after_reuse or own.halo)


def load_cost_cases(path: str | Path) -> CostCases:
    """Read a file and check that its levels, mappings and results fit together.

    Raises:
        ConfigError: The file breaks the schema, or contradicts itself; every problem is listed.
    """
    cases = CostCases.parse(load_keys(path), "cost_cases")
    ConfigError.if_any(list(contradictions(cases)))
    return cases


def reproduce_cost_cases(path: str | Path, first_sums: FirstSums | None = None) -> list[dict[str, Any]]:
    """Run every case of a file; one row per layer, run and component, ours beside the published number.

    The rows `total` and `cycles` close each run. Energies in microjoules, under `ours` and `expected`;
    `quantity` names the unit.

    Args:
        path: The file.
        first_sums: Whether the first fill of partial sums is `charged` or `free`; None as the file says.

    Raises:
        ConfigError: The file breaks the schema, or contradicts itself; every problem is listed.
    """
    cases = load_cost_cases(path)
    if first_sums:
        cases = cases.replace(first_partial_sums=first_sums)
    return [row for case in cases.cases for row in _case_rows(cases, case)]


def _case_rows(cases: CostCases, case: Case) -> Iterator[dict[str, Any]]:
    for run, expected in case.expected.items():
        outcome = run_case(cases, case, sparse=run == "sparse")
        ours = {name: float(energy[0]) * 1e-6 for name, energy in outcome.component_energy_pj().items()}
        rows = [(name, "energy_uJ", ours[name], energy) for name, energy in expected.energy_uJ.items()]
        rows.append(("total", "energy_uJ", sum(ours.values()), expected.total_uJ))
        rows.append(("total", "cycles", float(outcome.cycles[0]), expected.cycles))
        for component, quantity, mine, theirs in rows:
            yield {
                "layer": case.layer,
                "run": run,
                "component": component,
                "quantity": quantity,
                "accounting": AccountedCost.mode,
                "first_partial_sums": cases.conventions.first_sums,
                "padded": {str(dim): more for dim, more in case.padded.items()},
                "ours": mine,
                "expected": theirs,
                "relative_error": mine / theirs - 1.0 if theirs else (0.0 if mine == theirs else None),
            }


def run_case(cases: CostCases, case: Case, *, sparse: bool) -> AccountedCost:
    """Evaluate one case in the accounting its numbers were published in.

    Raises:
        ConfigError: The file has no compute level, or a sparse run this program does not understand.
    """
    compute = cases.architecture.compute
    if compute is None:
        raise ConfigError(Problem("cost_cases.architecture", "no compute level", "a level with 'mac_pJ'"))
    there = cases.architecture.instances
    return evaluate(
        LoopProblem(case.dims, case.stride, gaps="fetched"),
        nest_of(cases.architecture, case),
        tuple(level.store(there.get(level.name)) for level in cases.architecture.stores),
        (compute.name, compute.mac_pJ or 0.0),
        _sparsity(cases, case) if sparse else None,
        cases.conventions,
        compute.gated_mac_pJ,
    )


def nest_of(architecture: ArchitectureEntry, case: Case) -> Nest:
    """The mapping of a case."""
    loops = tuple(Loop.of(loop.level, loop.kind, loop.dim, loop.bound) for loop in case.loops_outermost_first)
    return Nest(tuple(level.name for level in architecture.levels_outermost_first), loops)


def _sparsity(cases: CostCases, case: Case) -> Sparsity:
    if cases.sparse_run is None:
        return Sparsity(case.density)
    levels = {level.name: level.metadata_word_bits for level in cases.architecture.stores}
    return sparsity(cases.sparse_run, case.density, levels, "cost_cases.sparse_run")


def contradictions(cases: CostCases, root: str = "cost_cases") -> Iterator[Problem]:
    """Levels, mappings and results that do not fit together; `root` opens the places in the messages."""
    yield from _odd_levels(cases.architecture, f"{root}.architecture")
    names = [case.layer for case in cases.cases]
    for place, case in enumerate(cases.cases):
        where = f"{root}.cases[{place}]"
        if names.index(case.layer) != place:
            yield Problem(f"{where}.layer", f"'{case.layer}' a second time", "different names")
        yield from _odd_mapping(cases.architecture, case, where)
        yield from _odd_results(cases.architecture, case, where)


def _odd_levels(architecture: ArchitectureEntry, where: str) -> Iterator[Problem]:
    levels = architecture.levels_outermost_first
    names = [level.name for level in levels]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield Problem(where, f"two levels called '{name}'", "different names")
    computing = [level.name for level in levels if level.mac_pJ is not None]
    if not computing:
        yield Problem(where, "no compute level", "a level with 'mac_pJ'")
    elif computing != [names[-1]]:
        yield Problem(
            where, f"'mac_pJ' at {', '.join(computing)}", f"it at the last level, '{names[-1]}', alone"
        )
    for tensor in TENSORS:
        if not any(tensor in level.keeps for level in levels):
            yield Problem(where, f"no level that keeps {tensor}", "one for each of weights, inputs, outputs")


def _odd_mapping(architecture: ArchitectureEntry, case: Case, where: str) -> Iterator[Problem]:
    known = [level.name for level in architecture.levels_outermost_first]
    where = f"{where}.loops_outermost_first"
    if prod(loop.bound for loop in case.loops_outermost_first) > _MOST:
        yield Problem(where, "too many iterations", f"at most {_MOST:.3g}")
        return
    wrong = list(unknown_levels([loop.level for loop in case.loops_outermost_first], known, where))
    yield from wrong
    if not wrong:
        nest = nest_of(architecture, case)
        yield from repeated(nest, where)
        yield from uncovered(nest, case.dims, where, case.padded)
        yield from overspread(nest, architecture.limits, where)


def _odd_results(architecture: ArchitectureEntry, case: Case, where: str) -> Iterator[Problem]:
    known = [level.name for level in architecture.levels_outermost_first]
    for run, expected in case.expected.items():
        for name in expected.energy_uJ:
            if name not in known:
                yield Problem(f"{where}.expected.{run}.energy_uJ", f"the component '{name}'", one_of(known))
