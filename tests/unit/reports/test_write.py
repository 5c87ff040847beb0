import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest
from matplotlib.path import Path

import factories
from spareto.reports.figures import components_figure, formats_figure, front_figure, sparsity_figure
from spareto.reports.figures.style import STYLE
from spareto.reports.write import write_files

NAMES = {
    "report.html",
    *(f"{name}.{kind}" for name in ("front", "components", "sparsity", "formats") for kind in ("png", "svg")),
}


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_report_is_nine_files_and_the_same_bytes_each_time(three_seeds, tmp_path) -> None:
    paths = write_files(three_seeds, tmp_path / "new")
    first = contents(tmp_path / "new")
    assert {path.name for path in (paths.report, *paths.figures)} == set(first) == NAMES
    write_files(three_seeds, tmp_path / "new")
    assert contents(tmp_path / "new") == first
    assert all(value.startswith(b"\x89PNG") for name, value in first.items() if name.endswith("png"))
    for name, value in first.items():
        if name.endswith("svg"):
            ET.fromstring(value)


@pytest.mark.parametrize("draw", [front_figure, components_figure, sparsity_figure, formats_figure])
def test_odd_studies_are_drawn(odd, draw) -> None:
    """A layout that does not fit is a warning, and warnings are errors here."""
    with mpl.rc_context(STYLE):
        figure = draw(odd)
        figure.draw_without_rendering()
    assert all(axes.get_window_extent().width > 100 for axes in figure.axes)


def test_no_trials_gives_a_page_and_no_figures(make, tmp_path) -> None:
    assert write_files(make([]), tmp_path).figures == ()
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("seeds", [1, 3])
def test_labels_cover_neither_each_other_nor_the_frame(make, seeds) -> None:
    with mpl.rc_context(STYLE):
        figure = front_figure(make(factories.study(seeds)))
        figure.draw_without_rendering()
        (axes,) = figure.axes
        boxes = [text.get_window_extent() for text in axes.texts]
        frame, legend = axes.get_window_extent(), axes.get_legend().get_window_extent()
        lines = [axes.transData.transform(line.get_xydata()) for line in axes.lines if len(line.get_xdata())]
    assert len(boxes) >= 4
    assert axes.get_xlabel() == "energy per inference (µJ, log scale)"
    for index, box in enumerate(boxes):
        assert box.count_overlaps(boxes[index + 1 :]) == 0
        assert frame.contains(*box.min)
        assert frame.contains(*box.max)
        assert not box.overlaps(legend)
        assert not any(Path(line).intersects_bbox(box, filled=False) for line in lines)
