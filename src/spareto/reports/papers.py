"""Figures and tables for papers: which there are, how each journal wants them, and what they show as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from matplotlib.figure import Figure

from spareto.core.artifacts import write_text
from spareto.core.errors import ConfigError, Problem
from spareto.core.text import one_line
from spareto.records.rows import shown_accuracy, shown_std, split_shown
from spareto.reports.across import Across, Quantity, across
from spareto.reports.figures import components_figure, formats_figure, front_figure, sparsity_figure
from spareto.reports.figures.curves import activity_figure, bits_figure, sparsity_curves_figure
from spareto.reports.figures.style import write_figure
from spareto.reports.results import StudyResults

Kind = Literal["front", "breakdown", "formats", "bits", "sparsity", "activity", "layers"]
Style = Literal["ieee", "nature", "slides"]

FIGURES: Final[dict[Kind, Callable[..., Figure]]] = {
    "front": front_figure,
    "breakdown": components_figure,
    "formats": formats_figure,
    "bits": bits_figure,
    "sparsity": sparsity_curves_figure,
    "activity": activity_figure,
    "layers": sparsity_figure,
}
MEASURED: Final[tuple[Kind, ...]] = ("front", "formats", "bits", "sparsity")
"""The figures that can be drawn over another quantity than energy."""
_EMBEDDED: Final[dict[str, Any]] = {"pdf.fonttype": 42, "ps.fonttype": 42}  # TrueType, as journals ask
STYLES: Final[dict[Style, dict[str, Any]]] = {
    "ieee": {
        **_EMBEDDED,
        "figure.figsize": (3.5, 2.6),  # one column
        "font.family": "STIXGeneral",  # a Times; matplotlib brings it, so every machine draws the same
        "font.size": 8.0,
        "legend.fontsize": 7.0,
    },
    "nature": {
        **_EMBEDDED,
        "figure.figsize": (3.504, 2.6),  # 89 mm
        "font.family": "DejaVu Sans",
        "font.size": 7.0,
        "legend.fontsize": 6.5,
    },
    "slides": {**_EMBEDDED, "figure.figsize": (7.5, 4.2), "font.size": 11.0, "legend.fontsize": 10.0},
}


def write_paper(
    results: StudyResults, kind: Kind, style: Style, path: Path, quantity: Quantity = "energy"
) -> tuple[Path, ...]:
    """Write a figure as PDF, SVG and PNG, and what it shows as CSV; the front also as LaTeX and Markdown.

    Args:
        results: The study.
        kind: Which figure.
        style: Column width, letters and their sizes.
        path: The files' name without an ending.
        quantity: What a figure of `MEASURED` is drawn over.

    Raises:
        ConfigError: The figure shows nothing else than it does, or the study does not know the quantity.
    """
    if kind not in MEASURED and quantity != "energy":
        cure = f"Leave it out, or draw one of {', '.join(MEASURED)}."
        raise ConfigError(Problem("--metric", quantity, f"none, for {kind} shows one thing only", cure))
    draw = partial(FIGURES[kind], quantity=quantity) if kind in MEASURED else FIGURES[kind]
    kinds = (".pdf", ".svg", ".png")
    paths = write_figure(draw, results, path, kinds=kinds, style=STYLES[style])
    rows = table(results, kind, quantity)
    texts = {".csv": _csv(rows)}
    if kind == "front":
        texts |= {".tex": latex(rows), ".md": markdown(rows)}
    for ending, text in texts.items():
        write_text(path.with_suffix(ending), text)
    return (*paths, *(path.with_suffix(ending) for ending in texts))


def table(results: StudyResults, kind: Kind, quantity: Quantity = "energy") -> list[list[str]]:
    """What a figure shows, its heads first; quantities in the unit of the figure."""
    sign = results.unit.sign
    if kind == "breakdown":
        rows = [
            [_short(row["trial"]), *map(_energy(results), results.component_energy(row))]
            for row in results.members
        ]
        return [["network", *(f"{name} ({sign})" for name in results.components)], *rows]
    if kind in ("formats", "sparsity"):
        over = across(results, quantity, formats=True)
        rows = [
            [
                _short(row["trial"]),
                f"{100 * row['weight_sparsity']:.2f}",
                *("" if value is None else f"{value:.4g}" for value in over.in_formats(row)),
            ]
            for row in results.means
        ]
        heads = (f"{name} ({over.sign})" for name in results.weight_formats)
        return [["network", "zeros (%)", *heads], *rows]
    if kind == "layers":
        rows = [
            [_short(row["trial"]), *map(_percent, results.layer_sparsity(row))] for row in results.members
        ]
        return [["network", *(f"{name}, zeros (%)" for name in results.layer_names)], *rows]
    if kind == "activity":
        rows = [
            [_short(row["trial"]), *(_percent(layer.firing_rate_out) for layer in results.of(row)[0].layers)]
            for row in results.members[:6]
        ]
        return [["network", *(f"{name}, firing rate (%)" for name in results.layer_names)], *rows]
    return _points(across(results, quantity))


def latex(rows: Sequence[Sequence[str]]) -> str:
    """A table for LaTeX with the rules of `booktabs`."""
    lines = [" & ".join(cell.translate(_SPECIAL) for cell in row) + r" \\" for row in rows]
    head, body = lines[0], lines[1:]
    wide = "l" + "r" * (len(rows[0]) - 1)
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{wide}}}",
            r"\toprule",
            head,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table for Markdown."""
    cells = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    rule = ["---", *["---:"] * (len(rows[0]) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (cells[0], rule, *cells[1:])) + "\n"


def _points(over: Across) -> list[list[str]]:
    results, energy = over.results, over.metric.key == "energy_pj"
    heads = ["network", f"{split_shown(results.means)} accuracy (%)", f"energy ({results.unit.sign})"]
    heads += [] if energy else [over.label]
    rows: list[list[str]] = []
    for row in sorted(results.means, key=over.of):
        spread = f" ± {100 * shown_std(row):.2f}" if row["seeds"] > 1 else ""
        rows.append(
            [
                _short(row["trial"]),
                f"{100 * shown_accuracy(row):.2f}{spread}",
                _energy(results)(row["energy_pj"]),
                *([] if energy else [f"{over.of(row):.4g}"]),
                str(row["weight_bits"]),
                f"{100 * row['weight_sparsity']:.1f}",
                f"{row['stored_bytes'] / 1024:.2f}",
                f"{row['latency_cycles']:.0f}",
                "yes" if row["recipe_hash"] in over.on_front else "",
            ]
        )
    return [[*heads, "bits", "zeros (%)", "stored (KiB)", "cycles", "front"], *rows]


def _short(name: str) -> str:
    return one_line(name, 60)


def _energy(results: StudyResults) -> Callable[[float | None], str]:
    return lambda energy: "" if energy is None else f"{energy / results.unit.pj:.4g}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [f"'{cell}" if cell[:1] in "=+@\t" and cell else cell for cell in row] for row in rows
    )
    return text.getvalue()


_SPECIAL: Final = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        "µ": r"$\mu$",
        **{each: "\\" + each for each in "&%$#_{}"},
    }
)
