"""`spareto study sensitivity`: each layer alone at each width and each sparsity."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from spareto.cli import numbers
from spareto.cli.console import Console, Flag, print_json, table_of
from spareto.study.config import StudyConfig

if TYPE_CHECKING:
    from spareto.study.search.sensitivity import Kind, SensitivityTable


def sensitivity(
    config: Path,
    /,
    *,
    out: Path | None = None,
    bits: Annotated[list[int] | None, Parameter(consume_multiple=True), numbers.count(most=32)] = None,
    sparsity: Annotated[list[float] | None, Parameter(consume_multiple=True), numbers.share()] = None,
    epochs: Annotated[int, numbers.count(0)] = 0,
    json: Flag = False,
    quiet: Flag = False,
    wait: Flag = False,
    mix_versions: Flag = False,
) -> None:
    """Compress each layer alone, and tell what that costs in validation accuracy.

    Writes sensitivity.png and sensitivity.svg into the run folder. Trials are kept there, so a search of the
    same study does not measure them again.

    Args:
        config: Study file, YAML; its grid or search is not carried out.
        out: Run folder; runs/NAME if left out.
        bits: Widths; 8 6 4 3 2 if left out.
        sparsity: Shares of weights to remove; 0.5 0.75 0.9 0.95 if left out.
        epochs: Train each so many epochs by the study's compression_training; 0 trains nothing.
        json: Print JSON.
        quiet: Show no progress.
        wait: Wait for another process that writes to the run folder, instead of refusing.
        mix_versions: Go on with trials that another version of spareto, torch or numpy made.
    """
    from spareto.cli.progress import telling
    from spareto.reports.figures.sensitivity import write_sensitivity
    from spareto.study.run import open_study
    from spareto.study.search.sensitivity import BITS, SPARSITIES, measure

    plan = StudyConfig.load(config)
    folder = out or Path("runs") / plan.name
    training = plan.compression_training.replace(epochs=epochs)
    with (
        telling(quiet=quiet, tensorboard=None) as listener,
        open_study(plan, folder, listener, wait=wait, mix_versions=mix_versions) as study,
    ):
        names = study.known.layers(plan.seeds[0])
        table = measure(
            plan, study.known, names, bits=bits or BITS, sparsities=sparsity or SPARSITIES, training=training
        )
    rows = _rows(table)
    paths = write_sensitivity(rows, folder)
    if json:
        print_json(rows)
        return
    _print(table)
    Console(soft_wrap=True).print(f"Heat map: {paths[0]}")


def _rows(table: SensitivityTable) -> list[dict[str, Any]]:
    """One row per layer and value; keys carry their unit."""
    return [
        {
            "layer": entry.layer,
            entry.kind: entry.value,
            "validation_accuracy": entry.trial.validation_accuracy,
            "validation_accuracy_drop": entry.drop,
            "energy_pj": entry.trial.energy_pj,
            "layer_energy_pj": entry.layer_energy_pj,
        }
        for entry in table.entries
    ]


def _print(table: SensitivityTable) -> None:
    """Points of validation accuracy that each layer costs alone; rows are layers."""
    shown = table_of(padding=0)
    shown.add_column("layer", overflow="fold")
    kinds: tuple[Kind, ...] = ("bits", "sparsity")
    columns: list[tuple[Kind, float]] = [
        (kind, value)
        for kind in kinds
        for value in dict.fromkeys(e.value for e in table.entries if e.kind == kind)
    ]
    for kind, value in columns:
        header = f"{value:g}\nbit" if kind == "bits" else f"{100 * value:g}\n%"
        shown.add_column(header, justify="right", no_wrap=True, min_width=5)
    for layer in table.layers:
        drops = [table.drops(layer, kind).get(value) for kind, value in columns]
        shown.add_row(layer, *("" if drop is None else _points(drop) for drop in drops))
    console = Console()
    console.print(shown)
    dense = 100 * table.dense.chosen_by
    console.print(f"Points of validation accuracy against {dense:.1f} % dense, one layer alone.")


def _points(drop: float) -> str:
    """Points gained; a change that rounds to nothing has no sign."""
    text = f"{-100 * drop:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text
