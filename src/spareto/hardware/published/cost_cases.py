"""Layers with given mappings whose energy per component and cycles were published: the `cost-cases` files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from spareto.core.config import Record, load_data
from spareto.core.errors import ConfigError, one_of
from spareto.core.errors import Problem as Trouble
from spareto.hardware.formats.rle import RunLength
from spareto.hardware.mapping.nest import Loop, LoopKind, Nest
from spareto.hardware.problem import Dim, Problem, TensorName
from spareto.hardware.timeloop import Outcome, Saving, Sparsity, Store, evaluate

Amount = Annotated[float, Field(ge=0)]
Densities = dict[TensorName, Annotated[float, Field(ge=0, le=1)]]
_UNGATED_ABOVE = 0.9  # "layers with input density above 0.9 are not gated", nor compressed


class LevelEntry(Record):
    """A level as the file writes it; energies in picojoules an access, `words_per_access` words each."""

    name: str
    about: str = ""
    keeps: tuple[TensorName, ...] = ()
    depth: Amount | None = None
    width_bits: Amount | None = None
    word_bits: int = 16
    words_per_access: int = 1
    read_pJ: Amount = 0.0  # noqa: N815 - the file's own keys
    write_pJ: Amount = 0.0  # noqa: N815
    gated_read_pJ: Amount = 0.0  # noqa: N815
    gated_write_pJ: Amount = 0.0  # noqa: N815
    metadata_word_bits: int = 1
    metadata_read_pJ: Amount = 0.0  # noqa: N815
    metadata_write_pJ: Amount = 0.0  # noqa: N815
    read_words_per_cycle: Amount | None = None
    write_words_per_cycle: Amount | None = None
    mac_pJ: Amount | None = None  # noqa: N815

    def store(self) -> Store:
        """The level as the accounting wants it."""
        return Store(
            name=self.name,
            keeps=self.keeps,
            read_pj=self.read_pJ,
            write_pj=self.write_pJ,
            gated_read_pj=self.gated_read_pJ,
            gated_write_pj=self.gated_write_pJ,
            metadata_read_pj=self.metadata_read_pJ,
            metadata_write_pj=self.metadata_write_pJ,
            block=self.words_per_access,
            word_bits=self.word_bits,
            metadata_bits=self.metadata_word_bits,
            read_words=self.read_words_per_cycle,
            write_words=self.write_words_per_cycle,
        )


class Architecture(Record):
    """Levels outermost first, the compute units last."""

    levels_outermost_first: tuple[LevelEntry, ...]
    instances: dict[str, int] = Field(default_factory=dict[str, int])


class SparseRun(Record):
    """What the sparse run compresses and gates, in the words of the file."""

    dram: str
    weights_spad: str
    note: str = ""


class LoopEntry(Record):
    """One loop of the given mapping."""

    level: str
    kind: LoopKind
    dim: Dim
    bound: Annotated[int, Field(ge=1)]


class Expected(Record):
    """Published energies in microjoules, and cycles."""

    energy_uJ: dict[str, float]  # noqa: N815
    total_uJ: float  # noqa: N815
    cycles: float


class Case(Record):
    """One layer, its mapping and its published results."""

    layer: str
    dims: dict[Dim, int]
    stride: tuple[int, int] = (1, 1)
    density: Densities = Field(default_factory=dict[TensorName, float])
    loops_outermost_first: tuple[LoopEntry, ...]
    expected: dict[Literal["dense", "sparse"], Expected]


class CostCases(Record):
    """A `cost-cases` file."""

    about: str = ""
    units: dict[str, str] = Field(default_factory=dict[str, str])
    architecture: Architecture
    sparse_run: SparseRun | None = None
    cases: tuple[Case, ...]


def reproduce_cost_cases(path: str | Path) -> list[dict[str, Any]]:
    """Run every case of a file; one row a layer, run and component, ours beside the published number.

    The rows `total` and `cycles` close each run. Energies in microjoules, under `ours` and `expected`;
    `quantity` names the unit.

    Raises:
        ConfigError: The file breaks the schema.
    """
    cases = CostCases.parse(load_data(path), "cost_cases")
    return [row for case in cases.cases for row in _case_rows(cases, case)]


def _case_rows(cases: CostCases, case: Case) -> Iterator[dict[str, Any]]:
    for run, expected in case.expected.items():
        outcome = run_case(cases, case, sparse=run == "sparse")
        ours = {name: float(energy[0]) * 1e-6 for name, energy in outcome.component_energy_pj().items()}
        for component, energy in expected.energy_uJ.items():
            yield _row(case.layer, run, component, "energy_uJ", ours.get(component, 0.0), energy)
        yield _row(case.layer, run, "total", "energy_uJ", sum(ours.values()), expected.total_uJ)
        yield _row(case.layer, run, "total", "cycles", float(outcome.cycles[0]), expected.cycles)


def _row(layer: str, run: str, component: str, quantity: str, ours: float, expected: float) -> dict[str, Any]:
    error = ours / expected - 1.0 if expected else (0.0 if ours == expected else None)
    return {
        "layer": layer,
        "run": run,
        "component": component,
        "quantity": quantity,
        "accounting": Outcome.mode,
        "ours": ours,
        "expected": expected,
        "relative_error": error,
    }


def run_case(cases: CostCases, case: Case, *, sparse: bool) -> Outcome:
    """Evaluate one case in the accounting its numbers were published in.

    Raises:
        ConfigError: The file has no compute level, or a sparse run this program does not understand.
    """
    levels = cases.architecture.levels_outermost_first
    compute = next((level for level in levels if level.mac_pJ is not None), None)
    if compute is None:
        raise ConfigError(Trouble("cost_cases.architecture", "no compute level", "a level with 'mac_pJ'"))
    loops = tuple(Loop.of(loop.level, loop.kind, loop.dim, loop.bound) for loop in case.loops_outermost_first)
    return evaluate(
        Problem(case.dims, case.stride),
        Nest(tuple(level.name for level in levels), loops),
        tuple(level.store() for level in levels if level.keeps),
        (compute.name, compute.mac_pJ or 0.0),
        _sparsity(cases, case) if sparse else None,
    )


def _sparsity(cases: CostCases, case: Case) -> Sparsity:
    if cases.sparse_run is None:
        return Sparsity(case.density)
    compressed = _words(
        cases.sparse_run.dram, r"(?P<tensors>.+) in UOP\+RLE(?: \(run length (?P<bits>\d+) bit\))?", "dram"
    )
    gated = _words(cases.sparse_run.weights_spad, r"gated on (?P<tensors>.+)", "weights_spad")
    dram = cases.architecture.levels_outermost_first[0].name
    worth = {tensor for tensor, density in case.density.items() if density <= _UNGATED_ABOVE}
    leaders: tuple[TensorName, ...] = tuple(tensor for tensor in gated if tensor in worth)
    return Sparsity(
        density=case.density,
        formats={(dram, tensor): RunLength() for tensor in compressed if tensor in worth},
        savings=(Saving("weights_spad", "weights", "gate", leaders),) if leaders else (),
    )


def _words(text: str, pattern: str, key: str) -> list[TensorName]:
    """The tensors that a sentence of the file names."""
    match = re.fullmatch(pattern, text.strip())
    names = re.split(r",\s*|\s+and\s+", match["tensors"]) if match else []
    known: dict[str, TensorName] = {"weights": "weights", "inputs": "inputs", "outputs": "outputs"}
    if not match or set(names) - set(known):
        rule = f"'TENSORS in UOP+RLE (run length N bit)' or 'gated on TENSORS', tensors {one_of(known)}"
        raise ConfigError(Trouble(f"cost_cases.sparse_run.{key}", repr(text), rule))
    return [known[name] for name in names]
