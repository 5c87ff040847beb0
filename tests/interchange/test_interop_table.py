"""The table of file formats in docs/interop.md is what a run of them gives, neuron by neuron."""

import pytest

from interchange import interop

pytest.importorskip("nir")
pytest.importorskip("qonnx")
pytestmark = pytest.mark.filterwarnings("ignore")
SHOWN = {
    line.split(" | ")[0].removeprefix("| "): [cell.strip(" |") for cell in line.split(" | ")[1:]]
    for line in interop.PAGE.read_text("utf-8")
    .partition(interop.BEGIN)[2]
    .partition(interop.END)[0]
    .splitlines()
    if line.startswith("| `")
}


@pytest.mark.parametrize("label", interop.ROWS)
def test_each_cell_is_what_was_seen(label):
    cells = interop.row(*interop.ROWS[label])
    assert cells[0] == "exact"  # our own file keeps everything
    assert "differs" not in cells
    assert list(cells) == SHOWN[label], "run python -m tests.interchange.interop"
