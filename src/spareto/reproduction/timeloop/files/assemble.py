"""From the files of Timeloop to one case of the accounting `timeloop-compatible`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spareto.core.errors import ConfigError, Problem, one_of
from spareto.hardware.describing.nest import LoopKind
from spareto.hardware.describing.problem import TENSORS, LoopProblem, TensorName
from spareto.reproduction.timeloop.cases import CostCases, contradictions, nest_of
from spareto.reproduction.timeloop.conventions import Tool
from spareto.reproduction.timeloop.files.architecture import Architecture, ArchitecturePart, read_architecture
from spareto.reproduction.timeloop.files.energies import (
    COMPRESS,
    COMPUTE,
    DECOMPRESS,
    GATED_COMPUTE,
    GATED_READ,
    GATED_WRITE,
    LEAK,
    METADATA_READ,
    METADATA_WRITE,
    READ,
    UPDATE,
    WRITE,
    Actions,
    energy,
    read_energies,
)
from spareto.reproduction.timeloop.files.mapping import Directives, read_constraints, read_mapping, whole
from spareto.reproduction.timeloop.files.names import Names
from spareto.reproduction.timeloop.files.plain import as_mapping, number
from spareto.reproduction.timeloop.files.sparse import read_sparse, sparse_run
from spareto.reproduction.timeloop.files.workload import ProblemFile
from spareto.reproduction.timeloop.sparse_runs import SparseRun

_KINDS: tuple[LoopKind, LoopKind] = ("temporal", "spatial")
_WORD = ("datawidth", "word-bits", "word_bits", "data_width")
_METADATA_WORD = ("metadata-word-bits", "metadata_word_bits", "metadata_datawidth")
_METADATA_ROW = ("metadata_storage_width", "metadata-storage-width", "metadata_width")
_DEPTH = ("depth", "data_storage_depth", "memory_depth")
_WIDTH = ("width", "data_storage_width", "memory_width")
_BLOCK = ("block-size", "block_size", "n_words")
_CLUSTER = ("cluster_size", "cluster-size")
_SCALES = ("bandwidth_consumption_scale", "per_dataspace_bandwidth_consumption_scale")


@dataclass(frozen=True)
class TimeloopFiles:
    """Paths of the files.

    Args:
        arch: Architecture.
        mapping: Mapping.
        ert: Energies.
        constraints: What each level keeps, where neither architecture nor mapping says it.
        sparse: Sparse optimizations, where the architecture does not hold them.
    """

    arch: Path
    mapping: Path
    ert: Path
    constraints: Path | None = None
    sparse: Path | None = None


def read_files(
    files: TimeloopFiles, problem: ProblemFile, name: str, *, tool: Tool = "timeloop-0.4"
) -> tuple[CostCases, tuple[str, ...]]:
    """One layer on one architecture under one mapping, and notes on what was read over.

    Args:
        files: The files.
        problem: The layer, and what its file calls things.
        name: Its name.
        tool: Whose accounting to follow.

    Raises:
        ConfigError: A file cannot be read, holds what our model cannot express, or does not fit the others.
    """
    names = problem.names
    architecture, energies = read_architecture(files.arch), _charged(read_energies(files.ert), tool)
    known = [part.name for part in architecture.parts]
    read = whole(read_mapping(files.mapping, names), problem.problem.dims, f"{files.mapping}: mapping")
    mapping = _renamed(read, known)
    constraints = Directives()
    if files.constraints:
        constraints = _renamed(read_constraints(files.constraints, names), known)
    problems: list[Problem] = list(_unknown(mapping, known, str(files.mapping)))
    problems += _unknown(constraints, known, str(files.constraints))
    keeps = {
        part.name: _keeps(part, (mapping, constraints), names, f"{files.arch} '{part.name}'")
        for part in architecture.parts
    }
    problems += _shared(architecture, keeps, str(files.arch))
    problems += _beyond(architecture, str(files.arch))
    levels: list[dict[str, Any]] = list(_levels(architecture, energies, keeps, str(files.ert), problems))
    ConfigError.if_any(problems)
    data: dict[str, Any] = {
        "about": f"{files.arch} under {files.mapping}",
        "tool": tool,
        "architecture": {
            "levels_outermost_first": levels,
            "instances": {part.name: part.instances for part in architecture.parts},
        },
        "cases": [
            {
                "layer": name,
                "dims": dict(problem.problem.dims),
                "stride": problem.problem.stride,
                "density": dict(problem.density),
                "loops_outermost_first": list(_loops(architecture, mapping)),
                "expected": {},
            }
        ],
    }
    run = _sparse(files, architecture, problem)
    cases = CostCases.parse(data, "timeloop").replace(sparse_run=run)
    if found := list(contradictions(cases, "timeloop")):
        raise ConfigError(_in_their_words(problem, str(files.mapping), name, names) for problem in found)
    notes = [*architecture.notes, *_overfull(cases), *_uncharged(energies)]
    if problem.density and run is None:
        notes.append("densities change nothing where no level has a sparse optimization")
    return cases, tuple(notes)


def _in_their_words(problem: Problem, mapping: str, name: str, names: Names) -> Problem:
    """What is wrong with the mapping, in the words of its file."""
    _, _, dim = problem.where.partition(".loops_outermost_first, ")
    if not dim:
        return problem
    called = next((theirs for ours, theirs in names.theirs.items() if ours == dim), dim)
    return replace(problem, where=f"{mapping}: mapping of '{name}', {called}", cure="")


def _charged(energies: dict[str, Actions], tool: Tool) -> dict[str, Actions]:
    """What a version of the tool charges: the older ones no leakage."""
    if tool == "timeloop-0.4":
        return energies
    return {name: {key: acts[key] for key in acts if key not in LEAK} for name, acts in energies.items()}


def _uncharged(energies: Mapping[str, Actions]) -> Iterator[str]:
    """Energies of what does not happen."""
    for name, actions in energies.items():
        for action, pj in actions.items():
            if "skipped" in action and pj:
                yield f"{name}: {action} of {pj:g} pJ; what is skipped takes nothing here"


def _overfull(cases: CostCases) -> Iterator[str]:
    """Memories whose tiles take more words than they hold, zeros included; the tool refuses that."""
    case = cases.cases[0]
    nest = nest_of(cases.architecture, case)
    problem = LoopProblem(case.dims, case.stride, gaps="fetched")
    for level in cases.architecture.stores:
        tile = sum(int(problem.tile(tensor, nest.extents(level.name))[0]) for tensor in level.keeps)
        room = level.depth and int(level.depth * level.words_per_access)
        if room and tile > room:
            told = f"tiles of {tile:,} words, which does not fit in {room:,} unless zeros are left out"
            yield f"{level.name}: {told}"


def _sparse(files: TimeloopFiles, architecture: Architecture, problem: ProblemFile) -> SparseRun | None:
    """What the file says, else what the components say."""
    said = {part.name: part.sparse for part in architecture.parts if part.sparse}
    where = str(files.arch)
    if files.sparse:
        said, where = read_sparse(files.sparse), str(files.sparse)
    known = [part.name for part in architecture.parts]
    if unknown := [level for level in said if level not in known]:
        raise ConfigError(Problem(where, f"the target '{unknown[0]}'", one_of(known)))
    run = sparse_run(said, problem.names, known[-1], where)
    return run and run.replace(model=problem.model)


def _renamed(said: Directives, known: list[str]) -> Directives:
    """A container that spreads may be the target by its own name."""

    def name(level: str) -> str:
        spread = f"inter_{level}_spatial"
        return spread if level not in known and spread in known else level

    return Directives(
        loops={(name(level), kind): loops for (level, kind), loops in said.loops.items()},
        keeps={name(level): kept for level, kept in said.keeps.items()},
    )


def _unknown(directives: Directives, known: list[str], where: str) -> Iterator[Problem]:
    named = dict.fromkeys([*(level for level, _ in directives.loops), *directives.keeps])
    for level in named:
        if level not in known:
            yield Problem(where, f"the target '{level}'", one_of(known))


def _levels(
    architecture: Architecture,
    energies: Mapping[str, Actions],
    keeps: Mapping[str, tuple[TensorName, ...]],
    ert: str,
    problems: list[Problem],
) -> Iterator[dict[str, Any]]:
    for part in architecture.parts:
        where = f"{ert} '{part.name}'"
        if (part.stores or part.computes) and part.name not in energies:
            problems.append(Problem(where, "no table", f"one of {part.name}"))
            continue
        actions: Actions = energies.get(part.name, {})
        if part.computes:
            gated = energy(actions, GATED_COMPUTE, where, 0.0)
            yield {"name": part.name, "mac_pJ": energy(actions, COMPUTE, where), "gated_mac_pJ": gated}
        elif part.stores:
            yield _store(part, actions, keeps[part.name], where)
        else:
            yield {"name": part.name}


def _keeps(
    part: ArchitecturePart, said: tuple[Directives, ...], names: Names, where: str
) -> tuple[TensorName, ...]:
    """What the mapping says, else the architecture, else the constraints; everything if none does."""
    mapping, constraints = said
    own: tuple[TensorName, ...] | None = (
        None if part.keeps is None else names.tensors(list(part.keeps), where)
    )
    if own is None and part.passes is not None:
        passed = names.tensors(list(part.passes), where)
        own = tuple(tensor for tensor in TENSORS if tensor not in passed)
    for found in (mapping.keeps.get(part.name), own, constraints.keeps.get(part.name)):
        if found is not None:
            return found
    return TENSORS


def _shared(
    architecture: Architecture, keeps: Mapping[str, tuple[TensorName, ...]], where: str
) -> Iterator[Problem]:
    """Branches side by side hold different tensors, or one would feed the other."""
    seen: dict[tuple[str, TensorName], tuple[int, str]] = {}
    for part in architecture.parts:
        for fork, branch in part.beside:
            for tensor in keeps[part.name] if part.stores else ():
                other, name = seen.setdefault((fork, tensor), (branch, part.name))
                if other != branch:
                    got = f"'{name}' and '{part.name}' side by side, both with {tensor}"
                    yield Problem(where, got, "branches that keep different data spaces, or are alike")


def _beyond(architecture: Architecture, where: str) -> Iterator[Problem]:
    """Attributes that change the counts in ways that our accounting has no words for."""
    for part in architecture.parts:
        if (cluster := _attribute(part, _CLUSTER, 1, f"{where} '{part.name}'", least=1)) != 1:
            rule = "1: instances that share a wide word are not covered"
            yield Problem(f"{where} '{part.name}'.cluster_size", f"{cluster:g}", rule)
        for key in _SCALES:
            at, said = f"{where} '{part.name}'.{key}", part.attributes.get(key)
            scales = as_mapping(said, at) if isinstance(said, Mapping) else {key: 1 if said is None else said}
            if any(each != 1 for each in scales.values()):
                yield Problem(at, ", ".join(str(each) for each in scales.values()), "1 for every data space")


def _store(
    part: ArchitecturePart, actions: Actions, keeps: tuple[TensorName, ...], where: str
) -> dict[str, Any]:
    word = int(_attribute(part, _WORD, 16, where, least=1))
    width = _attribute(part, _WIDTH, 0, where)
    block = _attribute(part, _BLOCK, 0, where) or max(1.0, (width or word) // word)
    level: dict[str, Any] = {
        "name": part.name,
        "keeps": keeps,
        "word_bits": word,
        "words_per_access": int(block),
        "read_pJ": energy(actions, READ, where),
        "write_pJ": energy(actions, WRITE, where),
        "update_pJ": energy(actions, UPDATE, where, energy(actions, WRITE, where)),
    }
    for ours, theirs in (
        ("gated_read_pJ", GATED_READ),
        ("gated_write_pJ", GATED_WRITE),
        ("metadata_read_pJ", METADATA_READ),
        ("metadata_write_pJ", METADATA_WRITE),
        ("decompression_pJ", DECOMPRESS),
        ("compression_pJ", COMPRESS),
        ("leak_pJ", LEAK),
    ):
        level[ours] = energy(actions, theirs, where, 0.0)
    if depth := _attribute(part, _DEPTH, 0, where):
        level["depth"] = depth
    for ours, theirs in (("metadata_word_bits", _METADATA_WORD), ("metadata_row_bits", _METADATA_ROW)):
        if bits := _attribute(part, theirs, 0, where):
            level[ours] = int(bits)
    level.setdefault("metadata_word_bits", level.get("metadata_row_bits", 1))
    for ours, theirs in (
        ("read_words_per_cycle", ("read_bandwidth", "read-bandwidth")),
        ("write_words_per_cycle", ("write_bandwidth", "write-bandwidth")),
        ("shared_words_per_cycle", ("shared_bandwidth", "shared-bandwidth")),
    ):
        if limit := _attribute(part, theirs, 0, where):
            level[ours] = limit
    return level


def _attribute(
    part: ArchitecturePart, names: tuple[str, ...], missing: float, where: str, *, least: float = 0
) -> float:
    for name in names:
        if name in part.attributes:
            whole = "bandwidth" not in name
            return number(part.attributes[name], f"{where}.{name}", whole=whole, least=least)
    return missing


def _loops(architecture: Architecture, mapping: Directives) -> Iterator[dict[str, Any]]:
    for part in architecture.parts:
        for kind in _KINDS:
            for dim, bound in mapping.loops.get((part.name, kind), []):
                yield {"level": part.name, "kind": kind, "dim": dim, "bound": bound}
