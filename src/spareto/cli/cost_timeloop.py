"""`spareto cost --arch`: one layer on an architecture of Timeloop, in its accounting."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cyclopts import Parameter
from rich.table import Table

from spareto.cli.console import Console, print_json
from spareto.core import amounts
from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of
from spareto.hardware.describing.accelerator import Accelerator
from spareto.hardware.describing.chip import Chip
from spareto.hardware.describing.nest import Nest
from spareto.hardware.describing.problem import LoopProblem
from spareto.hardware.mapping.explain import Explained, explain, lines
from spareto.hardware.mapping.fixed import fixed_nest
from spareto.records.workload import Workload
from spareto.reproduction.timeloop.accounting import AccountedCost
from spareto.reproduction.timeloop.cases import CostCases, nest_of, run_case
from spareto.reproduction.timeloop.conventions import Tool
from spareto.reproduction.timeloop.files import TimeloopFiles, read_files, write_files
from spareto.reproduction.timeloop.files.workload import ProblemFile, read_problem
from spareto.reproduction.timeloop.ours import case_of


@Parameter(name="*")
@dataclass(frozen=True)
class TimeloopWords:
    """Files of Timeloop and Accelergy, which take the place of an accelerator.

    Args:
        arch: An architecture of Timeloop and Accelergy; needs `mapping` and `ert`. The workload may then be a
            problem file of Timeloop, too.
        ert: Energies of Accelergy, with `arch`.
        constraints: Constraints of Timeloop that say what each level keeps, with `arch`.
        sparse: Sparse optimizations of Sparseloop, where the architecture does not hold them, with `arch`.
        layer: The layer to cost with `arch`, where the workload has several, or to write.
        tool: Whose accounting to follow, with `arch`.
        write_timeloop: Write architecture, mapping, problem and energies for Timeloop into this folder, with
            `arch` or from an array of ours.
    """

    arch: Path | None = None
    ert: Path | None = None
    constraints: Path | None = None
    sparse: Path | None = None
    layer: str | None = None
    tool: Literal["timeloop-0.4", "timeloop-0.3", "sparseloop-micro2022"] = "timeloop-0.4"
    write_timeloop: Path | None = None


def cost_on_timeloop(
    workload: Path, arch: Path, mapping: Path | None, asked: TimeloopWords, *, told: bool, json: bool
) -> None:
    """Cost one layer and print it.

    Raises:
        ConfigError: A file is missing or not said, or the layer is not.
    """
    lacking = [name for name, path in (("--mapping", mapping), ("--ert", asked.ert)) if path is None]
    if mapping is None or asked.ert is None:
        cure = "A mapping says how the layer runs, an energy file what an action takes."
        raise ConfigError(Problem("--arch", f"no {' and no '.join(lacking)}", "both files beside it", cure))
    problem, name = _layer(workload, asked.layer)
    files = TimeloopFiles(arch, mapping, asked.ert, asked.constraints, asked.sparse)
    cases, notes = read_files(files, problem, name, tool=asked.tool)
    case = cases.cases[0]
    outcome = run_case(cases, case, sparse=cases.sparse_run is not None)
    told_as = _explained(cases, problem, name) if told else None
    if asked.write_timeloop is not None:
        write_files(cases, case, asked.write_timeloop)
    row = _row(name, asked.tool, outcome, notes, told_as)
    row["run"] = "dense" if cases.sparse_run is None else "sparse"
    if json:
        print_json(row)
    else:
        _print(row, told_as)


def write_ours(
    network: Workload, chip: Chip, mappings: Mapping[str, Nest], folder: Path, layer: str | None, tool: Tool
) -> Iterator[str]:
    """Write layers on an accelerator of ours as files of Timeloop, and say what was written.

    Args:
        network: The workload.
        chip: The accelerator; an array.
        mappings: Mappings to use, by layer name; the others get the fixed one.
        folder: Where to; several layers in a folder each.
        layer: The only layer to write.
        tool: Whose accounting the energies told here follow.

    Raises:
        ConfigError: The accelerator has no mappings, or the layer is not there.
    """
    if not isinstance(chip, Accelerator):
        raise ConfigError(Problem("--write-timeloop", f"'{chip.name}', which has no mappings", "an array"))
    names = tuple(each.name for each in network.layers)
    if layer is not None and layer not in names:
        raise ConfigError(Problem("--layer", repr(layer), one_of(names), did_you_mean(layer, names)))
    chosen = [each for each in network.layers if layer in (None, each.name)]
    for number, each in enumerate(chosen, start=1):
        nest = mappings.get(each.name) or fixed_nest(each, chip)
        cases, notes = case_of(chip, each, nest, tool=tool)
        plain = re.sub(r"[^A-Za-z0-9_]+", "-", each.name)  # a name of any letters is no path
        place = folder if len(chosen) == 1 else folder / f"{number}-{plain}"
        write_files(cases, cases.cases[0], place)
        found = run_case(cases, cases.cases[0], sparse=False)
        energy = sum(float(pj[0]) for pj in found.component_energy_pj().values())
        yield (
            f"wrote {place}: {each.name}, dense, {amounts.energy(energy)}, "
            f"{float(found.cycles[0]):,.0f} cycles as {tool}"
        )
        yield from (f"note: {note}" for note in notes)


def _layer(path: Path, name: str | None) -> tuple[ProblemFile, str]:
    """A problem file, or one layer of a workload (one group of it)."""
    if path.suffix != ".json":
        return read_problem(path), name or path.stem.split(".")[0]
    workload = Workload.load(path)
    names = tuple(layer.name for layer in workload.layers)
    if name is None and len(names) == 1:
        name = names[0]
    if name is None or name not in names:
        got = "no layer" if name is None else repr(name)
        raise ConfigError(Problem("--layer", got, one_of(names), did_you_mean(name or "", names)))
    return ProblemFile(LoopProblem.of(workload.layers[names.index(name)])), name


def _explained(cases: CostCases, file: ProblemFile, name: str) -> Explained:
    kept = {level.name: level.keeps for level in cases.architecture.stores}
    problem, nest = replace(file.problem, gaps="fetched"), nest_of(cases.architecture, cases.cases[0])
    return explain(name, problem, nest, kept, cases.conventions.halo, called=file.names.theirs)


def _row(
    name: str, tool: Tool, outcome: AccountedCost, notes: tuple[str, ...], told: Explained | None
) -> dict[str, Any]:
    by_component = {key: float(energy[0]) for key, energy in outcome.component_energy_pj().items()}
    row: dict[str, Any] = {
        "layer": name,
        "mode": AccountedCost.mode,
        "tool": tool,
        "run": "dense",
        "energy_pj": sum(by_component.values()),
        "latency_cycles": float(outcome.cycles[0]),
        "computes": float(outcome.computes[0]),
        "energy_by_component_pj": by_component,
        "energy_by_tensor_pj": {
            f"{component} {tensor}": float(energy[0])
            for (component, tensor), energy in outcome.energy_pj.items()
        },
        "notes": list(notes),
    }
    return row | ({"mapping": asdict(told)} if told else {})


def _print(row: dict[str, Any], told: Explained | None) -> None:
    console = Console()
    title = f"{row['layer']}, {row['run']}, mode {row['mode']} as {row['tool']}"
    console.print(title, soft_wrap=True)
    table = Table("component", "energy", "share")
    for component, energy in row["energy_by_component_pj"].items():
        table.add_row(component, amounts.energy(energy), f"{100 * energy / (row['energy_pj'] or 1):.1f} %")
    table.add_section()
    table.add_row("all", amounts.energy(row["energy_pj"]), f"{row['latency_cycles']:,.0f} cycles")
    console.print(table)
    for line in _after(row["notes"], told):
        console.print(line, soft_wrap=True)


def _after(notes: list[str], told: Explained | None) -> Iterator[str]:
    if told:
        yield from lines(told)
    yield from (f"note: {note}" for note in notes)
