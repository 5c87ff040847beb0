"""The figures of the TCJA study, drawn from our model; published values are open marks."""

# matplotlib leaves its keyword arguments untyped.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spareto.reports.figures.style import (
    INK,
    MUTED,
    bars_side_by_side,
    color_of,
    from_zero,
    legend_above,
    new_figure,
)

Row = Mapping[str, Any]
_LOOKS: Final = {
    "bitmask": ("#0072b2", "o", "bitmask"),
    "uop": ("#d55e00", "s", "UOP"),
    "cp": ("#009e73", "^", "CP"),
    "rle": ("#b8578f", "D", "RLE"),
}
_MJ, _MEGA = 1e-3, 1e-6  # from microjoules, from cycles


@dataclass(frozen=True)
class StudyFigures:
    """What the figures show.

    Args:
        rows: The grid, as the reproduction gives it.
        bits: Bit widths of the energies by bits.
        energy_by_bits: Energies in microjoules with and without the use of zeros, one a bit width.
        activity: The same at mean and maximum activity.
        components: Energy in microjoules by component, of every labelled setting.
        layers: Names of the layers.
        sparsity: Share of zeros of each layer, of every labelled setting.
    """

    rows: Sequence[Row]
    bits: Sequence[int]
    energy_by_bits: Mapping[str, Sequence[float]]
    activity: Mapping[str, Sequence[float]]
    components: Mapping[str, Mapping[str, float]]
    layers: Sequence[str]
    sparsity: Mapping[str, Sequence[float]]


def energy_by_sparsity_figure(study: StudyFigures) -> Figure:
    """Energy of the four formats against the pruning target, jointly quantized to 8 and to 2 bits."""
    return _by_sparsity(study.rows, "energy per inference (mJ)", lambda energy, _: energy * _MJ)


def edp_by_sparsity_figure(study: StudyFigures) -> Figure:
    """Energy-delay product of the four formats against the pruning target."""
    label = "energy x delay (mJ x million cycles)"
    return _by_sparsity(study.rows, label, lambda energy, cycles: energy * _MJ * cycles * _MEGA)


def bits_figure(study: StudyFigures) -> Figure:
    """Energy against bits, with the zeros that quantization makes and without making use of them."""
    return _lines_by_bits(study.bits, study.energy_by_bits)


def activity_figure(study: StudyFigures) -> Figure:
    """Energy against bits at mean and at maximum activity."""
    return _lines_by_bits(study.bits, study.activity)


def breakdown_figure(study: StudyFigures) -> Figure:
    """Energy by component, stacked, run-length weights."""
    figure = new_figure(height=2.9)
    axes = figure.subplots()
    labels = list(study.components)
    names = list(next(iter(study.components.values())))
    bottom = [0.0] * len(labels)
    for index, name in enumerate(names):
        heights = [study.components[label][name] * _MJ for label in labels]
        color = color_of(index)
        axes.bar(labels, heights, 0.68, bottom, color=color, label=name, edgecolor="white", linewidth=0.4)
        bottom = [a + b for a, b in zip(bottom, heights, strict=True)]
    for index, total in enumerate(bottom):
        axes.text(index, total, f"{total:.3g}", ha="center", va="bottom", fontsize=7.5)
    axes.set_ylabel("energy per inference (mJ)")
    axes.margins(y=0.08)
    axes.grid(visible=True, axis="y")
    axes.tick_params(axis="x", length=0)
    legend_above(axes, 6, handlelength=1.0)
    return figure


def layer_sparsity_figure(study: StudyFigures) -> Figure:
    """Share of zero weights of every layer."""
    figure = new_figure(height=2.8)
    axes = figure.subplots()
    groups = [(label, [100 * share for share in shares]) for label, shares in study.sparsity.items()]
    bars_side_by_side(axes, groups)
    axes.set_xticks(range(len(study.layers)), study.layers, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_ylabel("zero weights (%)")
    axes.set_ylim(0, 100)
    legend_above(axes, 4, handlelength=1.0)
    return figure


def _by_sparsity(rows: Sequence[Row], label: str, value: Callable[[float, float], float]) -> Figure:
    figure = new_figure(height=2.9)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, bits in zip(panels, (8, 2), strict=True):
        for name, (color, marker, text) in _LOOKS.items():
            chosen = [
                row
                for row in rows
                if (row["mode"], row["bits"], row["weight_format"]) == ("joint", bits, name)
            ]
            targets = [100 * row["weight_sparsity_target"] for row in chosen]
            ours = [value(row["energy_uJ"], row["cycles"]) for row in chosen]
            axes.plot(targets, ours, color=color, marker=marker, markersize=3.5, linewidth=1.3, label=text)
            _published(axes, chosen, value, color, marker)
        axes.set_title(f"{bits}-bit weights", fontsize=8.5, color=MUTED)
        axes.set_xlabel("pruned weights (%)")
        axes.grid(visible=True)
    panels[0].set_ylabel(label)
    from_zero(*panels)
    handles, texts = panels[0].get_legend_handles_labels()
    if any(row["published_energy_uJ"] is not None for row in rows):
        handles += panels[0].plot(
            [], [], color=MUTED, marker="o", markersize=6.5, fillstyle="none", linewidth=0
        )
        texts.append("published")
    figure.legend(handles, texts, loc="outside upper center", ncols=5)
    return figure


def _published(
    axes: Axes, rows: Iterable[Row], value: Callable[[float, float], float], color: str, marker: str
) -> None:
    known = [row for row in rows if row["published_energy_uJ"] is not None]
    targets = [100 * row["weight_sparsity_target"] for row in known]
    theirs = [value(row["published_energy_uJ"], row["published_cycles"]) for row in known]
    axes.plot(
        targets, theirs, color=color, marker=marker, markersize=6.5, fillstyle="none", linewidth=0, alpha=0.8
    )


def _lines_by_bits(bits: Sequence[int], lines: Mapping[str, Sequence[float]]) -> Figure:
    figure = new_figure(height=2.7)
    axes = figure.subplots()
    for index, (label, energies) in enumerate(lines.items()):
        color, marker, _ = list(_LOOKS.values())[index]
        axes.plot(bits, [uj * _MJ for uj in energies], color=color, marker=marker, markersize=4, label=label)
    axes.set_xticks(list(bits))
    axes.set_xlabel("bits of a weight")
    axes.set_ylabel("energy per inference (mJ)", color=INK)
    from_zero(axes)
    axes.grid(visible=True)
    axes.legend(loc="lower right")
    return figure
