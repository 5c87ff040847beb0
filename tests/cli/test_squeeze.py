"""`spareto squeeze`: what it writes is the smaller network, and it says how many channels that has."""

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from spareto import recipes
from spareto.cli import main
from spareto.data.own import load_data
from spareto.networks import build
from spareto.records.data import parse_data
from spareto.study.config import NetworkPlan
from spareto.study.networks import save_network
from spareto.training import evaluate

DIGITS = {"name": "digits", "timesteps": 2, "options": {"sensor": 8}}
SHAPE = {"sensor": (2, 8, 8), "classes": 10, "votes": 1}
PLAN = """
multiplier: 2
recipe:
  steps: [{kind: quantize, quantizer: sign, bits: 1, granularity: per_channel}]
  training: {epochs: 1, batch_size: 64, learning_rate: 0.01}
budget: {metric: bops, at_most: 40000}
fine_tuning: {epochs: 1, batch_size: 64, learning_rate: 0.01}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SPARETO_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    plan = NetworkPlan(name="conv", options={"channels": [4, 6], "votes": 1})
    network = build("conv", channels=(4, 6), **SHAPE)
    save_network(
        Path("dense.safetensors"), network, plan, recipes.dense(), (2, 8, 8), 10, parse_data(DIGITS, "data")
    )
    Path("plan.yaml").write_text(PLAN)


def call(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["spareto", "squeeze", "dense.safetensors", "plan.yaml", *words])
    with pytest.raises(SystemExit) as end:
        main()
    out, told = capsys.readouterr()
    return end.value.code or 0, out, told


def test_what_is_written_is_the_smaller_network(monkeypatch, capsys):
    code, out, told = call(monkeypatch, capsys, "--json", "--out", "small.safetensors")
    assert code == 0, told
    row = json.loads(out)
    wide, *_, last = (each["channels"] for each in row["rounds"])
    assert list(wide.values())[:2] == [8, 12]
    assert row["rounds"][-1]["amount"] <= 40_000
    small = build("conv", channels=tuple(last.values())[:2], **SHAPE)
    small.load_state_dict(load_file("small.safetensors"))
    data = load_data(parse_data(DIGITS, "data"))
    assert evaluate(small.eval(), data.test_frames, data.test_labels) == row["accuracy"]
    assert not list(Path().glob(".small*"))
    assert all(len(weight.unique()) == 2 for weight in small.features[0].conv.weight.flatten(1))


def test_the_table_fits_and_names_the_channels(monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys)
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["network", "channels", "of", "each", "layer", "bit", "operations"]
    assert lines[2].split()[0] == "wide"
    assert lines[-1] == "Written to dense-squeezed.safetensors"
    assert max(map(len, lines)) <= 80


def test_a_budget_that_nothing_holds_is_refused_and_nothing_written(monkeypatch, capsys):
    Path("plan.yaml").write_text(PLAN.replace("40000", "10"))
    code, out, told = call(monkeypatch, capsys)
    assert (code, out) == (2, "")
    assert "plan.budget.at_most: got 10; expected at least" in told.replace(
        "plan.budget.at_most: got 1e+01", "plan.budget.at_most: got 10"
    )
    assert not Path("dense-squeezed.safetensors").exists()
