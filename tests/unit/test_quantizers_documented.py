"""docs/quantizers.md names every quantizer and rounding, with its bits, and shows a recipe that loads."""

import re
from pathlib import Path

import yaml

import tiny
from spareto.compression import compress
from spareto.quantizers import registry
from spareto.quantizers.rounding import registry as roundings
from spareto.records import Recipe

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "quantizers.md").read_text(encoding="utf-8")
BIBLIOGRAPHY = set(
    re.findall(r"@\w+\{(\w+),", (ROOT / "docs" / "references.bib").read_text(encoding="utf-8"))
)


def rows(header):
    """First cells of a table's rows, and the rows themselves."""
    table = TEXT[TEXT.index(header) :].split("\n\n")[0].splitlines()[2:]
    return {re.match(r"\| `(\w+)`", row).group(1): row for row in table}


def test_every_quantizer_has_its_row_with_its_bits():
    table = rows("| name | bits |")
    assert set(table) == set(registry.names())
    for name, row in table.items():
        low, high = registry.get(name).bits_supported[0], registry.get(name).bits_supported[-1]
        bits = f"| {low}–{high} |" if low < high else f"| {low} |"
        assert f"| `{name}` {bits}" in row, name


def test_every_rounding_has_its_row():
    assert set(rows("| name | gradient")) == set(roundings.names())


def test_every_source_is_in_the_bibliography():
    sources = set(re.findall(r"\b[a-z]+(?:19|20)\d\d\b", TEXT))
    assert len(sources) > 10
    assert sources <= BIBLIOGRAPHY


def test_every_reference_in_a_docstring_is_in_the_bibliography():
    for path in sorted((ROOT / "src" / "spareto" / "quantizers").rglob("*.py")):
        sources = set(re.findall(r"\b[a-z]+(?:19|20)\d\d\b", path.read_text(encoding="utf-8")))
        assert sources <= BIBLIOGRAPHY, path.name


def test_the_recipe_it_shows_is_carried_out():
    shown = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL).group(1)
    recipe = Recipe.parse(yaml.safe_load(shown), "recipe")
    compressed = compress(tiny.network(), recipe)
    assert compressed.features[0].conv.parametrizations.weight[0].quantizer.bits == 8
    assert compressed.readout[0].linear.parametrizations.weight[0].quantizer.bits == 1
