"""`spareto profile`, as a user calls it: from two files to the energy of an inference."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from own_files import SENSOR, write_folder
from spareto.cli import main
from spareto.hardware import accelerator_names

CODE = """
import torch
from torch import nn
from spareto.neurons import registry


class Net(nn.Module):
    def __init__(self, hidden=6):
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(96, hidden), registry.make("lif")
        self.fc2, self.lif2 = nn.Linear(hidden, 2), registry.make("lif")

    def forward(self, frames):
        return self.lif2(self.fc2(self.lif1(4 * self.fc1(frames.flatten(2))))).mean(0)


def build(hidden=6):
    torch.manual_seed(3)
    return Net(hidden)


def needs(hidden):
    return Net(hidden)


def number():
    return 3


def nothing():
    Net()


def a_class():
    return Net


ready = Net()
"""
DATA = f"""
import numpy as np

RNG = np.random.default_rng(0)
X = (RNG.random((5, 12, *{SENSOR})) < 0.2).astype(np.uint8)
Y = np.arange(12) % 2


def load():
    return X, Y, X[:, :7], Y[:7]


def alone():
    return X


def images():
    return X[0], Y


def foreign():
    return X[:, :, :, :3], Y
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(CODE)
    Path("data.py").write_text(DATA)
    return tmp_path


@pytest.fixture
def call(monkeypatch, capsys):
    def run(*words, status=0):
        monkeypatch.setattr(sys, "argv", ["spareto", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        out, told = capsys.readouterr()
        assert (end.value.code or 0) == status, told
        return out if status == 0 else told

    return run


@pytest.fixture
def row(call):
    def run(*words):
        return json.loads(call("profile", *words, "--json"))

    return run


def test_the_tables_fit_and_hold_the_energy(call):
    lines = call("profile", "mine.py:build", "--data", "data.py:load").splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "build on data.py:load, test split: 7 samples, 5 timesteps"
    assert lines[1].startswith("accuracy ")
    assert lines[2].split()[:4] == ["an", "inference", "energy", "sums"]
    assert lines[4].split()[0] == "eyeriss_like"
    assert any(line.startswith("│ fc1") for line in lines)
    assert lines[-1] == "A call of the network takes (time, batch, ...)."


def test_many_accelerators_are_compared_and_the_others_told(call):
    words = ("--accelerator", "loihi_like", "--accelerator", "edge_cpu", "--compare")
    lines = call("profile", "mine.py:build", "--data", "data.py:load", *words).splitlines()
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert all(name in text for name in accelerator_names())


def test_json_says_the_same_and_its_parts_add_up(row, call):
    found = row(
        "mine.py:build", "--data", "data.py:load", "--accelerator", "loihi_like", "--accelerator", "odin"
    )
    assert [cost["accelerator"] for cost in found["costs"]] == ["loihi_like", "odin"]
    for cost in found["costs"]:
        assert sum(cost["energy_by_part_pj"].values()) == pytest.approx(cost["energy_pj"], rel=1e-12)
    assert (found["samples"], found["timesteps"], found["workload"], found["cannot_run"]) == (7, 5, None, {})
    every = row("mine.py:build", "--data", "data.py:load", "--accelerator", "all")
    told = [cost["accelerator"] for cost in every["costs"]] + list(every["cannot_run"])
    assert sorted(told) == sorted(accelerator_names())


def test_the_workload_it_writes_costs_the_same(row, call):
    found = row("mine.py:build", "--data", "data.py:load", "--out", "w.json")
    assert found["workload"] == "w.json"
    again = json.loads(call("cost", "w.json", "--weight-format", "best", "--json"))
    assert again["energy_pj"] == found["costs"][0]["energy_pj"]
    assert "Workload: w.json" in call("profile", "mine.py:build", "--data", "data.py:load", "--out", "w.json")


def test_equal_data_of_any_spelling_give_the_same(row):
    rng = np.random.default_rng(0)
    frames = (rng.random((5, 12, *SENSOR)) < 0.2).astype(np.uint8)
    np.savez("arrays.npz", frames=frames[:, :7], labels=np.arange(7) % 2)
    np.save("frames.npy", frames[:, :7])
    Path("plan.yaml").write_text(yaml.safe_dump({"import": "data.py:load"}))
    expected = row("mine.py:build", "--data", "data.py:load")
    for data in (
        "./data:load",
        "plan.yaml",
        "{import: 'data.py:load'}",
        "arrays.npz",
        "{folder: arrays.npz}",
    ):
        found = row("mine.py:build", "--data", data)
        assert (found["costs"], found["accuracy"]) == (expected["costs"], expected["accuracy"])
    unlabelled = row("mine.py:build", "--data", "frames.npy", "--layout", "time-first")
    assert (unlabelled["costs"], unlabelled["accuracy"]) == (expected["costs"], None)


def test_recordings_in_a_folder(row):
    write_folder(Path("recordings"))
    Path("recordings/.DS_Store").write_bytes(b"x")
    found = row("mine.py:build", "--data", f"{{folder: recordings, sensor: {list(SENSOR)}, timesteps: 4}}")
    assert (found["samples"], found["timesteps"]) == (6, 4)
    assert "1 of 13 files left by an operating system are left out (.DS_Store)." in found["notes"]


def test_options_weights_and_samples(row, call):
    words = ("--data", "data.py:load")
    large = row("mine.py:build", *words, "--options", "{hidden: 24}")
    small = row("mine.py:build", *words)
    assert large["costs"][0]["stored_bytes"] > 3 * small["costs"][0]["stored_bytes"]
    assert row("mine.py:build", *words, "--samples", "3")["samples"] == 3
    sys.path.insert(0, ".")
    state = {"module.fc1.weight": torch.zeros(6, 96), "module.fc1.bias": torch.zeros(6)}
    state |= {"module.fc2.weight": torch.zeros(2, 6), "module.fc2.bias": torch.zeros(2)}
    torch.save({"state_dict": state}, "trained.pt")
    zero = row("mine.py:build", *words, "--weights", "trained.pt")
    assert zero["costs"][0]["metrics"]["connection_sparsity"] == 1.0
    assert zero["notes"][0] == "trained.pt: the weights stand under 'state_dict'."
    assert "trained.pt: the prefix 'module.' is taken off the names." in call(
        "profile", "mine.py:build", *words, "--weights", "trained.pt"
    )


def test_widths_of_weights_may_be_said(row):
    words = ("mine.py:build", "--data", "data.py:load")
    full, four = row(*words), row(*words, "--weight-bits", "4")
    assert four["costs"][0]["stored_bytes"] < full["costs"][0]["stored_bytes"] / 4
    assert four["costs"][0]["energy_pj"] < full["costs"][0]["energy_pj"]


def test_the_samples_do_not_depend_on_the_batch(row):
    words = ("mine.py:build", "--data", "data.py:load")
    assert row(*words, "--batch-size", "2")["costs"] == row(*words)["costs"]


RULE = "expected FILE.py:NAME or MODULE:NAME."
WRONG = [
    (
        ("mine.py:biuld", "--data", "data.py:load"),
        "expected one of build, needs, number, nothing, a_class, Net.",
    ),
    (
        ("mine.py", "--data", "data.py:load"),
        f"network 'mine.py': got no name behind the file; {RULE} mine.py has build,",
    ),
    (("mine", "--data", "data.py:load"), "Write mine:build."),
    (("nothere.py:build", "--data", "data.py:load"), "network 'nothere.py:build': got no file nothere.py"),
    (
        ("mine.py:needs", "--data", "data.py:load"),
        'got a function that needs hidden; expected a value for each. Add --options "{hidden: ...}".',
    ),
    (
        ("mine.py:number", "--data", "data.py:load"),
        "got a int from it; expected a torch.nn.Module. Return the network.",
    ),
    (("mine.py:nothing", "--data", "data.py:load"), "got nothing from it; expected a torch.nn.Module."),
    (
        ("mine.py:a_class", "--data", "data.py:load"),
        "got the class Net from it; expected a torch.nn.Module. Return Net().",
    ),
    (
        ("mine.py:ready", "--data", "data.py:load"),
        "got a Net that is made already; expected a function or class",
    ),
    (
        ("mine.py:build", "--data", "data.py:laod"),
        "data 'data.py:laod': got no 'laod' in data.py; expected one of load,",
    ),
    (("mine.py:build", "--data", "data.py"), "data 'data.py': got no name behind the file;"),
    (("mine.py:build", "--data", "digitz"), "data set: got 'digitz'; expected one of "),
    (("mine.py:build", "--data", "{foldr: x}"), "data.foldr: got an unknown key;"),
    (("mine.py:build", "--data", "{folder:x}"), "with a space behind the colon."),
    (("mine.py:build", "--data", "none.yaml"), "none.yaml: got no such file;"),
    (("mine.py:build", "--data", "data.py:alone"), "expected samples on one axis alone. Write data.layout:"),
    (("mine.py:build", "--data", "data.py:foreign"), "network"),
    (
        ("mine.py:build", "--data", "data.py:load", "--options", "hidden=3"),
        "options: got 'hidden=3'; expected a YAML mapping.",
    ),
    (("mine.py:build", "--data", "data.py:load", "--options", "{hiden: 3}"), "Did you mean 'hidden'?"),
    (("mine.py:build", "--data", "data.py:load", "--weights", "none.pt"), "none.pt: got no such file;"),
    (
        ("mine.py:build", "--data", "data.py:load", "--out", "w.txt"),
        "out: got 'w.txt'; expected a file name that ends with .json.",
    ),
    (
        ("mine.py:build", "--data", "data.py:load", "--accelerator", "eyeris_like"),
        "Did you mean 'eyeriss_like'?",
    ),
    (("mine.py:build", "--data", "data.py:load", "--output", "3"), "output=3 of one tensor"),
    (
        ("none.safetensors", "--data", "data.py:load"),
        "none.safetensors: got no such file; expected a stored network.",
    ),
    (
        ("none.safetensors", "--data", "data.py:load", "--weights", "w.pt"),
        "weights: got w.pt; expected none,",
    ),
]


@pytest.mark.parametrize(("words", "told"), WRONG)
def test_a_mistake_is_told_in_a_line(call, words, told):
    found = call("profile", *words, status=2)
    assert told in found
    assert len(found.splitlines()) == 1
    assert "Traceback" not in found
