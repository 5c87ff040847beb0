"""`spareto cost`: what a measured network costs on an accelerator, or on many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from spareto import hardware
from spareto.cli import numbers
from spareto.cli.console import Console, print_json
from spareto.cli.cost_tables import print_comparison, print_cost, print_mapper
from spareto.cli.cost_timeloop import TimeloopWords, cost_on_timeloop, write_ours
from spareto.core.errors import ConfigError, InputError, Problem, UnknownName
from spareto.hardware.describing.nest import Nest
from spareto.hardware.describing.problem import LoopProblem
from spareto.hardware.mapping.explain import Explained, lines
from spareto.hardware.mapping.explain import explain as explain_mapping
from spareto.hardware.mapping.search import FoundMapping, Objective
from spareto.hardware.mapping.written import load_mappings
from spareto.records.cost import Cost, LayerCost
from spareto.records.workload import Statistic, Workload

EVERY = "all"


@Parameter(name="*")
@dataclass(frozen=True)
class ChipWords:
    """What is changed of an accelerator, and how it is used.

    Args:
        overrides: A file of numbers that replace the accelerator's own:
            `components: {dram: {read_energy: {value: 600, unit: pJ, source: "..."}}}`.
        node: Scale the accelerator to another process node, in nanometres, by the rule of docs/hardware.md.
        volts: Scale it to another supply voltage.
        batch: Inferences that follow each other and share what is loaded once; the cost is that of one.
    """

    overrides: Path | None = None
    node: Annotated[float | None, numbers.above()] = None
    volts: Annotated[float | None, numbers.above()] = None
    batch: Annotated[int, numbers.count()] = 1


def cost(
    workload: Path,
    /,
    *,
    accelerator: str = "eyeriss_like",
    compare: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
    weight_format: str = hardware.CHEAPEST,
    spike_format: str | None = None,
    statistic: Literal["mean", "max"] = "mean",
    mapper: Literal["fixed", "search"] = "fixed",
    objective: Literal["energy", "latency", "edp"] | None = None,
    lanes: Literal["mean", "largest"] = "mean",
    mapping: Path | None = None,
    explain: bool = False,
    timeloop: TimeloopWords = TimeloopWords(),  # noqa: B008 - frozen
    chip: ChipWords = ChipWords(),
    figure: Path | None = None,
    json: bool = False,
) -> None:
    """Cost a saved workload on an accelerator, or compare accelerators.

    Args:
        workload: A workload file, as `spareto study run` leaves for every trial.
        accelerator: Name of an accelerator, a YAML file of your own, or `all` for all built-in ones.
        compare: Accelerators to compare, by name or file; without any, all built-in ones.
        weight_format: How weights are stored: a format, `cheapest`, `best` of each layer, or `all` of them.
        spike_format: How spikes are stored where the accelerator compresses them, or `best`; without it,
            the accelerator's own.
        statistic: Charge the mean or the maximum spiking activity.
        mapper: Take the fixed mapping of the accelerator, or search a better one for each layer: if no
            format is named, in the one that the fixed mapping makes cheapest.
        objective: What a searched mapping is to make small, with `--mapper search`; energy if left out.
        lanes: Take the units of an array as equally busy, or let them wait for the busiest.
        mapping: A file of mappings, `mappings: {conv1: "dram: T20 Q4 | shared_glb: P8 / M4"}`: temporal loops
            of each level, spatial ones after a slash. With `arch`, a mapping file of Timeloop.
        explain: Print each mapping as loops, with the tiles and accesses of every level.
        timeloop: Files of Timeloop and Accelergy instead of an accelerator.
        chip: What is changed of an accelerator.
        figure: Draw energy against time of the compared accelerators, as PNG and SVG of that name.
        json: Print JSON; keys carry their unit.
    """
    if timeloop.arch is not None:
        cost_on_timeloop(workload, timeloop.arch, mapping, timeloop, told=explain, json=json)
        return
    _need_arch(timeloop, many := compare is not None or accelerator == EVERY)
    goal = _goal(mapper, objective)
    network = Workload.load(workload)
    asked = _Asked(weight_format, spike_format, statistic, lanes, goal, mapping, explain, chip)
    chips = [hardware.load_accelerator(name, chip.overrides) for name in _names(accelerator, compare)]
    runs = [_run(network, chip, asked, many) for chip in chips]
    if not any(run.costs for run in runs):
        raise InputError(problem for run in runs for problem in run.refused)
    if figure:
        _draw(runs, figure)
    written = _written_out(network, asked.scaled(chips[0]), runs[0], timeloop)
    if json:
        rows = [row for run in runs for row in _rows(network, run, written)]
        print_json(rows if many or weight_format == EVERY else rows[0])
    else:
        _print(network, runs, written)


@dataclass(frozen=True)
class _Asked:
    weight_format: str
    spike_format: str | None
    statistic: Statistic
    lanes: hardware.Lanes
    objective: Objective | None
    mapping: Path | None
    explain: bool
    words: ChipWords

    def scaled(self, chip: hardware.Chip) -> hardware.Chip:
        """The chip at the node and voltage that were asked for."""
        if self.words.node is None and self.words.volts is None:
            return chip
        return hardware.scaled(chip, node_nm=self.words.node, volts=self.words.volts)


@dataclass(frozen=True)
class _Run:
    """The costs on one accelerator, and what the mapper found if it was asked; or why there are none."""

    accelerator: str
    costs: tuple[Cost, ...] = ()
    found: dict[str, FoundMapping] = field(default_factory=dict[str, FoundMapping])
    told: tuple[Explained, ...] = ()
    refused: tuple[Problem, ...] = ()
    kind: str = ""
    nests: Mapping[str, Nest] = field(default_factory=dict[str, Nest])


def _names(accelerator: str, compare: Sequence[str] | None) -> tuple[str, ...]:
    if compare or (compare is None and accelerator != EVERY):
        return tuple(compare or (accelerator,))
    return hardware.accelerator_names()


def _run(network: Workload, chip: hardware.Chip, asked: _Asked, many: bool) -> _Run:
    """Costs on one accelerator; among many, one that cannot run the network does not stop the others."""
    try:
        return replace(_costs(network, chip, asked, many), kind=chip.kind)
    except UnknownName:
        raise
    except InputError as error:
        if not many:
            raise
        return _Run(chip.name, refused=error.problems)


def _costs(network: Workload, chip: hardware.Chip, asked: _Asked, many: bool) -> _Run:
    chip = asked.scaled(chip)
    if asked.explain and not many and not isinstance(chip, hardware.Accelerator):
        cure = "What each layer takes of it is in --json."
        raise ConfigError(Problem("--explain", f"'{chip.name}', which has no mappings", "an array", cure))
    found: dict[str, FoundMapping] = {}
    options: dict[str, Any] = {"statistic": asked.statistic}
    if asked.objective:
        fmt = hardware.CHEAPEST if asked.weight_format == EVERY else asked.weight_format
        found = hardware.find_mappings(network, chip, weight_format=fmt, objective=asked.objective, **options)
    options |= {
        "spike_format": asked.spike_format,
        "lanes": asked.lanes,
        "batch": asked.words.batch,
        "mappings": {layer: best.nest for layer, best in found.items()} | _written(network, chip, asked),
    }
    told = tuple(_told(network, chip, options["mappings"])) if asked.explain else ()
    if asked.weight_format == EVERY:
        costs = hardware.cost_all_formats(network, chip, **options)
        return _Run(chip.name, costs, found, told, nests=options["mappings"])
    one = hardware.cost(network, chip, weight_format=asked.weight_format, **options)
    return _Run(chip.name, (one,), found, told, nests=options["mappings"])


def _written(network: Workload, chip: hardware.Chip, asked: _Asked) -> dict[str, Nest]:
    """The mappings of a file, in place of those found or fixed."""
    if asked.mapping is None:
        return {}
    if not isinstance(chip, hardware.Accelerator):
        raise ConfigError(Problem("--mapping", f"'{chip.name}', which has no mappings", "an array"))
    return load_mappings(asked.mapping, network, chip)


def _told(network: Workload, chip: hardware.Chip, mappings: Mapping[str, Nest]) -> Iterator[Explained]:
    """The mapping of each layer; kinds without mappings have none to tell."""
    if isinstance(chip, hardware.Accelerator):
        for layer in network.layers:
            nest = mappings.get(layer.name) or hardware.fixed_nest(layer, chip)
            problem = LoopProblem.of(layer)
            yield explain_mapping(layer.name, problem, nest, chip.kept, groups=layer.groups)


def _goal(mapper: str, objective: Objective | None) -> Objective | None:
    """What a search makes small; None where none is asked for."""
    if mapper == "search":
        return objective or "energy"
    if objective is None:
        return None
    cure = "Add --mapper search, or leave it out."
    raise ConfigError(Problem("--objective", "no search", "one, which it is the goal of", cure))


def _need_arch(words: TimeloopWords, many: bool) -> None:
    """Files of Timeloop say nothing without its architecture; ours can be written as such files."""
    given: dict[str, Any] = {"--ert": words.ert, "--constraints": words.constraints, "--sparse": words.sparse}
    if words.write_timeloop is None:
        given["--layer"] = words.layer
    elif many:
        raise ConfigError(Problem("--write-timeloop", "several accelerators", "one"))
    if wrong := [name for name, value in given.items() if value is not None]:
        raise ConfigError(Problem(wrong[0], "no --arch", "an architecture of Timeloop beside it"))


def _written_out(network: Workload, chip: hardware.Chip, run: _Run, words: TimeloopWords) -> tuple[str, ...]:
    """What was written for Timeloop, if that was asked for."""
    if words.write_timeloop is None:
        return ()
    return tuple(write_ours(network, chip, run.nests, words.write_timeloop, words.layer, words.tool))


def _rows(network: Workload, run: _Run, written: Sequence[str] = ()) -> list[dict[str, Any]]:
    if run.refused:
        return [{"accelerator": run.accelerator, "problems": [str(problem) for problem in run.refused]}]
    told: dict[str, Any] = {"explained": [asdict(each) for each in run.told]} if run.told else {}
    told |= {"written": list(written)} if written else {}
    return [{**as_row(network, one), "mapper": _mapper_row(run.found), **told} for one in run.costs]


def as_row(network: Workload, cost: Cost) -> dict[str, Any]:
    """A cost as plain data with units in its keys."""
    return {
        "accelerator": cost.accelerator,
        "mode": cost.mode,
        "weight_format": cost.weight_format,
        "spike_format": cost.spike_format,
        "statistic": cost.statistic,
        "energy_pj": cost.energy_pj,
        "latency_cycles": cost.latency_cycles,
        "latency_us": cost.latency_us,
        "batch": cost.batch,
        "step_cycles": cost.step_cycles,
        "interval_cycles": cost.interval_cycles,
        "shared": [action.to_dict() for action in cost.shared],
        "stored_bytes": cost.footprint_bits / 8,
        "energy_by_component_pj": cost.energy_by_component(),
        "metrics": hardware.metrics(network, cost).to_dict(),
        "notes": list(cost.notes),
        "layers": [_layer_row(layer) for layer in cost.layers],
    }


def _layer_row(layer: LayerCost) -> dict[str, Any]:
    return {
        "name": layer.name,
        "weight_format": layer.weight_format,
        "energy_pj": layer.energy_pj,
        "latency_cycles": layer.latency_cycles,
        "stored_bytes": layer.stored_bits / 8,
        "cores": layer.cores,
        "energy_by_component_pj": layer.energy_by_component(),
        "notes": list(layer.notes),
        "actions": [action.to_dict() for action in layer.actions],
    }


def _mapper_row(found: dict[str, FoundMapping]) -> dict[str, Any] | None:
    """What the mapper did, layer by layer; None where no mapping was searched."""
    return {
        name: {
            "energy_bound_pj": best.bound_pj,
            "gap_to_bound": best.gap,
            "evaluated": best.evaluated,
            "rejected": best.rejected,
        }
        for name, best in found.items()
    } or None


def _print(network: Workload, runs: Sequence[_Run], written: Sequence[str]) -> None:
    costs = [one for run in runs for one in run.costs]
    where = runs[0].accelerator if len(runs) == 1 else f"{len(runs)} accelerators"
    if costs:
        title = f"{network.network} on {where}, {costs[0].statistic} activity, mode {costs[0].mode}"
        if len(formats := {cost.weight_format for cost in costs}) == 1:
            title += f", weight format {formats.pop()}"
        Console().print(title, soft_wrap=True)
    for run in runs:
        if run.found:
            print_mapper(run.accelerator, run.found)
        for told in run.told:
            Console().print("\n".join(lines(told)), soft_wrap=True)
    if len(runs) > 1 or len(costs) != 1:
        kinds = {run.accelerator: run.kind for run in runs}
        print_comparison(costs, {run.accelerator: run.refused for run in runs if run.refused}, kinds)
    else:
        print_cost(network, costs[0])
    for line in written:
        Console().print(line, soft_wrap=True)


def _draw(runs: Sequence[_Run], path: Path) -> None:
    from spareto.reports.figures import accelerators_figure
    from spareto.reports.figures.style import write_figure

    write_figure(accelerators_figure, [one for run in runs for one in run.costs], path)
