"""`spareto convert`: what a network becomes, or what stands in the way."""

import json

import pytest

from spareto.cli import app

CODE = """
import torch, snntorch
from torch import nn

def build(**options):
    torch.manual_seed(0)
    leaky = {"beta": 0.9, "init_hidden": True, **options}
    return nn.Sequential(nn.Flatten(), nn.Linear(8, 6), snntorch.Leaky(**leaky))

def load():
    return torch.rand(12, 5, 8), torch.zeros(12, dtype=int)
"""


@pytest.fixture
def code(tmp_path, monkeypatch):
    pytest.importorskip("snntorch")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.py").write_text(CODE)
    return ["convert", "my.py:build", "--data", "my.py:load", "--layout", "batch-first"]


def test_it_says_what_a_network_becomes(code, capsys):
    app([*code, "--json"], result_action="return_value")
    row = json.loads(capsys.readouterr().out)
    assert row["parts"] == [{"part": "1", "kind": "SpikingDense", "neurons": "2", "weights": 54}]
    assert "is the original's" in row["notes"][-1]


def test_the_table_names_both(code, capsys):
    app([*code, "--samples", "3"], result_action="return_value")
    told = capsys.readouterr().out
    assert "SpikingDense" in told
    assert "Every one of 90 spikes and silences" in told


def test_what_has_no_counterpart_is_told(code):
    from spareto.core.errors import SparetoError

    with pytest.raises(SparetoError, match="graded_spikes_factor: got 2"):
        app([*code, "--options", "{graded_spikes_factor: 2.0}"], result_action="return_value")


def test_a_network_is_written_for_another_framework(code, capsys, tmp_path):
    (tmp_path / "ours.py").write_text(OURS)
    app(["export", "ours.py:build", "--target", "norse", "--out", "there"], result_action="return_value")
    assert "Written to there: network.py, weights.safetensors" in capsys.readouterr().out
    assert "LIFBoxCell(" in (tmp_path / "there" / "network.py").read_text()


def test_an_unknown_target_is_told_the_known(code):
    from spareto.core.errors import SparetoError

    with pytest.raises(
        SparetoError, match="c99, verilog, nir, norse, qonnx, safetensors, sinabs, snntorch, spikingjelly"
    ):
        app(["export", "my.py:build", "--target", "brian", "--out", "there"], result_action="return_value")


def test_files_come_and_go(code, capsys, tmp_path):
    """Code to NIR, NIR to safetensors, that to Norse: each says what it wrote."""
    from spareto.core.errors import SparetoError

    pytest.importorskip("nir")
    (tmp_path / "ours.py").write_text(OURS)
    with pytest.raises(SparetoError, match="dt: got nothing"):
        app(["export", "ours.py:build", "--target", "nir", "--out", "a.nir"], result_action="return_value")
    export = ["export", "ours.py:build", "--target", "nir", "--out", "a.nir", "--dt", "1e-4"]
    app(export, result_action="return_value")
    told = capsys.readouterr().out
    assert "The outputs are the last spikes" in told
    assert "Written to a.nir: a.nir" in told
    app(["convert", "a.nir", "--out", "b.safetensors", "--json"], result_action="return_value")
    row = json.loads(capsys.readouterr().out)
    assert [part["kind"] for part in row["parts"]] == ["SpikingDense", "SpikingDense"]
    assert "Written to b.safetensors" in row["notes"][-1]
    app(["export", "b.safetensors", "--target", "norse", "--out", "there"], result_action="return_value")
    assert (tmp_path / "there" / "network.py").is_file()
    again = ["export", "a.nir", "--target", "safetensors", "--out", "c.safetensors", "--dt", "1e-4"]
    app(again, result_action="return_value")
    assert (tmp_path / "c.safetensors").is_file()
    with pytest.raises(SparetoError, match=r"--dt: got 1\.0; expected none beside a function"):
        app([*code, "--dt", "1"], result_action="return_value")


def test_a_state_dict_is_converted_by_its_layers(code, capsys, tmp_path):
    import torch

    torch.save({"a.weight": torch.ones(6, 8), "a.bias": torch.zeros(6), "x": torch.ones(1)}, "a.pt")
    (tmp_path / "layers.yaml").write_text("[{linear: a, neuron: {name: lif}}]")
    app(["convert", "a.pt", "--layers", "layers.yaml"], result_action="return_value")
    told = capsys.readouterr().out
    assert "SpikingDense" in told
    assert "Not used of the state dict: x." in told


OURS = """
import spareto

def build():
    return spareto.networks.registry.make("dense", sensor=(1, 1, 8), classes=3, hidden=(6,))
"""
