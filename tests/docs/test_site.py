"""The documentation site: it builds without a warning, and names everything that is public."""

import importlib.util
import inspect
import json
import os
import subprocess
import sys

import pytest

import spareto
from pages import ROOT, blocks_of

NEEDS = ("mkdocs", "material", "mkdocstrings")
PUBLIC = [name for name in spareto.__all__ if not name.startswith("__")]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "mkdocs", "build", "--strict", "-d", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_every_public_name_is_in_the_reference(site) -> None:
    page = (site / "reference" / "python" / "index.html").read_text()
    assert not [name for name in PUBLIC if f'id="spareto.{name}"' not in page]


def test_every_command_and_key_is_in_the_reference(site) -> None:
    commands = (site / "reference" / "commands" / "index.html").read_text()
    for command in ("front", "show", "figure", "explore", "report", "profile", "cost"):
        assert f'id="spareto-{command}"' in commands
    keys = (site / "reference" / "yaml" / "index.html").read_text()
    for key in ("validation_share", "compression_training", "layer_bits", "read_bandwidth"):
        assert f"<code>{key}</code>" in keys
    assert (site / "reference" / "study.schema.json").is_file()


def test_every_tutorial_is_a_notebook_with_the_code_of_its_page(site) -> None:
    for page in sorted((ROOT / "docs" / "tutorials").glob("*.md")):
        found = json.loads((site / "tutorials" / f"{page.stem}.ipynb").read_text())
        assert (found["nbformat"], found["nbformat_minor"]) == (4, 5)
        cells = ["".join(cell["source"]) for cell in found["cells"] if cell["cell_type"] == "code"]
        assert cells == [block.code.rstrip("\n") for block in blocks_of(f"docs/tutorials/{page.name}")]
        assert len({cell["id"] for cell in found["cells"]}) == len(found["cells"])


def test_the_site_loads_nothing_from_elsewhere(site) -> None:
    loads = ('src="http', 'rel="stylesheet" href="http', "fonts.googleapis")
    assert not [path for path in site.rglob("*.html") if any(each in path.read_text() for each in loads)]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_says_what_it_is_and_what_it_takes(name) -> None:
    value = getattr(spareto, name)
    text = inspect.getdoc(value) or ""
    assert text, "no docstring"
    if inspect.isfunction(value):
        parameters = [each for each in inspect.signature(value).parameters if each != "self"]
        told = [each for each in parameters if f"{each}:" in text or f"`{each}`" in text]
        assert told == parameters
