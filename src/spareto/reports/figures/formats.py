"""What each weight format costs: compressing pays only from some sparsity on."""

# matplotlib leaves its keyword arguments untyped.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from matplotlib.figure import Figure

from spareto.reports.across import Quantity, across
from spareto.reports.axes import quantity_axis
from spareto.reports.figures.style import (
    bar_label,
    color_of,
    grown,
    legend_above,
    marker_of,
    name_text,
    new_figure,
)
from spareto.reports.results import StudyResults


def formats_figure(results: StudyResults, quantity: Quantity = "energy") -> Figure:
    """A quantity by weight format, one line per recipe of the front and the dense reference."""
    over = across(results, quantity, formats=True)
    rows, names = results.members, results.weight_formats
    figure = new_figure(height=1.1 + 0.24 * len(rows))
    axes = figure.add_subplot()
    table = [over.in_formats(row) for row in rows]
    axis = quantity_axis([value for values in table for value in values if value is not None])
    for index, values in enumerate(table):
        known = [value for value in values if value is not None]
        axes.plot([min(known), max(known)], [index, index], color="#c5cad1", linewidth=1.2, zorder=1)
    for column, name in enumerate(names):
        spots = [(values[column], index) for index, values in enumerate(table)]
        xs, ys = zip(*[(x, y) for x, y in spots if x is not None], strict=True)
        marker, color = marker_of(column), color_of(column)
        axes.plot(
            xs, ys, marker, color=color, markersize=grown(4.5), label=name_text(name), mec="white", mew=0.4
        )
    if axis.log:
        axes.set_xscale("log")
    axes.set_xlim(axis.low, axis.high)
    axes.set_xticks(axis.ticks, [f"{tick:g}" for tick in axis.ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(rows)), [bar_label(row) for row in rows])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")
    axes.set_xlabel(over.label)
    legend_above(axes, 5, handletextpad=0.2)
    return figure
