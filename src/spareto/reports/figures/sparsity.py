"""How many weights of each layer are zero."""

# matplotlib leaves its keyword arguments untyped.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from spareto.reports.figures.style import bar_label, grown, name_text, new_figure, turn_if_crowded
from spareto.reports.results import StudyResults

_WHITE_TEXT_FROM = 0.6


def sparsity_figure(results: StudyResults) -> Figure:
    """Measured sparsity per layer of the recipes worth a bar, as shaded cells with their numbers."""
    rows, layers = results.members, results.layer_names
    table = np.array([results.layer_sparsity(row) for row in rows], dtype=np.float64)
    figure = new_figure(height=0.9 + 0.24 * len(rows))
    axes = figure.add_subplot()
    axes.pcolormesh(table, cmap="Blues", vmin=0.0, vmax=1.0, edgecolors="white", linewidth=1.0)
    axes.set_xticks(np.arange(len(layers)) + 0.5, [name_text(layer) for layer in layers])
    axes.set_yticks(np.arange(len(rows)) + 0.5, [bar_label(row) for row in rows])
    axes.invert_yaxis()
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for (row, column), share in np.ndenumerate(table):
        if np.isfinite(share):
            color = "white" if share > _WHITE_TEXT_FROM else "black"
            text = f"{100 * share:.0f}"
            axes.text(
                column + 0.5, row + 0.5, text, ha="center", va="center", color=color, fontsize=grown(7.5)
            )
    turn_if_crowded(axes)
    axes.set_xlabel("zero weights (% of the layer)")
    return figure
