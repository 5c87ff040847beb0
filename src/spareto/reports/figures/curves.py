"""A quantity against sparsity in every weight format, and against the bits of a weight; firing rates."""

# matplotlib leaves its keyword arguments untyped.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spareto.records.recipe import FLOAT_BITS
from spareto.records.rows import MeanRow
from spareto.reports.across import Quantity, across
from spareto.reports.figures.style import (
    MUTED,
    bars_side_by_side,
    color_of,
    from_zero,
    grown,
    legend_above,
    marker_of,
    name_text,
    new_figure,
    turn_if_crowded,
)
from spareto.reports.headline import headline
from spareto.reports.page.curves import by_width
from spareto.reports.regimes import look_of
from spareto.reports.results import StudyResults

_MOST_PANELS = 3


def sparsity_curves_figure(results: StudyResults, quantity: Quantity = "energy") -> Figure:
    """A quantity of each weight format against the measured share of zeros, a panel per weight width."""
    over = across(results, quantity, formats=True)
    widths = [(bits, rows) for bits, rows in by_width(results) if bits < FLOAT_BITS][:_MOST_PANELS]
    figure = new_figure(height=2.9)
    if not widths:
        return _nothing(figure, "Two sparsities of one weight width are needed.")
    panels = figure.subplots(1, len(widths), sharey=True, squeeze=False)[0]
    for axes, (bits, rows) in zip(panels, widths, strict=True):
        table = [(100 * row["weight_sparsity"], over.in_formats(row)) for row in rows]
        for index, name in enumerate(results.weight_formats):
            known = [(zeros, values[index]) for zeros, values in table if values[index] is not None]
            if known:
                axes.plot(*zip(*known, strict=True), **_line(index), label=name_text(name))
        axes.set_title(f"{bits}-bit weights", fontsize="medium", color=MUTED)
        axes.set_xlabel("zero weights (%)")
        axes.grid(visible=True)
    panels[0].set_ylabel(over.label)
    from_zero(*panels)
    legend_above(panels[0], 6, handlelength=1.4)
    return figure


def bits_figure(results: StudyResults, quantity: Quantity = "energy") -> Figure:
    """A quantity against the bits of a weight, one line for each regime and target sparsity."""
    over = across(results, quantity)
    figure = new_figure(height=2.9)
    axes = figure.add_subplot()
    lines: dict[tuple[str, float], list[tuple[int, float]]] = {}
    for row in results.means:
        if row["regime"] in ("quantize", "cumulative", "joint"):
            place = row["regime"], row["weight_sparsity_target"]
            lines.setdefault(place, []).append((row["weight_bits"], over.of(row)))
    if not lines:
        return _nothing(figure, "No network of this study is quantized.")
    styles = ("-", "--", ":", "-.")
    seen: dict[str, int] = {}
    for (regime, target), points in sorted(lines.items()):
        look, order = look_of(regime), seen.setdefault(regime, 0)
        seen[regime] += 1
        label = look.text + (f", {100 * target:g} % pruned" if target else "")
        axes.plot(
            *zip(*sorted(points), strict=True),
            color=look.color,
            marker=look.marker,
            markersize=grown(4),
            linestyle=styles[order % len(styles)],
            linewidth=1.2,
            label=label,
        )
    axes.set_xticks(sorted({bits for points in lines.values() for bits, _ in points}))
    axes.set_xlabel("bits of a weight")
    axes.set_ylabel(over.label)
    from_zero(axes)
    axes.grid(visible=True)
    legend_above(axes, 3)
    return figure


def activity_figure(results: StudyResults) -> Figure:
    """Firing rate of each layer, a group of bars a layer: dense, the chosen point and the front."""
    rows, layers = _shown(results), results.layer_names
    figure = new_figure(height=2.8)
    axes = figure.add_subplot()
    groups: list[tuple[str, list[float]]] = []
    for row in rows:
        tables = [{layer.name: layer.firing_rate_out for layer in trial.layers} for trial in results.of(row)]
        rates = [100 * sum(table.get(name, 0.0) for table in tables) / len(tables) for name in layers]
        groups.append((name_text(row["trial"]), rates))
    bars_side_by_side(axes, groups)
    axes.set_xticks(range(len(layers)), [name_text(name) for name in layers])
    turn_if_crowded(axes)
    axes.set_ylabel("firing rate (%)")
    legend_above(axes, 3, handlelength=1.0)
    return figure


def _shown(results: StudyResults) -> list[MeanRow]:
    """At most six rows, in the order of `members`: dense, the chosen point, and others of the front."""
    first = [row["recipe_hash"] for row in (results.dense, headline(results).chosen) if row is not None]
    rest = [row["recipe_hash"] for row in results.members if row["recipe_hash"] not in first]
    kept = {*first, *rest[: 6 - len(first)]}
    return [row for row in results.members if row["recipe_hash"] in kept]


def _line(index: int) -> dict[str, object]:
    looks = {"color": color_of(index), "marker": marker_of(index)}
    return {**looks, "markersize": grown(3.5), "linewidth": 1.3}


def _nothing(figure: Figure, why: str) -> Figure:
    """A figure that says why it is empty."""
    axes: Axes = figure.add_subplot()
    axes.set_axis_off()
    axes.text(0.5, 0.5, why, ha="center", va="center", color=MUTED, transform=axes.transAxes)
    return figure
