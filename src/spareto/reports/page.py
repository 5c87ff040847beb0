"""The report as one HTML file that needs nothing but a browser: styles, script and data stand inside it."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from spareto.core.amounts import file_size, percent, times
from spareto.core.text import visible
from spareto.records.rows import MeanRow, row_chosen_by, shown_accuracy, shown_std, split_chosen_by
from spareto.reports.chart import SHAPES, front_chart
from spareto.reports.figures.style import LOOKS
from spareto.reports.headline import Headline, headline
from spareto.reports.provenance import counted, meta_line, not_counted, provenance
from spareto.reports.results import REGIMES, StudyResults


def render(results: StudyResults) -> str:
    """The page; equal results give equal text."""
    environment = Environment(
        loader=PackageLoader("spareto.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    context = {**_context(results), "times": times, "percent": percent, "file_size": file_size}
    return environment.get_template("report.html.j2").render(context)


def _shown(value: Any) -> Any:
    """What a template prints, without control characters."""
    if isinstance(value, Markup):
        return Markup(visible(str(value)))
    return visible(value) if isinstance(value, str) else value


def _context(results: StudyResults) -> dict[str, Any]:
    finding = headline(results)
    return {
        "results": results,
        "unit": results.unit,
        "line": meta_line(results.meta),
        "finding": finding,
        "tiles": _tiles(results, finding),
        "chart": front_chart(results, finding.chosen) if results.means else None,
        "regimes": [regime for regime in REGIMES if any(row["regime"] == regime for row in results.means)],
        "looks": LOOKS,
        "shapes": SHAPES,
        "tips": [_tip(row, results) for row in results.means],
        "bars": _bars(results),
        "formats": _formats(results),
        "provenance": provenance(results),
        "counted": counted(results),
        "not_counted": not_counted(results),
        **_splits(results),
    }


def _splits(results: StudyResults) -> dict[str, Any]:
    """Whether the accuracies of two splits are known, and what cells show of them."""
    both = all(
        row["accuracy"] is not None and row["validation_accuracy"] is not None for row in results.means
    )
    return {
        "tested": both,
        "split": split_chosen_by(results.means),
        "chosen_by": row_chosen_by,
        "shown": shown_accuracy,
        "shown_std": shown_std,
    }


def _tiles(results: StudyResults, finding: Headline) -> list[tuple[str, str]]:
    """Number and caption of the figures at the top of the page."""
    dense, chosen = results.dense, finding.chosen
    if dense is None or chosen is None:
        return []
    change = 100 * (shown_accuracy(chosen) - shown_accuracy(dense))
    energies = (
        f"{results.unit.of(chosen['energy_pj'])} of {results.unit.text(dense['energy_pj'])} per inference"
    )
    stored = f"weights stored, of {file_size(dense['stored_bytes'])}"
    return [
        (f"÷ {times(dense['energy_pj'], chosen['energy_pj'])}", energies),
        (f"{change:+.1f}".replace("-", "−"), "points of accuracy"),
        (file_size(chosen["stored_bytes"]), stored),
        (percent(chosen["weight_sparsity"]), f"of {chosen['weight_bits']}-bit weights are zero"),
    ]


def _tip(row: MeanRow, results: StudyResults) -> dict[str, Any]:
    """What hovering over a recipe shows: its name and lines of (name, value)."""
    accuracy, energy = percent(shown_accuracy(row)), results.unit.text(row["energy_pj"])
    if row["seeds"] > 1:
        accuracy = f"{100 * shown_accuracy(row):.1f} ± {100 * shown_std(row):.1f} %"
        energy = f"{results.unit.of(row['energy_pj'])} ± {results.unit.text(row['energy_pj_std'])}"
    lines = [("accuracy", accuracy), ("energy", energy)]
    if row["accuracy"] is not None and row["validation_accuracy"] is not None:
        lines.insert(1, ("validation", percent(row["validation_accuracy"])))
    if results.dense:
        lines.append(("dense takes", f"{times(results.dense['energy_pj'], row['energy_pj'])} ×"))
    lines += [
        ("weight bits", str(row["weight_bits"])),
        ("zero weights", percent(row["weight_sparsity"])),
        ("stored", f"{file_size(row['stored_bytes'])}, {row['weight_format']}"),
        ("cycles", f"{row['latency_cycles']:,.0f}"),
    ]
    if row["seeds"] > 1:
        lines.append(("seeds", str(row["seeds"])))
    return {"name": row["trial"], "regime": row["regime"], "front": row["on_front"], "lines": lines}


def _bars(results: StudyResults) -> list[dict[str, Any]]:
    """Stacked bars: widths in percent of the largest bar, and each part's share of its own bar."""
    largest = max((row["energy_pj"] for row in results.members), default=0.0) or 1.0
    bars: list[dict[str, Any]] = []
    for row in results.members:
        parts = results.component_energy(row)
        total = sum(parts) or 1.0
        lines = [
            (name, f"{results.unit.text(part)}, {percent(part / total)}")
            for name, part in zip(results.components, parts, strict=True)
        ]
        tip = {"name": row["trial"], "regime": row["regime"], "front": row["on_front"], "lines": lines}
        shares = [100 * part / total for part in parts]
        bars.append({"row": row, "width": 100 * total / largest, "shares": shares, "tip": tip})
    return bars


def _formats(results: StudyResults) -> list[tuple[MeanRow, list[float | None], float]]:
    """Row, energy in each weight format, and the least of them."""
    lines: list[tuple[MeanRow, list[float | None], float]] = []
    for row in results.means:
        energies = results.format_energy(row)
        lines.append((row, energies, min(energy for energy in energies if energy is not None)))
    return lines
