"""`spareto compress` and `spareto recipe schema`, as a user calls them."""

import json
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import tiny
from spareto import recipes
from spareto.cli import main
from spareto.compression import compress, compression_report
from spareto.networks import build
from spareto.records import PruneStep, Recipe, TrainingPlan
from spareto.study.config import NetworkPlan
from spareto.study.networks import load_network, save_network
from spareto.training import train

ROOT = Path(__file__).parents[2]
CODE = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))

def number():
    return 3
"""
PLAN = TrainingPlan(epochs=3, batch_size=32, learning_rate=0.01)
JOINT = recipes.joint(bits=4, sparsity=0.5).model_copy(update={"training": PLAN})
DIGITS = {"name": "digits", "timesteps": 2, "options": {"sensor": 8}}
ZOO = NetworkPlan(name="conv", options={"channels": [2], "votes": 1})


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARETO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_networks", raising=False)
    Path("my_networks.py").write_text(CODE)
    Path("digits.yaml").write_text(yaml.safe_dump(DIGITS))
    JOINT.save("recipe.yaml")
    return tmp_path


@pytest.fixture
def call(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["spareto", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        out, told = capsys.readouterr()
        assert end.value.code in (0, None), told
        return out

    return run


@pytest.fixture
def refused(monkeypatch, capsys, folder):
    def check(words, *lines):
        before = sorted(path.name for path in folder.iterdir())
        monkeypatch.setattr(sys, "argv", ["spareto", "compress", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        out, told = capsys.readouterr()
        assert told.splitlines() == list(lines)
        assert (end.value.code, out) == (2, "")
        after = sorted(path.name for path in folder.iterdir() if path.name != "__pycache__")
        assert after == [name for name in before if name != "__pycache__"]

    return check


def dense(path="dense.safetensors"):
    torch.manual_seed(0)
    network = build(ZOO.name, sensor=(2, 8, 8), classes=10, **ZOO.options)
    save_network(Path(path), network, ZOO, recipes.dense(), (2, 8, 8), 10)
    return network.eval()


def test_a_network_of_ones_own_without_training(call):
    row = json.loads(call("compress", "my_networks:build", "recipe.yaml", "--json"))
    assert row["written_to"] == "build-joint-4-bit-50.safetensors"
    assert (row["weights"], row["bytes"], row["float_bytes"], row["accuracy"]) == (120, 60, 480, None)
    assert row["sparsity"] >= 0.5
    assert [layer["name"] for layer in row["layers"]] == ["0", "2"]
    expected = compress(tiny.plain(), JOINT)
    written = load_network(row["written_to"], tiny.plain(1))
    for layer in (0, 2):
        assert torch.equal(written[layer].weight, expected[layer].weight)
        assert torch.equal(written[layer].bias, expected[layer].bias)


def test_the_table_fits_and_names_every_layer(call):
    lines = call("compress", "my_networks:build", "recipe.yaml").splitlines()
    assert lines[0] == "my_networks:build by 'joint 4 bit 50 %'"
    assert lines[1].split() == ["layer", "shape", "bits", "levels", "sparsity", "bytes"]
    assert lines[-1] == "Written to build-joint-4-bit-50.safetensors"
    assert [line.split()[0] for line in lines[3:5]] == ["0", "2"]
    assert max(map(len, lines)) <= 80


MIXED = """
import torch
from torch import nn

class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.table, self.read = nn.Embedding(9, 6), nn.Linear(6, 9, bias=False)
        self.read.weight = self.table.weight
        self.memory, self.up = nn.LSTM(6, 6), nn.ConvTranspose1d(2, 2, 3)
        self.attention = nn.MultiheadAttention(6, 2)
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.second.weight = self.first.weight
"""


def test_what_stays_in_float_is_named_and_counted(call):
    Path("mixed_networks.py").write_text(MIXED)
    row = json.loads(call("compress", "mixed_networks:Mixed", "recipe.yaml", "--json"))
    sys.modules.pop("mixed_networks")
    weights = {"attention.out_proj": 36, "read": 54, "first": 36}
    assert row["weights"] == sum(weights.values())
    assert row["bytes"] == row["weights"] // 2
    shares = {layer["name"]: layer["shares"] for layer in row["layers"]}
    assert shares == {"read": "", "attention.out_proj": "", "first": "", "second": "first"}
    beside = {part["what"].partition(":")[0]: part["values"] for part in row["beside"]}
    lstm, up, attention = 2 * 4 * 6 * 6 + 2 * 4 * 6, 2 * 2 * 3, 3 * 6 * 6 + 3 * 6
    assert beside["recurrent layer"] == lstm
    assert beside["transposed convolution"] == up
    assert beside["attention projection"] == attention
    biases, scales = 2 + 6 + 6 + 6, 3
    assert row["stored_values"] == row["weights"] + lstm + up + attention + biases + scales
    assert row["stored_bytes"] == row["bytes"] + 4 * (row["stored_values"] - row["weights"])
    told = call("compress", "mixed_networks:Mixed", "recipe.yaml").splitlines()
    sys.modules.pop("mixed_networks")
    assert any(line.startswith("weights of these layers") for line in told)
    assert any(line.startswith("all that is stored") for line in told)
    assert "Layer second uses the weights of first." in told
    why = "recurrent layer: recipes compress convolution and dense layers"
    assert f"Not compressed: memory, {why}." in told


def test_a_plain_file_needs_no_spareto(call):
    call("compress", "my_networks:build", "recipe.yaml", "--plain", "--out", "mine.safetensors")
    network = tiny.plain(5)
    network.load_state_dict(load_file("mine.safetensors"))
    expected = compress(tiny.plain(), JOINT)
    assert torch.equal(network[0].weight, expected[0].weight)


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_weights_go_into_the_network(call, name):
    state = tiny.plain(7).state_dict()
    torch.save(state, name) if name.endswith(".pt") else save_file(state, name)
    call(
        "compress", "my_networks:build", "recipe.yaml", "--weights", name, "--plain", "--out", "a.safetensors"
    )
    expected = compress(tiny.plain(7), JOINT)
    assert torch.equal(load_file("a.safetensors")["0.weight"], expected[0].weight)


def test_a_networks_file_of_a_study_is_trained(call):
    dense()
    words = ("compress", "dense.safetensors", "recipe.yaml", "--data", "digits.yaml", "--json", "--quiet")
    row = json.loads(call(*words))
    loaded = load_network(row["written_to"])
    assert [layer.bits for layer in compression_report(loaded)] == [4, 4]
    assert 0.15 < row["accuracy"] <= 1
    first = Path(row["written_to"]).read_bytes()
    call(*words)
    assert Path(row["written_to"]).read_bytes() == first
    assert not list(Path().glob(".*training*"))


OWN = """
import numpy as np
import torch
from torch import nn
from spareto.neurons import registry


class Net(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(12, hidden), registry.make("lif")
        self.fc2 = nn.Linear(hidden, 2)

    def forward(self, frames):
        spikes = self.lif1(6 * self.fc1(frames))
        return {"currents": self.fc2(spikes), "spikes": spikes}


def build(hidden=8):
    torch.manual_seed(0)
    return Net(hidden)


def load():
    labels = np.arange(320) % 2
    frames = np.random.default_rng(0).random((5, 320, 12)).astype(np.float32)
    frames[:, :, :6] *= 2.0 * labels[:, None]
    return frames, labels, frames[:, :20], labels[:20]
"""


def test_a_network_and_data_of_ones_own_are_trained_and_carried_on_with(call, monkeypatch):
    monkeypatch.delitem(sys.modules, "own", raising=False)
    Path("own.py").write_text(OWN)
    how = ("--output", "currents", "--vote", "mean", "--options", "{hidden: 20}")
    words = ("compress", "own.py:build", "recipe.yaml", "--data", "own.py:load", *how, "--json", "--quiet")
    row = json.loads(call(*words))
    assert row["written_to"] == "build-joint-4-bit-50.safetensors"
    assert [layer["bits"] for layer in row["layers"]] == [4, 4]
    first = Path(row["written_to"]).read_bytes()
    call(*words)
    assert Path(row["written_to"]).read_bytes() == first
    loaded = load_network(row["written_to"])
    assert [layer.bits for layer in compression_report(loaded)] == [4, 4]
    measured = json.loads(call("profile", row["written_to"], "--data", "own.py:load", "--json"))
    assert measured["accuracy"] == row["accuracy"]  # how it is run stands in the file


def test_a_training_is_written_for_tensorboard(call, folder):
    pytest.importorskip("tensorboard", reason="needs the extra 'tensorboard'")
    dense()
    words = ("--data", "digits.yaml", "--device", "auto", "--tensorboard", "board")
    call("compress", "dense.safetensors", "recipe.yaml", *words)
    assert [path.name for path in (folder / "board").iterdir()] == ["joint-4-bit-50-seed0"]


def test_processes_that_share_a_training_are_refused(refused, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    cure = "Run it without torchrun; a script of your own that calls spareto.train can share its batches."
    refused(["my_networks:build", "recipe.yaml"], f"compress: got 2 processes; expected one. {cure}")


def test_a_stopped_training_is_carried_on(call, monkeypatch, capsys):
    dense()
    words = ("compress", "dense.safetensors", "recipe.yaml", "--data", "digits.yaml", "--quiet")
    call(*words, "--out", "whole.safetensors")
    trained = []

    def stop_after_one(network, data, plan, *, on_epoch=None, **options):
        def told(report):
            trained.append(report.epoch)
            if len(trained) == 1:
                raise KeyboardInterrupt

        train(network, data, plan, on_epoch=told, **options)

    with monkeypatch.context() as patched:
        patched.setattr("spareto.compression.run.train", stop_after_one)
        patched.setattr(sys, "argv", ["spareto", *words, "--out", "stopped.safetensors"])
        with pytest.raises(SystemExit):
            main()
        assert "The same command carries on." in capsys.readouterr().err
        call(*words, "--out", "stopped.safetensors")
    assert trained == [1, 2, 3]
    assert Path("stopped.safetensors").read_bytes() == Path("whole.safetensors").read_bytes()


def test_data_driven_pruners_are_stored_and_loaded(call):
    """Masks come from the file: what they were drawn from is not needed again."""
    dense()
    Recipe(steps=(PruneStep(sparsity=0.5, pruner="snip"),), training=PLAN).save("snip.yaml")
    call(
        "compress",
        "dense.safetensors",
        "snip.yaml",
        "--data",
        "digits.yaml",
        "--out",
        "a.safetensors",
        "--quiet",
    )
    layers = compression_report(load_network("a.safetensors"))
    assert not any(layer.sparsity == 1 for layer in layers)
    zeros = sum(layer.sparsity * torch.tensor(layer.shape).prod() for layer in layers)
    assert zeros / sum(torch.tensor(layer.shape).prod() for layer in layers) == pytest.approx(0.5, abs=0.01)


def test_what_is_no_network(refused):
    rule = "a .safetensors file that a study left, or FILE.py:NAME"
    cure = "Name the file and in it the function that returns the network."
    refused(["other_networks", "recipe.yaml"], f"network: got 'other_networks'; expected {rule}. {cure}")
    refused(
        ["my_networks", "recipe.yaml"],
        "network 'my_networks': got no name behind the file; expected FILE.py:NAME or MODULE:NAME. "
        "my_networks.py has build, number. Write my_networks:build.",
    )
    refused(
        ["none.safetensors", "recipe.yaml"],
        "none.safetensors: got no such file; expected a stored network. Check the path.",
    )


def test_code_that_gives_no_network(refused):
    refused(
        ["nowhere:build", "recipe.yaml"],
        "network 'nowhere:build': got no file nowhere.py and no module 'nowhere'; "
        f"expected FILE.py:NAME or MODULE:NAME. Looked in {Path.cwd().resolve()}.",
    )
    refused(
        ["my_networks:biuld", "recipe.yaml"],
        "network 'my_networks:biuld': got no 'biuld' in my_networks.py; expected one of build, number. "
        "Did you mean 'build'?",
    )
    refused(
        ["my_networks:number", "recipe.yaml"],
        "network 'my_networks:number': got a int from it; expected a torch.nn.Module. Return the network.",
    )


def test_weights_that_do_not_fit(refused):
    torch.save(tiny.plain().state_dict(), "weights.pt")
    dense()
    rule = "none, for the network's file has its own"
    refused(
        ["dense.safetensors", "recipe.yaml", "--weights", "weights.pt"],
        f"weights: got weights.pt; expected {rule}. Leave --weights out.",
    )
    refused(
        ["my_networks:build", "recipe.yaml", "--weights", "none.pt"],
        "none.pt: got no such file; expected a state dict, .safetensors or torch's own format. "
        "Check the path.",
    )
    Path("broken.pt").write_bytes(b"nothing")
    refused(
        ["my_networks:build", "recipe.yaml", "--weights", "broken.pt"],
        "broken.pt: got a file that cannot be read safely (UnpicklingError); expected a state dict, "
        ".safetensors or torch's own format. Save them with torch.save(network.state_dict(), path).",
    )


def test_a_network_that_is_compressed_already(refused):
    save_network(Path("small.safetensors"), compress(dense(), JOINT), ZOO, JOINT, (2, 8, 8), 10)
    got = "a network that recipe 'joint 4 bit 50 %' has compressed"
    refused(
        ["small.safetensors", "recipe.yaml"],
        f"small.safetensors: got {got}; expected one that is not compressed yet. "
        "Take the network of the recipe 'dense float'.",
    )


def test_data_the_network_was_not_built_for(refused):
    dense()
    words = ["dense.safetensors", "recipe.yaml", "--quiet", "--data"]
    Path("larger.yaml").write_text(yaml.safe_dump({**DIGITS, "options": {"sensor": 16}}))
    rule, cure = "expected {}, as the network was built for.", "Name the data the network was trained on."
    refused(
        [*words, "larger.yaml"],
        f"data.sensor: got (2, 16, 16); {rule.format((2, 8, 8))} {cure}",
    )
    network = build(ZOO.name, sensor=(2, 8, 8), classes=3, **ZOO.options)
    save_network(Path("dense.safetensors"), network, ZOO, recipes.dense(), (2, 8, 8), 3)
    refused([*words, "digits.yaml"], f"data.classes: got 10; {rule.format(3)} {cure}")


def test_a_pruner_that_needs_data(refused):
    Recipe(steps=(PruneStep(sparsity=0.5, pruner="snip"),)).save("snip.yaml")
    rule = "a way to measure gradients, which pruner 'snip' needs"
    cure = "Pass 'run' to spareto.compress, or --data to the command."
    refused(["my_networks:build", "snip.yaml"], f"recipe.steps[0]: got no data; expected {rule}. {cure}")


def test_a_file_name_of_another_kind(refused):
    refused(
        ["my_networks:build", "recipe.yaml", "--out", "a.pt"],
        "out: got 'a.pt'; expected a file name that ends with .safetensors. Write --out a.safetensors.",
    )


def test_a_wrong_recipe(refused):
    Path("bad.yaml").write_text("steps: [{kind: prune, sparsity: 80}, {kind: quantise, bits: 4}]\n")
    refused(
        ["my_networks:build", "bad.yaml"],
        "recipe.steps[0].sparsity: got 80; expected a share from 0 to below 1. Write 80 % as 0.8.",
        "recipe.steps[1].kind: got 'quantise'; expected one of epitome, prune, quantize. "
        "Did you mean 'quantize'?",
    )
