"""How many weights of each layer are zero."""

# matplotlib leaves its keyword arguments untyped.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from spareto.reports.figures.style import bar_label, heat_map, name_text, new_figure, turn_if_crowded
from spareto.reports.results import StudyResults


def sparsity_figure(results: StudyResults) -> Figure:
    """Measured sparsity per layer of the recipes worth a bar, as shaded cells with their numbers."""
    rows, layers = results.members, results.layer_names
    table = np.array([results.layer_sparsity(row) for row in rows], dtype=np.float64)
    figure = new_figure(height=0.9 + 0.24 * len(rows))
    axes = figure.add_subplot()
    names = [bar_label(row) for row in rows], [name_text(layer) for layer in layers]
    heat_map(axes, table, ("Blues", 1.0), names, lambda share: f"{100 * share:.0f}")
    turn_if_crowded(axes)
    axes.set_xlabel("zero weights (% of the layer)")
    return figure
