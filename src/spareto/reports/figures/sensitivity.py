"""What each layer costs alone, as a heat map."""

# matplotlib leaves its keyword arguments untyped.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from spareto.reports.figures.style import heat_map, name_text, new_figure, write_figure

_DEEPEST = 10.0  # points from which every shade is the deepest: a lost layer would pale the others
Rows = Sequence[Mapping[str, Any]]


def sensitivity_figure(rows: Rows) -> Figure:
    """Points of validation accuracy lost, layers down, widths and sparsities across."""
    layers = list(dict.fromkeys(str(row["layer"]) for row in rows))
    columns = list(dict.fromkeys(_column(row) for row in rows))
    table = np.full((len(layers), len(columns)), np.nan)
    for row in rows:
        table[layers.index(row["layer"]), columns.index(_column(row))] = 100 * row["validation_accuracy_drop"]
    figure = new_figure(height=0.9 + 0.3 * len(layers))
    axes = figure.add_subplot()
    worst = min(max(float(np.nanmax(table)), 1.0), _DEEPEST)
    names = [name_text(layer) for layer in layers], columns
    heat_map(axes, table, ("Reds", worst), names, lambda drop: f"{drop:.1f}")
    axes.set_xlabel("points of validation accuracy lost, one layer alone")
    return figure


def write_sensitivity(rows: Rows, folder: Path) -> tuple[Path, ...]:
    """Write `sensitivity.png` and `.svg` into a folder."""
    return tuple(write_figure(sensitivity_figure, rows, folder / "sensitivity"))


def _column(row: Mapping[str, Any]) -> str:
    return f"{row['bits']:g} bit" if "bits" in row else f"{100 * row['sparsity']:g} %"
