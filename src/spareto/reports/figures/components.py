"""Where the energy goes: stacked bars of the front and the dense reference."""

# matplotlib leaves its keyword arguments untyped.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spareto.reports.figures.style import bar_label, color_of, grown, legend_above, name_text, new_figure
from spareto.reports.results import StudyResults


def components_figure(results: StudyResults) -> Figure:
    """Energy per component, once in energy and once as a share, since the dense bar dwarfs the others."""
    rows = results.members
    figure = new_figure(height=1.15 + 0.24 * len(rows))
    left, right = figure.subplots(1, 2, sharey=True)
    energies = [results.component_energy(row) for row in rows]
    totals = [sum(parts) for parts in energies]
    _stack(left, [[part / results.unit.pj for part in parts] for parts in energies], results.components)
    _stack(
        right,
        [
            [100 * part / (total or 1.0) for part in parts]
            for parts, total in zip(energies, totals, strict=True)
        ],
        results.components,
    )
    for index, total in enumerate(totals):
        left.text(
            total / results.unit.pj, index, f" {results.unit.of(total)}", va="center", fontsize=grown(7)
        )
    left.set_yticks(range(len(rows)), [bar_label(row) for row in rows])
    left.invert_yaxis()
    left.margins(x=0.16)
    left.set_xlabel(f"energy per inference ({results.unit.sign})")
    right.set_xlabel("share (%)")
    right.set_xlim(0, 100)
    legend_above(left, 6, handlelength=1.0, columnspacing=1.4)
    return figure


def _stack(axes: Axes, table: list[list[float]], names: list[str]) -> None:
    start = [0.0] * len(table)
    for index, name in enumerate(names):
        widths = [parts[index] for parts in table]
        color = color_of(index)
        axes.barh(
            range(len(table)),
            widths,
            0.72,
            start,
            color=color,
            label=name_text(name),
            edgecolor="white",
            linewidth=0.4,
        )
        start = [a + b for a, b in zip(start, widths, strict=True)]
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")
