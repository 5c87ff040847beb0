"""A study file is refused where it says something twice or nowhere; its paths are relative to it."""

import re
from pathlib import Path

import pytest
import yaml

from spareto.core.errors import ConfigError
from spareto.records import QuantizeStep, Recipe, WideningPlan
from spareto.study.config import StudyConfig

QUANTIZE = {"kind": "quantize", "bits": 4}


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "", "..", " ", "/tmp/x"])
def test_a_study_name_is_one_folder(name) -> None:
    with pytest.raises(ConfigError, match=r"^study\.name: got .* expected a short name without slashes"):
        StudyConfig.parse({"name": name}, "study")


@pytest.mark.parametrize(
    ("place", "given"),
    [
        ("seeds", {"seeds": [0, 1, 0]}),
        ("grid[0].bits", {"grid": [{"regime": "quantize", "bits": [4, 4]}]}),
        ("grid[0].sparsity", {"grid": [{"regime": "prune", "sparsity": [0.5, 0.5]}]}),
        ("accelerators", {"accelerators": ["a", "a"]}),
        ("datasets", {"datasets": ["digits", {"name": "digits"}]}),
        ("networks", {"networks": [{"name": "dense"}, "dense"]}),
        ("weight_formats", {"weight_formats": ["rle", "rle"]}),
        ("recipes", {"recipes": ["x.yaml", "x.yaml"]}),
    ],
)
def test_a_list_says_everything_once(place, given) -> None:
    with pytest.raises(
        ConfigError, match=rf"^study\.{re.escape(place)}: got .*; expected every value once\.$"
    ):
        StudyConfig.parse({"name": "x", **given}, "study")


@pytest.mark.parametrize("key", ["seeds", "weight_formats", "objectives"])
def test_an_empty_list_is_refused_in_words(key) -> None:
    with pytest.raises(ConfigError, match=rf"^study\.{key}: got \[\]; expected at least 1 item\.$"):
        StudyConfig.parse({"name": "x", key: []}, "study")


def test_the_root_of_data_is_relative_to_the_study_file(tmp_path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("name: x\ndata: {name: nmnist, options: {root: recordings}}\n")
    assert StudyConfig.load(file).data.options["root"] == str(tmp_path / "recordings")
    file.write_text(f"name: x\ndata: {{name: nmnist, options: {{root: {tmp_path / 'there'}}}}}\n")
    assert StudyConfig.load(file).data.options["root"] == str(tmp_path / "there")


def test_a_recipe_is_a_file_or_written_out(tmp_path) -> None:
    written = Recipe(name="four", steps=(QuantizeStep(bits=4),))
    written.save(tmp_path / "recipe.yaml")
    file = tmp_path / "study.yaml"
    file.write_text("name: x\nrecipes: [recipe.yaml, {name: two, steps: [{kind: quantize, bits: 2}]}]\n")
    config = StudyConfig.load(file)
    assert [recipe.weight_bits for recipe in config.all_recipes()] == [32, 4, 2]
    assert StudyConfig.parse(config.to_dict(), "study") == config


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (3, r"recipes\[0\]: got 3; expected the name of a recipe's file, or a recipe\.$"),
        (
            {"steps": [{"kind": "quantize", "bits": 40}]},
            r"recipes\[0\]\.steps\[0\]\.bits: got 40; expected an integer",
        ),
    ],
)
def test_what_is_no_recipe_is_refused_by_its_place(recipe, said) -> None:
    with pytest.raises(ConfigError, match=r"^study\." + said):
        StudyConfig.parse({"name": "x", "recipes": [recipe]}, "study")


@pytest.mark.parametrize("idle", [{"steps": []}, {}, {"storage_bits": 32, "name": "nothing"}])
def test_a_recipe_that_does_nothing_is_refused(idle, tmp_path) -> None:
    said = r"\.steps: got \[\]; expected a step, neurons or storage_bits\. Leave it out"
    config = StudyConfig.parse({"name": "x", "recipes": [{"steps": [QUANTIZE]}, idle]}, "study")
    with pytest.raises(ConfigError, match=r"^study\.recipes\[1\]" + said):
        config.all_recipes()
    file = tmp_path / "idle.yaml"
    file.write_text(yaml.safe_dump(idle))
    with pytest.raises(ConfigError, match=re.escape(str(file)) + said):
        StudyConfig.parse({"name": "x", "recipes": [str(file)]}, "study").all_recipes()
    with pytest.raises(ConfigError, match=r"^plan\.recipe.*expected a recipe that does something"):
        WideningPlan.parse({"recipe": idle}, "plan")


@pytest.mark.parametrize("busy", [{"storage_bits": 8}, {"neurons": {"beta": 0.5}}, {"steps": [QUANTIZE]}])
def test_a_recipe_that_does_anything_is_taken(busy) -> None:
    assert len(StudyConfig.parse({"name": "x", "recipes": [busy]}, "study").all_recipes()) == 2


STUDIES = [
    path
    for path in sorted(Path(__file__).parents[2].glob("examples/**/*.yaml"))
    if path.name
    not in (
        "fspinn_digits.yaml",
        "fspinn_fashion.yaml",
        "fspinn_growth.yaml",
    )  # local learning has a record of its own
    if "\nnetwork:" in path.read_text()
]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.name)
def test_every_example_means_a_study(path) -> None:
    assert StudyConfig.load(path).all_recipes()
