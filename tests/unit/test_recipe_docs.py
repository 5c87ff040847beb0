"""What the documents say of recipes holds."""

import re
from pathlib import Path

import pytest
import yaml

import tiny
from spareto.compression import compress
from spareto.data import registry as datasets
from spareto.pruners import registry as pruners
from spareto.pruners.schedules import registry as schedules
from spareto.records import Recipe

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = [
    (path.name, block)
    for path in (DOCS / "recipes.md", DOCS / "pruners.md", DOCS / "studies.md")
    for block in re.findall(r"```yaml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    if "steps:" in block
]


@pytest.mark.parametrize(("document", "block"), BLOCKS)
def test_every_recipe_can_be_carried_out(document, block):
    assert compress(tiny.network(), Recipe.parse(yaml.safe_load(block), document))


def test_there_are_recipes_to_carry_out():
    assert {name for name, _ in BLOCKS} == {"recipes.md", "pruners.md", "studies.md"}


@pytest.mark.parametrize(
    ("document", "names"),
    [("pruners.md", pruners.names()), ("pruners.md", schedules.names()), ("data.md", datasets.names())],
    ids=["pruners", "schedules", "data sets"],
)
def test_every_variant_has_its_row(document, names):
    rows = re.findall(r"^\| `(\w+)` \|", (DOCS / document).read_text(encoding="utf-8"), re.MULTILINE)
    assert set(names) <= set(rows)
