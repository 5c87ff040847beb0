"""One network on many accelerators: energy against time."""

# matplotlib leaves its keyword arguments untyped.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import Any

from matplotlib.figure import Figure

from spareto.core.errors import ConfigError, Problem
from spareto.records.cost import Cost
from spareto.reports.figures.style import GRID, color_of, marker_of, name_text, new_figure


def accelerators_figure(costs: Sequence[Cost]) -> Figure:
    """Energy against time of one inference, both logarithmic, with lines of equal energy-delay product.

    Args:
        costs: Costs of one workload; those without a clock have no time and are left out.

    Raises:
        ConfigError: None of the costs has a time.
    """
    points = [(one, one.latency_us, one.energy_pj * 1e-6) for one in costs if one.latency_us]
    points = [(one, time, energy) for one, time, energy in points if energy > 0]
    if not points:
        raise ConfigError(Problem("costs", "none with a time", "at least one accelerator with a clock"))
    figure = new_figure(height=3.6)
    axes = figure.add_subplot()
    for index, (one, time, energy) in enumerate(points):
        marker, color = marker_of(index), color_of(index)
        label = one.accelerator
        if len({cost.weight_format for cost in costs}) > 1:
            label += f", {one.weight_format}"
        axes.plot(
            time, energy, marker, color=color, markersize=6, label=name_text(label), mec="white", mew=0.5
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    _equal_products(axes, [time for _, time, _ in points], [energy for _, _, energy in points])
    axes.set_xlabel("time of an inference (us)")
    axes.set_ylabel("energy of an inference (µJ)")
    figure.legend(loc="outside right upper", handletextpad=0.2)
    return figure


def _equal_products(axes: Any, times: Sequence[float], energies: Sequence[float]) -> None:
    """Half a decade around the points, and a line for each decade of energy times time."""
    left, right = min(times) / 3, max(times) * 3
    low, high = min(energies) / 3, max(energies) * 3
    for decade in range(floor(log10(left * low)), ceil(log10(right * high)) + 1):
        product = 10.0**decade
        axes.plot([left, right], [product / left, product / right], color=GRID, linewidth=0.8, zorder=0)
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
