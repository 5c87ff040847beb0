"""`spareto profile`: what energy an inference of a network takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from spareto.cli import numbers
from spareto.cli.console import Console, Flag, print_json
from spareto.cli.cost import as_row
from spareto.cli.cost_tables import print_comparison, print_cost
from spareto.cli.own import DataWords, NetworkWords, data_of_source, mapping
from spareto.cli.profile_tables import print_parts, print_workload
from spareto.core.errors import ConfigError, Problem
from spareto.hardware import CHEAPEST, accelerator_names, load_accelerator
from spareto.records.cost import energy_by_part
from spareto.records.workload import Statistic

if TYPE_CHECKING:
    from spareto.profiling import Energy

EVERY = "all"
HOW, DATA = NetworkWords(), DataWords()


def profile(
    network: str,
    /,
    *,
    data: str | None = None,
    accelerator: list[str] | None = None,
    compare: Flag = False,
    how: NetworkWords = HOW,
    frames_are: DataWords = DATA,
    samples: Annotated[int | None, numbers.count()] = None,
    batch_size: Annotated[int, numbers.count()] = 64,
    neurons: str | None = None,
    weight_bits: Annotated[int | None, numbers.count(most=64)] = None,
    weight_format: str = CHEAPEST,
    statistic: Statistic = "mean",
    out: Path | None = None,
    json: Flag = False,
) -> None:
    """Run a network on data, count its spikes and operations, and cost an inference on accelerators.

    Args:
        network: FILE.py:NAME, a function of your own that returns a network of any framework; or a network
            that a study left (.safetensors).
        data: FILE.py:NAME, a function that returns data; a folder or .npz file; the name of a data set; or a
            plan of one of these, as a YAML file or as "{folder: recordings, timesteps: 10}". Left out, the
            data that a study trained the network on.
        accelerator: An accelerator, by name or YAML file; may be given several times. Left out, eyeriss_like.
        compare: Compare all built-in accelerators, too.
        samples: Only the first so many samples of the test split.
        batch_size: Samples a forward pass; does not change the counts.
        neurons: What modules that nobody knows are, as YAML: "{block.act: lif}".
        weight_bits: Width of a stored weight, where the network does not say.
        weight_format: How weights are stored: a format, the `cheapest` one, or the `best` of each layer.
        statistic: Charge the mean or the maximum spiking activity.
        out: Write the workload to this file, for `spareto cost`.
        json: Print JSON; keys carry their unit.
    """
    if out is not None and out.suffix != ".json":
        cure = f"Write --out {out.with_suffix('.json')}."
        raise ConfigError(Problem("out", repr(str(out)), "a file name that ends with .json", cure))
    found, notes = _measured(
        network,
        data,
        how,
        frames_are,
        samples,
        batch_size,
        neurons,
        weight_bits,
        on=_names(accelerator, compare),
        weight_format=weight_format,
        statistic=statistic,
    )
    if out is not None:
        found.workload.save(out)
    if json:
        print_json(_row(found, notes, out))
    else:
        chips = [load_accelerator(name) for name in _names(accelerator, compare)]
        _print(found, notes, out, {chip.name: chip.kind for chip in chips})


def _names(accelerators: Sequence[str] | None, compare: bool) -> tuple[str, ...]:
    named = tuple(name for name in accelerators or () if name != EVERY)
    if compare or EVERY in (accelerators or ()):
        named = (*named, *accelerator_names())
    return tuple(dict.fromkeys(named or ("eyeriss_like",)))


def _measured(
    network: str,
    data: str | None,
    how: NetworkWords,
    frames_are: DataWords,
    samples: int | None,
    batch_size: int,
    neurons: str | None,
    weight_bits: int | None,
    **costing: Any,
) -> tuple[Energy, tuple[str, ...]]:
    """What was measured and costed; and what was found out of data and weights, one sentence each."""
    from spareto.data.own.measured import load_measured
    from spareto.profiling import energy
    from spareto.study.sources import open_source
    from spareto.training.memory import keep_large_blocks

    keep_large_blocks()
    source = open_source(network, how.changes(), compressed=True)
    split = load_measured(data_of_source(source, data, frames_are), samples)
    made, notes = source.load()
    found = energy(
        made,
        split.frames,
        split.labels,
        interface=source.interface,
        layout=split.layout,
        neurons=None if neurons is None else mapping(neurons, "neurons"),
        weight_bits=weight_bits,
        network_name=source.name,
        dataset=split.name,
        batch_size=batch_size,
        show=False,
        **costing,
    )
    return found, (*split.notes, *notes)


def _row(found: Energy, notes: Sequence[str], out: Path | None) -> dict[str, Any]:
    workload = found.workload
    return {
        "network": workload.network,
        "dataset": workload.dataset,
        "samples": workload.samples,
        "timesteps": workload.timesteps,
        "accuracy": found.profile.accuracy,
        "costs": [
            {**as_row(workload, cost), "energy_by_part_pj": energy_by_part(cost)}
            for cost in found.costs.values()
        ],
        "cannot_run": dict(found.refused),
        "notes": [*notes, *workload.notes],
        "workload": None if out is None else str(out),
    }


def _print(found: Energy, notes: Sequence[str], out: Path | None, kinds: Mapping[str, str]) -> None:
    from spareto.profiling.energy_text import remarks

    costs = list(found.costs.values())
    print_workload(found.workload, found.profile.accuracy)
    print_parts(costs)
    if len(costs) + len(found.refused) == 1:
        print_cost(found.workload, costs[0])
    else:
        print_comparison(costs, {}, kinds)
    console = Console()
    for name, why in found.refused.items():
        console.print(f"{name} cannot run it: {why}")
    for note in notes:
        console.print(note)
    for line in remarks(found.workload):
        console.print(line)
    if out is not None:
        console.print(f"Workload: {out}", soft_wrap=True)
