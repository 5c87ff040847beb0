"""`spareto lower`, `bench`, `export`, `run` and `verify` on a network in a file."""

import json
import sys

import numpy as np
import pytest

import tiny
from spareto.cli import main
from spareto.compression import compress
from spareto.package import read_package
from spareto.records import Recipe
from spareto.study.builders import builder_of
from spareto.study.config import NetworkPlan, OwnNetworkPlan
from spareto.study.networks import save_network

RECIPE = {"name": "mine", "steps": [{"kind": "quantize", "bits": 4}]}
FRAMES = {"timesteps": 4, "duration_us": 1000, "binary": True, "most": 1}


@pytest.fixture
def stored(tmp_path):
    """A compressed network's file."""
    recipe, path = Recipe.parse(RECIPE, "recipe"), tmp_path / "mine.safetensors"
    plan = NetworkPlan(name="conv", options={"channels": [3], "votes": 2})
    small = compress(tiny.network(), recipe)
    save_network(path, small, plan, recipe, tiny.SENSOR, tiny.CLASSES, frames=FRAMES)
    return path


@pytest.fixture
def call(monkeypatch, capsys):
    """The command in this process: exit status, stdout, stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["spareto", *map(str, arguments)])
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
        return status, *capsys.readouterr()

    return run


def test_a_network_goes_all_the_way(stored, tmp_path, call):
    package, folder = tmp_path / "a.spareto", tmp_path / "c"
    status, out, _ = call("lower", stored, "--out", package, "--explain")
    assert status == 0
    assert "mine in integers" in out
    assert f"spareto run {package} RECORDING" in out
    status, out, _ = call("lower", stored, "--out", package, "--json")
    row = json.loads(out)
    assert package.stat().st_size == row["weight_bytes"] + row["bias_bytes"] + row["header_bytes"]
    frames = (np.random.default_rng(0).random((4, *tiny.SENSOR)) < 0.3).astype(np.uint8)
    np.save(tmp_path / "frames.npy", frames)
    status, out, _ = call("run", package, tmp_path / "frames.npy", "--json")
    assert (status, json.loads(out)["timesteps"]) == (0, 4)
    assert call("bench", package, "--rounds", 2)[0] == 0
    status, out, _ = call("export", package, "--out", folder)
    assert status == 0
    assert {path.name for path in folder.iterdir()} >= {"network.c", "network.h", "spareto.c", "spareto.h"}


def test_events_run_as_their_frames_do(stored, tmp_path, call):
    package = tmp_path / "a.spareto"
    call("lower", stored, "--out", package)
    rng = np.random.default_rng(0)
    polarities, height, width = tiny.SENSOR
    events = {"x": rng.integers(0, width, 60), "y": rng.integers(0, height, 60)}
    events |= {"p": rng.integers(0, polarities, 60), "t": np.sort(rng.integers(0, 900, 60))}
    np.savez(tmp_path / "events.npz", **events)
    status, out, _ = call("run", package, tmp_path / "events.npz", "--json")
    assert (status, json.loads(out)["timesteps"]) == (0, 4)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "{package}"), "at least one file"),
        (("run", "{package}", "none.npy"), "no such file"),
        (("verify", "{package}"), "no test vectors"),
        (("export", "{package}", "--out", "x", "--target", "c98"), "Did you mean 'c99'"),
        (("lower", "none.safetensors"), "no such file"),
        (("bench", "{stored}"), "no package"),
        (("bench", "{folder}"), "a folder; expected a package. Name its package: {package}"),
        (("run", "{package}", "{folder}"), "a folder; expected a recording. Name its files"),
        (("lower", "{package}"), "a package of integers; expected a stored network. Run it: spareto run."),
    ],
)
def test_mistakes_are_said_in_a_line(arguments, said, stored, tmp_path, call):
    package = tmp_path / "a.spareto"
    call("lower", stored, "--out", package)
    names = {"package": package, "stored": stored, "folder": tmp_path}
    status, _, err = call(*(word.format(**names) for word in arguments))
    assert status == 2
    assert said.format(**names) in err


@pytest.mark.parametrize("command", [("lower",), ("export", "--target", "snntorch", "--out", "there")])
@pytest.mark.parametrize("damage", ["cut off", "a bit", "header"])
def test_a_damaged_network_is_called_a_network(command, damage, stored, call):
    """And nobody is told to delete it."""
    content = bytearray(stored.read_bytes())
    content[{"cut off": 3, "a bit": -2, "header": 20}[damage]] ^= 64
    stored.write_bytes(content[:90] if damage == "cut off" else content)
    status, _, err = call(command[0], stored, *command[1:])
    assert status == 2
    assert f"{stored}: got " in err
    assert "expected a stored network. Store it again" in err


OWN = """
from torch import nn
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry

def build(hidden=6):
    first, last = nn.Linear(8, hidden), nn.Linear(hidden, 3)
    return nn.Sequential(SpikingDense(first, registry.make("lif")), SpikingDense(last, registry.make("lif")))
"""


def test_a_network_of_a_users_own_is_lowered_at_the_sensor_and_classes_of_its_study(tmp_path, call):
    (tmp_path / "net.py").write_text(OWN)
    plan = OwnNetworkPlan.parse({"import": f"{tmp_path / 'net.py'}:build"}, "network")
    recipe, path = Recipe.parse(RECIPE, "recipe"), tmp_path / "own.safetensors"
    small = compress(builder_of(plan).build()[0], recipe)
    save_network(path, small, plan, recipe, (8, 1, 1), 3)
    status, _, err = call("lower", path, "--out", tmp_path / "own.spareto", "--json")
    assert status == 0, err
    lowered = read_package(tmp_path / "own.spareto").network
    assert (lowered.sensor, lowered.classes) == ((8, 1, 1), 3)
