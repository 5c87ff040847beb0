"""`spareto figure`: a figure of a study for a paper, with its numbers."""

from __future__ import annotations

from pathlib import Path

from spareto.core.errors import ConfigError, Problem
from spareto.reports.across import Quantity
from spareto.reports.papers import Kind, Style, write_paper
from spareto.study.report import results_of
from spareto.study.store import TrialStore


def figure(
    kind: Kind,
    run: Path,
    /,
    *,
    style: Style = "ieee",
    metric: Quantity = "energy",
    out: Path | None = None,
) -> None:
    """Write a figure as PDF, SVG and PNG with embedded letters, and what it shows as CSV; print their paths.

    The front is also written as a table for LaTeX and for Markdown.

    Args:
        kind: front: accuracy against energy. breakdown: energy by component. formats: energy by weight
            format. bits: energy by weight width. sparsity: energy of each format against zeros. activity:
            firing rate by layer. layers: zeros by layer.
        run: Run folder of a study, or its database.
        style: ieee and nature are one column wide; slides is wide, with large letters.
        metric: What front, formats, bits and sparsity are drawn over; edp is energy times delay. formats and
            sparsity know energy, cycles, time, edp and stored.
        out: Name of the files without an ending; left out, figures/KIND-STYLE in the run folder, and
            figures/KIND-METRIC-STYLE for another metric than energy.
    """
    with TrialStore.of(run) as store:
        results, folder = results_of(store), store.path.parent
    if not results.means:
        cure = "Wait for the first trial."
        raise ConfigError(Problem(str(run), "no finished trial", "a study with something to draw", cure))
    name = f"{kind}-{style}" if metric == "energy" else f"{kind}-{metric}-{style}"
    for written in write_paper(results, kind, style, out or folder / "figures" / name, metric):
        print(written)
