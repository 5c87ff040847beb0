"""Write a study's report: one page and its figures, each file whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spareto.core.artifacts import write_text
from spareto.reports.figures import components_figure, formats_figure, front_figure, sparsity_figure
from spareto.reports.figures.style import write_figure
from spareto.reports.page import render
from spareto.reports.results import StudyResults

_FIGURES = {
    "front": front_figure,
    "components": components_figure,
    "sparsity": sparsity_figure,
    "formats": formats_figure,
}


@dataclass(frozen=True)
class ReportPaths:
    """The files a report consists of: the page, and each figure as PNG and SVG."""

    report: Path
    figures: tuple[Path, ...]


def write_files(results: StudyResults, folder: str | Path) -> ReportPaths:
    """Write `report.html` and `front`, `components`, `sparsity`, `formats` as `.png` and `.svg`.

    Files of an earlier report are replaced; a study without trials gets a page and no figures.

    Args:
        results: The study's trials and rows.
        folder: Where the files go; made if missing.
    """
    folder = Path(folder)
    figures: list[Path] = []
    if results.means:
        for name, draw in _FIGURES.items():
            figures += write_figure(draw, results, folder / name)
    page = folder / "report.html"
    write_text(page, render(results))
    return ReportPaths(page, tuple(figures))
