"""A study over a network and data from two files of a user, from the YAML alone: run, kill, change."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

import spareto
from spareto.cli import main
from spareto.core.errors import ConfigError, StoreError
from spareto.data.own import load_data
from spareto.study.config import StudyConfig
from spareto.study.store import TrialStore

pytest.importorskip("snntorch", reason="needs the extra 'snntorch'")

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_network"
COMMAND = Path(sys.executable).with_name("spareto")
TRAINING = {"epochs": 2, "batch_size": 64, "learning_rate": 0.01, "warmup_epochs": 1}
LABELS = ["dense float", "quantize 4 bit", "prune 8 bit 50 %", "cumulative 4 bit 50 %", "joint 4 bit 50 %"]
CHANGES = {
    "data": {"import": "my_data.py:load", "options": {"timesteps": 4}},
    "training": TRAINING,
    "compression_training": {**TRAINING, "epochs": 2},
    "weight_formats": ["none", "bitmask"],
    "grid": [
        {"regime": "quantize", "bits": [4]},
        {"regime": "prune", "sparsity": [0.5]},
        {"regime": "cumulative", "bits": [4], "sparsity": [0.5]},
        {"regime": "joint", "bits": [4], "sparsity": [0.5]},
    ],
}
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "80"}


def copied(folder: Path, **changes) -> Path:
    """The example's two files and its study, with fewer epochs; the path of the study."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    study = yaml.safe_load((folder / "study.yaml").read_text())
    (folder / "study.yaml").write_text(yaml.safe_dump({**study, **CHANGES, **changes}))
    return folder / "study.yaml"


def command(*arguments, cwd=None) -> subprocess.CompletedProcess[str]:
    words = [COMMAND, *map(str, arguments)]
    return subprocess.run(words, env=ENVIRONMENT, cwd=cwd, capture_output=True, text=True, check=False)


def rows(run: Path) -> list[dict]:
    done = command("front", run, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("own") / "study"


@pytest.fixture(scope="module")
def finished(folder):
    """An uninterrupted run from another working directory, and what the command said."""
    study = copied(folder)
    done = command("study", "run", study, "--out", folder / "whole", cwd="/")
    assert done.returncode == 0, done.stderr
    return folder / "whole", done


@pytest.fixture
def here(monkeypatch, capsys):
    """The command in this process: exit status, stdout, stderr."""

    def call(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["spareto", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, *capsys.readouterr()

    return call


def test_the_yaml_alone_runs_the_four_regimes_and_reports(finished):
    run, done = finished
    found = rows(run)
    assert [row["trial"] for row in found] == LABELS
    assert all(row["accuracy"] > 0.3 for row in found)  # it has learnt: 0.1 is chance
    assert [row["weight_bits"] for row in found] == [32, 4, 8, 4, 4]
    assert all(row["energy_pj"] < found[0]["energy_pj"] for row in found[1:])
    assert done.stdout.splitlines()[-1] == f"Report: {run / 'report.html'}"
    page = (run / "report.html").read_text()
    assert all(word in page for word in ("my_network.py:build", "my_data.py:load", "loihi_like"))


def test_the_run_says_how_the_network_is_run(finished):
    lines = [line.strip() for line in finished[1].stderr.splitlines()]
    assert lines[:2] == [
        "A call of the network takes (time, batch, ...).",
        "The states of its snnTorch neurons are reset before every batch.",
    ]


def test_a_killed_study_carries_on_with_the_same_numbers(folder, finished):
    run, arguments = folder / "killed", ("study", "run", folder / "study.yaml", "--out", folder / "killed")

    def trainings() -> list[Path]:
        found = run.glob("checkpoints/*.safetensors")
        return [path for path in found if path.name[0] != "." and not path.name.startswith("dense")]

    words = [COMMAND, *map(str, arguments)]
    with subprocess.Popen(
        words, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None and not trainings():
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    with TrialStore.of(run) as store:
        assert 1 <= len(store) < len(LABELS)
    done = command(*arguments)
    assert done.returncode == 0, done.stderr
    assert "(stored)" in done.stderr
    assert "dense network" not in done.stderr
    assert rows(run) == rows(finished[0])


def test_the_folder_may_be_moved(finished, folder, here):
    moved = folder.parent / "moved"
    shutil.copytree(folder, moved, ignore=shutil.ignore_patterns("__pycache__", "killed"))
    status, _, told = here("study", "run", moved / "study.yaml", "--out", moved / "whole")
    assert status == 0, told
    assert told.count("(stored)") == len(LABELS)


@pytest.mark.parametrize("file", ["my_network.py", "my_data.py"])
def test_a_changed_file_is_noticed(finished, folder, tmp_path, here, file):
    """A change of the data's file that leaves the data as they are changes nothing."""
    run = tmp_path / "own"
    shutil.copytree(folder, run, ignore=shutil.ignore_patterns("__pycache__", "killed"))
    text = (run / file).read_text()
    (run / file).write_text(text + "\n\nUNUSED = 1\n")
    status, _, told = here("study", "run", run / "study.yaml", "--out", run / "whole")
    if file == "my_data.py":
        assert (status, told.count("(stored)")) == (0, len(LABELS))
        (run / file).write_text(text.replace("seed=0", "seed=1"))
        status, _, told = here("study", "run", run / "study.yaml", "--out", run / "whole")
    what = {"my_network.py": "its code", "my_data.py": "the data"}[file]
    assert status == 2
    assert f"got trials of another study, for {what} changed; expected trials of the same data," in told


@pytest.mark.parametrize(
    ("change", "why"),
    [({"options": {"hidden": 64, "beta": 0.8}}, ", for its content changed"), ({"vote": "sum"}, "")],
)
def test_changed_options_are_noticed(finished, folder, here, change, why):
    study = yaml.safe_load((folder / "study.yaml").read_text())
    changed = folder / "changed.yaml"
    changed.write_text(yaml.safe_dump({**study, "network": {**study["network"], **change}}))
    status, _, told = here("study", "run", changed, "--out", folder / "whole")
    assert status == 2
    assert (
        f"trials of another study{why}; expected trials of the same data, network and dense training" in told
    )


def test_stored_networks_are_built_again_and_reproduce_their_accuracy(
    finished, folder, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    data = load_data(StudyConfig.load(folder / "study.yaml").data)
    for row in rows(finished[0]):
        (path,) = finished[0].glob(f"networks/{row['trial'][:4]}*.safetensors")
        network = spareto.load_network(path)
        right = spareto.evaluate(network, data.test_frames, data.test_labels, output=0, vote="mean")
        assert right == row["accuracy"]


def test_a_stored_network_is_profiled_at_its_own_widths(finished, folder, here):
    (row,) = [row for row in rows(finished[0]) if row["regime"] == "joint"]
    (path,) = finished[0].glob("networks/joint*.safetensors")
    data = "{import: '" + str(folder / "my_data.py") + ":load', options: {timesteps: 4}}"
    words = ("--accelerator", "loihi_like", "--weight-format", row["weight_format"], "--json")
    status, out, told = here("profile", path, "--data", data, *words)
    assert status == 0, told
    found = json.loads(out)
    assert found["accuracy"] == row["accuracy"]
    # spikes of the test split here, of the validation split there; another width would be far off
    assert found["costs"][0]["energy_pj"] == pytest.approx(row["energy_pj"], rel=0.01)


def test_a_stored_network_whose_code_is_gone_or_changed(finished, folder, tmp_path):
    gone = tmp_path / "gone"
    shutil.copytree(folder, gone, ignore=shutil.ignore_patterns("__pycache__", "killed"))
    run = spareto.run_study(StudyConfig.load(gone / "study.yaml"), gone / "anew")
    (path,) = (gone / "anew" / "networks").glob("joint*.safetensors")
    expected = spareto.load_network(path).state_dict()
    (gone / "my_network.py").write_text((gone / "my_network.py").read_text() + "\nUNUSED = 1\n")
    with pytest.warns(UserWarning, match=r"my_network.py:build has changed since the network was stored"):
        spareto.load_network(path)
    network = spareto.study.networks.builder_of(StudyConfig.load(gone / "study.yaml").network).build(None)[0]
    (gone / "my_network.py").unlink()
    with pytest.raises(StoreError, match=r"Pass it: spareto.load_network\(path, network=build\(\)\)"):
        spareto.load_network(path)
    passed = spareto.load_network(path, network=network).state_dict()
    assert all(torch.equal(expected[name], passed[name]) for name in expected)
    assert len(run) == len(LABELS)


def test_trained_weights_are_taken_as_they_are(finished, folder, tmp_path, here):
    """The dense trial is the user's own network, untrained by us; changed weights are another study."""
    (path,) = finished[0].glob("networks/dense*.safetensors")
    run = tmp_path / "weights"
    study = copied(run, grid=CHANGES["grid"][:1])
    text = yaml.safe_load(study.read_text())
    del text["training"]
    text["network"]["weights"] = "trained.pt"
    study.write_text(yaml.safe_dump(text))
    state = {f"module.{name}": value for name, value in spareto.load_network(path).state_dict().items()}
    torch.save({"epoch": 7, "state_dict": state}, run / "trained.pt")
    status, _, told = here("study", "run", study, "--out", run / "run")
    assert status == 0, told
    assert "trained.pt: the weights stand under 'state_dict'." in told
    assert "trained.pt: the prefix 'module.' is taken off the names." in told
    assert "dense network, seed 0" not in told
    (dense,) = [row for row in rows(run / "run") if row["trial"] == "dense float"]
    assert dense["accuracy"] == rows(finished[0])[0]["accuracy"]
    torch.save({name: value + 0.001 for name, value in state.items()}, run / "trained.pt")
    status, _, told = here("study", "run", study, "--out", run / "run")
    assert (status, "for its weights changed" in told) == (2, True)


@pytest.mark.parametrize(
    ("network", "told"),
    [
        (
            {"import": "./my_network:buidl"},
            "got no 'buidl' in my_network.py; expected one of build, Network.",
        ),
        ({"import": "my_network.py"}, "got no name behind the file"),
        (
            {"import": "my_network.py:Network"},
            "got a function that needs hidden, beta; expected a value for each.",
        ),
        ({"import": "nowhere.py:build"}, "got no file nowhere.py"),
        ({"import": "my_network.py:build", "options": {"hiden": 3}}, "Did you mean 'hidden'?"),
        ({"import": "my_network.py:build", "weights": "none.pt"}, "none.pt: got no such file"),
        (
            {"import": "my_network.py:build", "vote": "men"},
            "study.network.vote: got 'men'; expected one of mean",
        ),
        ({"import": "my_network.py:build", "name": "conv"}, "study.network.name: got an unknown key"),
        ({"import": "my_network.py:build"}, "output"),
        ({"import": "my_network.py:build", "output": 1}, "vote"),
        ({"import": "my_network.py:build", "output": 5, "vote": "mean"}, "output"),
        (
            {"import": "my_network.py:build", "output": 0, "vote": "mean", "reset": "rest"},
            "reset: got 'rest'",
        ),
        ({"name": "conv"}, "data: got frames of shape (64,); expected (polarities, height, width)."),
    ],
)
def test_a_wrong_network_is_told_in_a_line_before_anything_is_trained(tmp_path, here, network, told):
    study = copied(tmp_path / "wrong", network=network)
    status, out, lines = here("study", "run", study, "--out", tmp_path / "run")
    assert (status, out) == (2, "")
    assert told in lines
    assert len(lines.splitlines()) <= 2
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("shape", "timesteps", "told"),
    [
        (
            "(20, 6, 6)",
            None,
            "data: got samples of shape (6, 6); expected frames over a known number of timesteps.",
        ),
        ("(20, 6, 6)", 4, "data: got frames of shape (6, 6); expected (polarities, height, width)."),
        ("(20, 4, 1, 6, 6)", None, None),
        ("(20, 1, 6, 6)", 4, None),
    ],
)
def test_a_network_of_ours_on_data_of_a_user(tmp_path, shape, timesteps, told):
    (tmp_path / "pictures.py").write_text(
        "import numpy as np\n\n\ndef load():\n"
        f"    x, y = np.random.rand(*{shape}).astype(np.float32), np.arange(20) % 2\n    return x, y, x, y\n"
    )
    data = {"import": "pictures.py:load", **({"timesteps": timesteps} if timesteps else {})}
    network = {"name": "conv", "options": {"channels": [2], "votes": 1}}
    training = {**TRAINING, "epochs": 1}
    study = {"name": "mixed", "data": data, "network": network, "training": training}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    config = StudyConfig.load(tmp_path / "study.yaml")
    if told is None:
        (trial,) = spareto.run_study(config, tmp_path / "run")
        assert trial.energy_pj > 0
    else:
        with pytest.raises(ConfigError, match=re.escape(told)):
            spareto.run_study(config, tmp_path / "run")


def test_fewer_classes_than_the_data_have(tmp_path):
    study = copied(tmp_path / "few")
    text = (tmp_path / "few" / "my_network.py").read_text().replace("(hidden, 10)", "(hidden, 7)")
    (tmp_path / "few" / "my_network.py").write_text(text)
    with pytest.raises(ConfigError, match=r"network: got an answer of 7 classes; expected 10 or more"):
        spareto.run_study(StudyConfig.load(study), tmp_path / "run")
