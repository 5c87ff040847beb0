"""`spareto profile`: what energy an inference of a network takes."""

from __future__ import annotations

import json as json_module
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from rich.console import Console

from spareto import hardware
from spareto.cli.cost import as_row
from spareto.cli.cost_tables import print_comparison, print_cost
from spareto.cli.own import NetworkWords, data_named
from spareto.cli.profile_tables import print_parts, print_workload
from spareto.core.errors import ConfigError, InputError, Problem, UnknownName
from spareto.records.cost import Cost
from spareto.records.workload import Statistic, Workload

if TYPE_CHECKING:
    from spareto.profiling import Profile

Flag = Annotated[bool, Parameter(negative="")]
EVERY = "all"
HOW = NetworkWords()


def profile(
    network: str,
    /,
    *,
    data: str,
    accelerator: list[str] | None = None,
    compare: Flag = False,
    how: NetworkWords = HOW,
    timesteps: int | None = None,
    layout: Literal["time-first", "batch-first", "static"] | None = None,
    samples: int | None = None,
    batch_size: int = 64,
    neurons: str | None = None,
    weight_bits: int | None = None,
    weight_format: str = "best",
    statistic: Statistic = "mean",
    out: Path | None = None,
    json: Flag = False,
) -> None:
    """Run a network on data, count its spikes and operations, and cost an inference on accelerators.

    Args:
        network: FILE.py:NAME, a function of your own that returns a network of any framework; or a network
            that a study left (.safetensors).
        data: FILE.py:NAME, a function that returns data; a folder or .npz file; the name of a data set; or a
            plan of one of these, as a YAML file or as "{folder: recordings, timesteps: 10}".
        accelerator: An accelerator, by name or YAML file; may be given several times. Left out, eyeriss_like.
        compare: Compare all built-in accelerators, too.
        timesteps: How many frames a recording has.
        layout: Where the time axis of the data is, if shapes leave it open.
        samples: Only the first so many samples of the test split.
        batch_size: Samples a forward pass; does not change the counts.
        neurons: What modules that nobody knows are, as YAML: "{block.act: lif}".
        weight_bits: Width of a stored weight, where the network does not say.
        weight_format: How weights are stored; `best` takes the best for each layer.
        statistic: Charge the mean or the maximum spiking activity.
        out: Write the workload to this file, for `spareto cost`.
        json: Print JSON; keys carry their unit.
    """
    if out is not None and out.suffix != ".json":
        cure = f"Write --out {out.with_suffix('.json')}."
        raise ConfigError(Problem("out", repr(str(out)), "a file name that ends with .json", cure))
    chips = [hardware.load_accelerator(name) for name in _names(accelerator, compare)]
    measured, notes = _profile(
        network, data, how, timesteps, layout, samples, batch_size, neurons, weight_bits
    )
    runs = [_cost(measured.workload, chip, weight_format, statistic, len(chips) > 1) for chip in chips]
    costs = [run for run in runs if isinstance(run, Cost)]
    if not costs:
        raise InputError(problem for run in runs if isinstance(run, InputError) for problem in run.problems)
    if out is not None:
        measured.workload.save(out)
    refused = {
        chip.name: run.problems for chip, run in zip(chips, runs, strict=True) if isinstance(run, InputError)
    }
    if json:
        print(json_module.dumps(_row(measured, notes, costs, refused, out), indent=1))
    else:
        _print(measured, notes, costs, refused, out)


def _names(accelerators: Sequence[str] | None, compare: bool) -> tuple[str, ...]:
    named = tuple(name for name in accelerators or () if name != EVERY)
    if compare or EVERY in (accelerators or ()):
        named = (*named, *hardware.accelerator_names())
    return tuple(dict.fromkeys(named or ("eyeriss_like",)))


def _profile(
    network: str,
    data: str,
    how: NetworkWords,
    timesteps: int | None,
    layout: str | None,
    samples: int | None,
    batch_size: int,
    neurons: str | None,
    weight_bits: int | None,
) -> tuple[Profile, tuple[str, ...]]:
    from spareto import profiling
    from spareto.cli.own import mapping
    from spareto.data.own.measured import load_measured
    from spareto.study.sources import open_source
    from spareto.training.memory import keep_large_blocks

    keep_large_blocks()
    source = open_source(network, how.changes(), compressed=True)
    frames = load_measured(data_named(data, timesteps, layout), samples)
    made, notes = source.load()
    found = profiling.profile(
        made,
        frames.frames,
        frames.labels,
        interface=source.interface,
        layout=frames.layout,
        neurons=mapping(neurons, "neurons") if neurons is not None else None,
        weight_bits=weight_bits,
        network_name=source.name,
        dataset=frames.name,
        batch_size=batch_size,
    )
    return found, (*frames.notes, *notes, *found.notes)


def _cost(
    workload: Workload, chip: hardware.Chip, weight_format: str, statistic: Statistic, many: bool
) -> Cost | InputError:
    """The cost; among many, an accelerator that cannot run the network does not stop the others."""
    try:
        return hardware.cost(workload, chip, weight_format=weight_format, statistic=statistic)
    except UnknownName:
        raise
    except InputError as error:
        if not many:
            raise
        return error


def _row(
    measured: Profile,
    notes: Sequence[str],
    costs: Sequence[Cost],
    refused: dict[str, tuple[Problem, ...]],
    out: Path | None,
) -> dict[str, Any]:
    workload = measured.workload
    return {
        "network": workload.network,
        "dataset": workload.dataset,
        "samples": workload.samples,
        "timesteps": workload.timesteps,
        "accuracy": measured.accuracy,
        "costs": [as_row(workload, cost) for cost in costs],
        "cannot_run": {name: [str(problem) for problem in problems] for name, problems in refused.items()},
        "notes": list(notes),
        "workload": None if out is None else str(out),
    }


def _print(
    measured: Profile,
    notes: Sequence[str],
    costs: Sequence[Cost],
    refused: dict[str, tuple[Problem, ...]],
    out: Path | None,
) -> None:
    console = Console(highlight=False)
    print_workload(measured.workload, measured.accuracy)
    if len(costs) + len(refused) == 1:
        print_parts(costs)
        print_cost(measured.workload, costs[0])
    else:
        print_comparison(costs, refused)
        print_parts(costs)
    for note in notes:
        console.print(f"- {note}", markup=False)
    if out is not None:
        console.print(f"Workload: {out}", markup=False, soft_wrap=True)
