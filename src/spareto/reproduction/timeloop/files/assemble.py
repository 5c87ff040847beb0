"""From the files of Timeloop to one case of the accounting `timeloop-compatible`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spareto.core.errors import ConfigError, Problem, one_of
from spareto.hardware.describing.nest import LoopKind
from spareto.hardware.describing.problem import TENSORS, LoopProblem, TensorName
from spareto.reproduction.timeloop.cases import CostCases, contradictions
from spareto.reproduction.timeloop.conventions import Tool
from spareto.reproduction.timeloop.files.architecture import Architecture, Part, read_architecture
from spareto.reproduction.timeloop.files.energies import COMPUTE, READ, WRITE, Actions, energy, read_energies
from spareto.reproduction.timeloop.files.mapping import Directives, read_constraints, read_mapping
from spareto.reproduction.timeloop.files.plain import number

_KINDS: tuple[LoopKind, LoopKind] = ("temporal", "spatial")
_WORD = ("datawidth", "word-bits", "word_bits", "data_width")
_BLOCK = ("block-size", "block_size", "n_words", "cluster-size-words")


@dataclass(frozen=True)
class TimeloopFiles:
    """Paths of the files.

    Args:
        arch: Architecture.
        mapping: Mapping.
        ert: Energies.
        constraints: What each level keeps, where neither architecture nor mapping says it.
    """

    arch: Path
    mapping: Path
    ert: Path
    constraints: Path | None = None


def read_files(
    files: TimeloopFiles, problem: LoopProblem, name: str, *, tool: Tool = "timeloop-0.4"
) -> tuple[CostCases, tuple[str, ...]]:
    """One layer on one architecture under one mapping, and notes on what was read over.

    Args:
        files: The files.
        problem: The layer.
        name: Its name.
        tool: Whose accounting to follow.

    Raises:
        ConfigError: A file cannot be read, holds what our model cannot express, or does not fit the others.
    """
    architecture, energies = read_architecture(files.arch), read_energies(files.ert)
    known = [part.name for part in architecture.parts]
    mapping = _renamed(read_mapping(files.mapping), known)
    constraints = _renamed(read_constraints(files.constraints), known) if files.constraints else Directives()
    problems: list[Problem] = list(_unknown(mapping, known, str(files.mapping)))
    problems += _unknown(constraints, known, str(files.constraints))
    levels: list[dict[str, Any]] = list(
        _levels(architecture, energies, (mapping, constraints), str(files.ert), problems)
    )
    if problems:
        raise ConfigError(problems)
    instances = {part.name: part.instances for part in architecture.parts}
    data: dict[str, Any] = {
        "about": f"{files.arch} under {files.mapping}",
        "tool": tool,
        "architecture": {
            "levels_outermost_first": levels,
            "instances": instances,
        },
        "cases": [
            {
                "layer": name,
                "dims": dict(problem.dims),
                "stride": problem.stride,
                "loops_outermost_first": list(_loops(architecture, mapping)),
                "expected": {},
            }
        ],
    }
    cases = CostCases.parse(data, "timeloop")
    if found := list(contradictions(cases, "timeloop")):
        raise ConfigError(found)
    return cases, architecture.notes


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
    said: tuple[Directives, ...],
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
            yield {"name": part.name, "mac_pJ": energy(actions, COMPUTE, where)}
        elif part.stores:
            yield _store(part, actions, _keeps(part, said), where)
        else:
            yield {"name": part.name}


def _keeps(part: Part, said: tuple[Directives, ...]) -> tuple[TensorName, ...]:
    """What the mapping says, else the architecture, else the constraints; everything if none does."""
    mapping, constraints = said
    for found in (mapping.keeps.get(part.name), part.keeps, constraints.keeps.get(part.name)):
        if found is not None:
            return found
    return TENSORS


def _store(part: Part, actions: Actions, keeps: tuple[TensorName, ...], where: str) -> dict[str, Any]:
    word = int(_attribute(part, _WORD, 16, where))
    width = _attribute(part, ("width",), 0, where)
    block = _attribute(part, _BLOCK, 0, where) or max(1.0, (width or word) // word)
    level: dict[str, Any] = {
        "name": part.name,
        "keeps": keeps,
        "word_bits": word,
        "words_per_access": int(block),
        "read_pJ": energy(actions, READ, where),
        "write_pJ": energy(actions, WRITE, where),
    }
    for ours, theirs in (
        ("read_words_per_cycle", ("read_bandwidth", "read-bandwidth")),
        ("write_words_per_cycle", ("write_bandwidth", "write-bandwidth")),
    ):
        if limit := _attribute(part, theirs, 0, where):
            level[ours] = limit
    return level


def _attribute(part: Part, names: tuple[str, ...], missing: float, where: str) -> float:
    for name in names:
        if name in part.attributes:
            return number(part.attributes[name], f"{where}.{name}", whole="bandwidth" not in name)
    return missing


def _loops(architecture: Architecture, mapping: Directives) -> Iterator[dict[str, Any]]:
    for part in architecture.parts:
        for kind in _KINDS:
            for dim, bound in mapping.loops.get((part.name, kind), []):
                yield {"level": part.name, "kind": kind, "dim": dim, "bound": bound}
