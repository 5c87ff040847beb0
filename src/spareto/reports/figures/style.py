"""How all figures look: sizes for a paper's column, and palettes that colour-blind readers can tell apart."""

# matplotlib leaves its keyword arguments untyped.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import io
import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from spareto.core.artifacts import replacing
from spareto.core.text import one_line
from spareto.records.rows import MeanRow

DrawnT = TypeVar("DrawnT")

WIDTH_INCHES = 6.3
DPI = 300
_MAX_LABEL = 30
INK, MUTED, GRID = "#1b1f24", "#5b6470", "#e3e6ea"

# Without a salt and with a date, the same trials would give other SVG bytes in every run.
STYLE: Any = {
    "svg.hashsalt": "spareto",
    "figure.figsize": (WIDTH_INCHES, 3.9),
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.minor.size": 0,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
}


_WITHOUT_TIME: dict[str, Any] = {
    ".svg": {"Date": None},
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None},
}


# Tol's "muted" palette, in an order that keeps neighbours apart.
COMPONENT_COLORS = (
    *("#332288", "#88ccee", "#cc6677", "#ddcc77", "#44aa99"),
    *("#aa4499", "#117733", "#999933", "#882255", "#999999"),
)
_MARKERS = "oDs^vP*X<>"
_WHITE_TEXT_FROM = 0.6


def color_of(index: int) -> str:
    """The colour of a component or a line by its number; behind the last they begin again."""
    return COMPONENT_COLORS[index % len(COMPONENT_COLORS)]


def marker_of(index: int) -> str:
    """The marker that goes with `color_of`."""
    return _MARKERS[index % len(_MARKERS)]


def short_label(row: MeanRow) -> str:
    """The recipe's label without its regime, which colour and marker already say: `4 bit 80 %`."""
    text = row["trial"].removeprefix(f"{row['regime']} ") if row["regime"] != "dense" else row["trial"]
    return name_text(text)


def bar_label(row: MeanRow) -> str:
    """The recipe's label, cut where it would leave no room for the bars."""
    return name_text(row["trial"])


def name_text(name: str) -> str:
    """A name as matplotlib shows it: no formula, whatever stands in it, and not too long.

    A label that begins with an underscore would be missing from the legend.
    """
    text = one_line(name, _MAX_LABEL).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def new_figure(height: float) -> Figure:
    """An empty figure of the style's width, on a canvas that needs no screen; `height` is for the widest."""
    width = mpl.rcParams["figure.figsize"][0]
    figure = Figure(figsize=(width, height * max(0.75, min(1.0, width / WIDTH_INCHES))))
    FigureCanvasAgg(figure)
    return figure


def grown(points: float) -> float:
    """A size of letters or marks in points, larger where the style's letters are, never smaller."""
    return points * max(1.0, mpl.rcParams["font.size"] / STYLE["font.size"])


def turn_if_crowded(axes: Axes) -> None:
    """Turn the names below the axes where they would touch each other; the figure grows by their height."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    boxes = sorted(
        (tick.get_window_extent().x0, tick.get_window_extent().x1) for tick in axes.get_xticklabels()
    )
    gap = 4 * figure.dpi / 72
    if any(right + gap > left for (_, right), (left, _) in itertools.pairwise(boxes)):
        axes.tick_params(axis="x", labelrotation=25)
        for tick in axes.get_xticklabels():
            tick.set_horizontalalignment("right")
            tick.set_rotation_mode("anchor")
        higher = max(tick.get_window_extent().height for tick in axes.get_xticklabels()) / figure.dpi
        figure.set_figheight(figure.get_figheight() + higher)


def columns(most: int) -> int:
    """How many columns a legend may have at the style's width, `most` at the widest."""
    width = mpl.rcParams["figure.figsize"][0]
    return max(1, round(most * min(1.0, width / WIDTH_INCHES)))


def from_zero(*panels: Axes) -> None:
    """Panels of one scale from 0 to a little above the largest value, also where all values are alike.

    Args:
        panels: What is drawn on; they share the axis of quantities.
    """
    largest = max(panel.dataLim.y1 for panel in panels)
    if np.isfinite(largest) and largest > 0:
        panels[0].set_ylim(0, 1.05 * largest)


def legend_above(axes: Axes, most: int, **options: Any) -> None:
    """What the axes show, named above the figure in `most` columns at the widest."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    named = axes.get_legend_handles_labels()
    figure.legend(*named, loc="outside upper center", ncols=columns(most), **options)


def bars_side_by_side(axes: Axes, groups: Sequence[tuple[str, Sequence[float]]]) -> None:
    """Bars above places 0, 1, ...: one of each named group beside the others."""
    width = 0.8 / max(1, len(groups))
    for index, (name, heights) in enumerate(groups):
        places = [place + (index - (len(groups) - 1) / 2) * width for place in range(len(heights))]
        axes.bar(places, heights, width, label=name, color=COMPONENT_COLORS[index])
    axes.grid(visible=True, axis="y")
    axes.tick_params(axis="x", length=0)


def heat_map(
    axes: Axes,
    table: npt.NDArray[np.float64],
    shades: tuple[str, float],
    names: tuple[Sequence[str], Sequence[str]],
    text: Callable[[float], str],
) -> None:
    """A table as shaded cells with their numbers; cells without a number stay empty.

    Args:
        axes: Where it goes.
        table: The numbers.
        shades: Matplotlib's name of the shades, and the number from which they are the deepest.
        names: Of the rows and of the columns.
        text: How a number is written.
    """
    cmap, most = shades
    axes.pcolormesh(table, cmap=cmap, vmin=0.0, vmax=most, edgecolors="white", linewidth=1.0)
    axes.set_xticks(np.arange(len(names[1])) + 0.5, names[1])
    axes.set_yticks(np.arange(len(names[0])) + 0.5, names[0])
    axes.invert_yaxis()
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    looks: Any = {"ha": "center", "va": "center", "fontsize": grown(7.5)}
    for (line, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            color = "white" if value > _WHITE_TEXT_FROM * most else "black"
            axes.text(column + 0.5, line + 0.5, text(value), color=color, **looks)


def write_figure(
    draw: Callable[[DrawnT], Figure],
    results: DrawnT,
    path: Path,
    *,
    kinds: Sequence[str] = (".png", ".svg"),
    style: Mapping[str, Any] | None = None,
) -> tuple[Path, ...]:
    """Draw once and write `path` in every kind, atomically; the same results give the same bytes.

    Args:
        draw: Makes the figure.
        results: What it is made of.
        path: The files' path; its ending is replaced.
        kinds: Endings: `.png`, `.svg`, `.pdf`.
        style: What differs from the style of all figures.
    """
    paths = tuple(path.with_suffix(kind) for kind in kinds)
    settings: Any = {**STYLE, **(style or {})}
    with mpl.rc_context(settings):
        figure = draw(results)
        for target in paths:
            buffer = io.BytesIO()
            metadata = _WITHOUT_TIME[target.suffix]
            with warnings.catch_warnings():  # a name may hold what the font has no picture of
                warnings.filterwarnings("ignore", "Glyph .* missing from")
                figure.savefig(buffer, format=target.suffix[1:], dpi=DPI, metadata=metadata)
            with replacing(target) as temporary:
                temporary.write_bytes(buffer.getvalue())
    return paths
