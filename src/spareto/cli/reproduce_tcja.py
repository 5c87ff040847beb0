"""`spareto reproduce tcja-energy`: the energy table of the TCJA study."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.table import Table

from spareto.cli.console import Console, framed, print_json

if TYPE_CHECKING:
    from spareto.reproduction.tcja.reproduce import Row, Summary


def tcja_energy(
    file: Path | None = None,
    /,
    *,
    statistic: Literal["mean", "max"] = "mean",
    mapping: Literal["best", "frozen"] = "frozen",
    fit: Path | None = None,
    breakdown: Path | None = None,
    parts: bool = False,
    out: Path | None = None,
    json: bool = False,
) -> None:
    """Cost a published spiking network at every bit width, sparsity and weight format of its study.

    Args:
        file: The published table, a CSV; without it the one in the folder SPARETO_REFERENCE or in
            ../shared/reference, else ours alone.
        statistic: Charge the mean or the maximum spiking activity.
        mapping: Freeze one mapping per layer over the grid, or take the one with the least energy x delay of
            several at every setting.
        fit: Fit the array's unknown numbers on sixteen rows of this table, and print them.
        parts: Print the shares of the components beside the study's breakdown figure instead.
        breakdown: The published breakdown, a CSV, where it does not lie beside the table; the same as parts.
        out: Draw the study's figures into this folder, as PNG and SVG.
        json: Print JSON, one row a setting and format.
    """
    if fit is not None:
        _fit(fit, json=json)
        return
    if parts or breakdown is not None:
        _breakdown(breakdown, json=json)
        return
    from spareto.reproduction.tcja.reproduce import reproduce_tcja_energy, summarize

    rows = reproduce_tcja_energy(file, statistic=statistic, mapping=mapping)
    if json:
        print_json(rows)
    else:
        _print(rows, summarize(rows))
    if out is not None:
        from spareto.reports.tcja import write_tcja_figures

        paths = write_tcja_figures(rows, out)
        if not json:
            print(f"{len(paths)} figures in {out}")


def _fit(path: Path, *, json: bool) -> None:
    from spareto.reproduction.tcja import Study
    from spareto.reproduction.tcja.fit import fit
    from spareto.reproduction.tcja.table import read_table

    found = fit(Study.load(), read_table(path))
    numbers = {name: number.value for name, number in found.study.chip.fitted}
    if json:
        errors = {"rms": found.rms, "cross_validated_rms": found.cross_validated}
        print_json({"fitted": numbers, **errors})
        return
    print("fitted:")
    for name, number in found.study.chip.fitted:
        print(f'  {name}: {{value: {number.value:.6g}, unit: {number.unit}, source: "{number.source}"}}')
    print(f"# RMS error {100 * found.rms:.2f} % on the sixteen rows,", end=" ")
    print(f"{100 * (found.cross_validated or 0.0):.2f} % on those of a setting that is left out of the fit")


def _breakdown(path: Path | None, *, json: bool) -> None:
    from spareto.reproduction.tcja.breakdown import reproduce_breakdown

    rows = reproduce_breakdown(path)
    if json:
        print_json(rows)
        return
    console = Console()
    for bar in dict.fromkeys(row["bar"] for row in rows):
        own = [row for row in rows if row["bar"] == bar]
        title = f"{bar.replace('_', ' ')}: shares of pJ an operation, {own[0]['weight_format']}"
        table = framed(["component"], ["ours", "study", "points apart", "of energy"], title)
        for row in own:
            theirs, apart = row["published_share"], row["difference"]
            table.add_row(
                row["component"],
                f"{100 * row['share']:.1f} %",
                "" if theirs is None else f"{100 * theirs:.1f} %",
                "" if apart is None else f"{100 * apart:+.1f}",
                f"{100 * row['energy_share']:.1f} %",
            )
        console.print(table)
    console.print(
        "Energy over operations of each layer, summed over the layers: so large are the figure's bars. Ours "
        "has no wires between levels. Totals of sixteen rows were fitted; the shares follow."
    )


def _print(rows: list[Row], summary: Summary) -> None:
    console = Console()
    for mode in dict.fromkeys(row["mode"] for row in rows):
        console.print(_table(mode, [row for row in rows if row["mode"] == mode]))
    for name, value in asdict(summary).items():
        if value is not None:
            console.print(f"{_TITLES[name]}: {_text(name, value)}", soft_wrap=True)


_TITLES = {
    "fitted_rms": "energy, RMS error of the rows the array was fitted on",
    "other_rms": "energy, RMS error of the other published rows",
    "fitted_cycles_rms": "cycles, RMS error of the rows the array was fitted on",
    "other_cycles_rms": "cycles, RMS error of the other published rows",
    "ratio": "energy of 80 % pruning at 8 bits over the best quantization",
    "published_ratio": "the same, published",
    "order_unpruned": "formats, unpruned at 8 bits",
    "order_pruned": "formats, 80 % pruned at 8 bits",
}


def _text(name: str, value: Any) -> str:
    if name.endswith("rms"):
        return f"{100 * value:.2f} %"
    return " < ".join(value) if name.startswith("order") else f"{value:.3f}"


def _table(mode: str, rows: list[Row]) -> Table:
    title = f"{mode}: energy in µJ, cycles in millions (*: fitted on)"
    numbers = ["ours", "study", "error", "cycles", "error"]
    table = framed(["sparsity", "bits", "format"], numbers, title)
    for row in rows:
        table.add_row(
            f"{row['weight_sparsity_target']:g}",
            str(row["bits"]),
            row["weight_format"],
            f"{row['energy_uJ']:,.0f}",
            "" if row["published_energy_uJ"] is None else f"{row['published_energy_uJ']:,.0f}",
            _error(row["energy_error"], fitted=row["fitted"]),
            f"{row['cycles'] * 1e-6:.3f}",
            _error(row["cycles_error"], fitted=row["fitted"]),
        )
    return table


def _error(error: float | None, *, fitted: bool) -> str:
    return "" if error is None else f"{100 * error:+.1f} %" + (" *" if fitted else "")
