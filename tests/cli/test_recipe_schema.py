"""`spareto recipe schema`: what a recipe may say, for editors and for readers."""

import json
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from spareto import recipes
from spareto.cli import main
from spareto.compression.schema import recipe_schema
from spareto.pruners.schedules import registry as schedules

ROOT = Path(__file__).parents[2]


@pytest.fixture
def call(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["spareto", *words])
        with pytest.raises(SystemExit):
            main()
        return capsys.readouterr().out

    return run


def test_the_schema_is_printed(call):
    assert json.loads(call("recipe", "schema")) == recipe_schema()


def test_the_schema_in_the_docs_is_that_of_the_code():
    """Written by `spareto recipe schema > docs/recipe.schema.json`."""
    committed = json.loads((ROOT / "docs" / "recipe.schema.json").read_text(encoding="utf-8"))
    assert committed == recipe_schema()


def test_the_schema_explains_every_field_and_knows_every_name():
    schema = recipe_schema()
    for name, part in {"Recipe": schema, **schema["$defs"]}.items():
        for field, about in part["properties"].items():
            assert about.get("description") or field == "kind", f"{name}.{field} is not explained"
    plans = schema["$defs"]["SchedulePlan"]["anyOf"]
    assert [plan["properties"]["name"]["const"] for plan in plans] == list(schedules.names())
    assert all(issubclass(schedules.get(name), BaseModel) for name in schedules.names())


ACCEPTED = [
    {"steps": [{"kind": "prune", "sparsity": 0.8, "schedule": "gradual"}]},
    {"steps": [{"kind": "prune", "sparsity": 0.8, "schedule": {"name": "set", "options": {"end": 0.5}}}]},
    {"steps": [{"kind": "quantize", "bits": 3}], "training": {"epochs": 3}},
    recipes.cumulative(3, 0.5).to_dict(),
]
REFUSED = [
    {"steps": [{"kind": "prune", "sparsity": 80}]},
    {"steps": [{"kind": "prune", "sparsity": 0.8, "pruner": "magnitud"}]},
    {"steps": [{"kind": "prune", "sparsity": 0.8, "schedule": "gradul"}]},
    {"steps": [{"kind": "prune", "sparsity": 0.8, "schedule": {"name": "set", "options": {"end": 2}}}]},
    {"steps": [{"sparsity": 0.8}]},
    {"step": []},
]


@pytest.mark.parametrize("data", [*ACCEPTED, *REFUSED], ids=str)
def test_an_editor_accepts_and_refuses_what_we_do(data):
    jsonschema = pytest.importorskip("jsonschema", reason="no JSON Schema validator is installed")
    assert jsonschema.Draft202012Validator(recipe_schema()).is_valid(data) == (data in ACCEPTED)
