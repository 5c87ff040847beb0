"""A stored network says what it was trained on; commands read it from there."""

import json
import sys

import pytest
import torch
import yaml

from spareto import recipes
from spareto.cli import main
from spareto.core.versions import versions
from spareto.networks import build
from spareto.records import DataPlan, Recipe, TrainingPlan
from spareto.study.config import NetworkPlan
from spareto.study.networks import data_of, plan_of, recipe_of, save_network
from spareto.training import read_manifest

STUDY = DataPlan(name="digits", timesteps=3, options={"sensor": 8})
ZOO = NetworkPlan(name="conv", options={"channels": [2], "votes": 1})
RECIPE = recipes.joint(4, 0.5).replace(training=TrainingPlan(epochs=1))


@pytest.fixture(autouse=True)
def stored(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPARETO_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    network = build(ZOO.name, sensor=(2, 8, 8), classes=10, **ZOO.options)
    save_network(tmp_path / "dense.safetensors", network, ZOO, recipes.dense(), (2, 8, 8), 10, STUDY)
    save_network(tmp_path / "silent.safetensors", network, ZOO, recipes.dense(), (2, 8, 8), 10)
    RECIPE.save("recipe.yaml")
    return tmp_path


@pytest.fixture
def call(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["spareto", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, *capsys.readouterr()

    return run


def test_the_file_holds_everything_that_is_needed(stored):
    manifest = read_manifest(stored / "dense.safetensors")
    assert (data_of(manifest), plan_of(manifest)) == (STUDY, ZOO)
    assert recipe_of(manifest, stored) == recipes.dense()
    assert manifest["versions"] == versions()


@pytest.mark.parametrize(("said", "timesteps"), [([], 3), (["--timesteps", 2], 2)])
def test_what_is_not_said_of_the_same_data_is_as_in_the_study(said, timesteps, call):
    words = ["compress", "dense.safetensors", "recipe.yaml", "--data", "digits", "--quiet", "--json"]
    code, out, told = call(*words, *said)
    assert code == 0, told
    written = read_manifest(json.loads(out)["written_to"])
    assert data_of(written) == STUDY.replace(timesteps=timesteps)
    assert Recipe.parse(written["recipe"], "recipe") == RECIPE


def test_other_data_are_taken_as_they_are_named(call, stored):
    (stored / "plan.yaml").write_text(yaml.safe_dump({"name": "digits", "options": {"sensor": 8}}))
    words = ["compress", "silent.safetensors", "recipe.yaml", "--data", "plan.yaml", "--quiet", "--json"]
    code, out, told = call(*words)
    assert code == 0, told
    assert data_of(read_manifest(json.loads(out)["written_to"])).timesteps == DataPlan().timesteps


def test_a_profile_needs_no_data_to_be_named(call):
    code, out, told = call("profile", "dense.safetensors", "--samples", 4, "--json")
    assert code == 0, told
    assert json.loads(out)["timesteps"] == 3
    assert (
        json.loads(call("profile", "dense.safetensors", "--timesteps", 2, "--samples", 4, "--json")[1])[
            "timesteps"
        ]
        == 2
    )


def test_a_profile_of_a_file_that_does_not_say_asks(call):
    code, _, told = call("profile", "silent.safetensors")
    assert code == 2
    assert told.startswith("data: got nothing; expected data to run the network on, for its file does not")
