"""The pages' own code runs as it stands there, offline, and prints what they say.

`SPARETO_WRITE_DOCS=1 pytest tests/docs` writes the outputs anew.
"""

import os

import pytest
import torch

from pages import ROOT, blocks_of, differences, rewritten, run

PAGES = [
    "README.md",
    "docs/any-network.md",
    "docs/codesign.md",
    "docs/convert.md",
    "docs/tutorials/my-snntorch-model.md",
    "docs/tutorials/my-own-data.md",
    "docs/tutorials/my-own-chip.md",
    "docs/tutorials/deploy.md",
    "docs/tutorials/a-papers-figure.md",
]


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    """An empty folder, one thread, and random numbers of its own."""
    pytest.importorskip("snntorch")
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_prints_what_it_says(page):
    names = {"__name__": "page"}
    blocks = blocks_of(page)
    assert blocks, "a page without code shows nothing"
    outputs = [run(block, names, page) for block in blocks]
    if os.environ.get("SPARETO_WRITE_DOCS"):
        (ROOT / page).write_text(rewritten(page, outputs))
    for block, printed in zip(blocks_of(page), outputs, strict=True):
        if block.shown is not None:
            assert not differences(block.shown, printed), f"{page}:{block.line}"


def test_every_network_gets_from_import_to_energy_in_ten_lines():
    costed = [block for block in blocks_of("docs/any-network.md") if "loihi_like" in block.code]
    assert len(costed) >= 6
    for block in costed:
        assert len(block.lines) <= 10, f"line {block.line}: {len(block.lines)} lines"


def test_the_ten_lines_of_the_readme_show_a_foreign_model():
    blocks = blocks_of("README.md")
    assert "snntorch.Leaky" in blocks[0].code
    assert "in (my_model, small)" in blocks[0].code
    assert "spareto.energy(model, " in blocks[0].code
    assert sum(len(block.lines) for block in blocks) <= 10


def test_the_readme_keeps_to_one_screen():
    """Of a page on a wide screen; code and output count as they stand."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 70


def test_outputs_are_eighty_columns_wide():
    for page in PAGES:
        for block in blocks_of(page):
            for line in (block.shown or "").splitlines():
                assert len(line) <= 80, f"{page}: {line}"
