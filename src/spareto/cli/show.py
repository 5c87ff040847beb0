"""`spareto show`: one recipe of a study, with where its energy goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from spareto.cli.console import Console, Flag, print_json, table_of
from spareto.cli.textplot import bar
from spareto.core.amounts import duration, energy, file_size, percent, times
from spareto.core.errors import ConfigError, Problem, did_you_mean
from spareto.records.rows import MeanRow, shown_accuracy, shown_std, split_shown
from spareto.reports.findings import findings
from spareto.reports.results import StudyResults
from spareto.study.report import results_of
from spareto.study.store import TrialStore


def show(run: Path, trial: str, /, *, json: Flag = False) -> None:
    """Show one recipe of a study: its numbers, its layers and where its energy goes.

    Args:
        run: Run folder of a study, or its database.
        trial: The recipe's name as tables show it, such as 'joint 4 bit 80 %', or the start of its hash.
        json: Print JSON; keys carry their unit.
    """
    with TrialStore.of(run) as store:
        results = results_of(store)
    row = _found(results, trial)
    if json:
        print_json(_data(results, row))
        return
    _print(results, row)


def _found(results: StudyResults, name: str) -> MeanRow:
    """The recipe of that name or hash.

    Raises:
        ConfigError: There is none, or several hashes begin so.
    """
    named = [row for row in results.means if row["trial"] == name]
    named = named or [row for row in results.means if name and row["recipe_hash"].startswith(name)]
    if len(named) == 1:
        return named[0]
    names = [row["trial"] for row in results.means]
    got = f"{len(named)} recipes of '{name}'" if named else f"no recipe '{name}'"
    hashes = ", ".join(row["recipe_hash"][:8] for row in named)
    cure = f"Name it by its hash: {hashes}." if named else did_you_mean(name, names)
    raise ConfigError(Problem("trial", got, "one recipe of the study", cure or "See spareto front."))


def _data(results: StudyResults, row: MeanRow) -> dict[str, Any]:
    first = results.of(row)[0]
    return {
        **row,
        "recipe": first.recipe.to_dict(),
        "energy_by_component_pj": dict(zip(results.components, results.component_energy(row), strict=True)),
        "layers": [layer.to_dict() for layer in first.layers],
        "seeds_done": [trial.manifest.seed for trial in results.of(row)],
        "network": results.files.network(first) if results.files else None,
        "findings": findings(results, row),
    }


def _print(results: StudyResults, row: MeanRow) -> None:
    console, first = Console(), results.of(row)[0]
    cost = first.best_cost
    spread = f" ± {100 * shown_std(row):.1f}" if row["seeds"] > 1 else ""
    split = split_shown([row])
    console.print(f"{row['trial']}{', on the front' if row['on_front'] else ''}")
    lines = [
        (f"{split} accuracy", f"{100 * shown_accuracy(row):.1f}{spread} %"),
        ("energy", energy(row["energy_pj"])),
    ]
    if results.dense and results.dense is not row:
        lines.append(("dense takes", f"{times(results.dense['energy_pj'], row['energy_pj'])} times as much"))
    lines += [
        ("cycles", f"{row['latency_cycles']:,.0f}"),
        ("time", duration(cost.latency_us) if cost.latency_us is not None else "no clock is known"),
        ("stored", f"{file_size(row['stored_bytes'])}, {row['weight_format']}"),
        ("zero weights", percent(row["weight_sparsity"])),
        ("seeds", ", ".join(str(trial.manifest.seed) for trial in results.of(row))),
    ]
    for name, value in lines:
        console.print(f"  {name:<20}{value}")
    console.print("\nEnergy by component")
    _bars(console, results.components, results.component_energy(row))
    console.print("\nLayers")
    console.print(_layers(results, row))
    for sentence in findings(results, row):
        console.print(sentence)
    if results.files and (path := results.files.network(first)):
        console.print("\nUse it:", f'spareto.load_network("{path}")', soft_wrap=True)


def _bars(console: Console, names: Sequence[str], energies: Sequence[float]) -> None:
    total = sum(energies) or 1.0
    for name, part in sorted(zip(names, energies, strict=True), key=lambda pair: -pair[1]):
        if part > 0:
            console.print(
                f"  {name[:20]:<20} {energy(part):>10} {percent(part / total):>8}  {bar(part / total)}"
            )


def _layers(results: StudyResults, row: MeanRow) -> Table:
    numbers = [f"  {header}" for header in ("bits", "zeros", "energy", "cycles", "fires")]
    table = table_of(["  layer"], numbers, padding=0)
    first = results.of(row)[0]
    costs = {layer.name: layer for layer in first.best_cost.attributed}
    for layer in first.layers:
        cost = costs.get(layer.name)
        table.add_row(
            f"  {layer.name}",
            str(layer.weight_bits),
            percent(layer.weight_sparsity),
            energy(cost.energy_pj) if cost else "–",
            f"{cost.latency_cycles:,.0f}" if cost else "–",
            percent(layer.firing_rate_out),
        )
    return table
