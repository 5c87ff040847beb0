"""The main job through the real command: run, kill, carry on, cost again, load what was left."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import pytest
import torch
import yaml

import spareto
import spareto.kernels
from report_pages import data_of
from spareto.cli import main
from spareto.core.errors import ConfigError
from spareto.runtime import Engine
from spareto.study.config import StudyConfig
from spareto.study.listener import StudyListener
from spareto.study.store import STORE_NAME, TrialStore

COMMAND = Path(sys.executable).with_name("spareto")
TRAINING = {"epochs": 2, "batch_size": 64, "learning_rate": 0.01, "warmup_epochs": 1}
STUDY = {
    "version": 1,
    "name": "tiny",
    "data": {"name": "digits", "timesteps": 3},
    "network": {"name": "conv", "options": {"channels": [2], "votes": 2}},
    "training": TRAINING,
    "compression_training": TRAINING,
    "grid": [
        {"regime": "cumulative", "bits": [4], "sparsity": [0.5]},
        {"regime": "quantize", "bits": [2]},
        {"regime": "joint", "bits": [3], "sparsity": [0.5]},
    ],
}
LABELS = ["dense float", "cumulative 4 bit 50 %", "quantize 2 bit", "joint 3 bit 50 %"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """One thread, and one cache of frames for all runs of this file."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "SPARETO_CACHE": str(tmp_path_factory.mktemp("cache")),
        "COLUMNS": "80",
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_study(folder / "study.yaml")
    return folder


@pytest.fixture(scope="module")
def finished(folder, environment):
    """An uninterrupted run: its folder, and what the command said."""
    done = spareto_command(environment, "study", "run", folder / "study.yaml", "--out", folder / "whole")
    assert done.returncode == 0, done.stderr
    return folder / "whole", done


@pytest.fixture(scope="module")
def rows(finished, environment):
    return read_rows(environment, finished[0])


def write_study(path: Path, **changes) -> Path:
    path.write_text(yaml.safe_dump({**STUDY, **changes}))
    return path


def spareto_command(environment, *arguments) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def spareto_here(environment, monkeypatch, capsys):
    """The command in this process, where torch is loaded already: exit status, stdout, stderr."""
    for name in ("SPARETO_CACHE", "COLUMNS"):
        monkeypatch.setenv(name, environment[name])

    def call(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["spareto", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, *capsys.readouterr()

    return call


def read_rows(environment, run: Path) -> list[dict]:
    done = spareto_command(environment, "front", run, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_run_prints_the_front_and_names_the_report(finished):
    run, done = finished
    lines = done.stdout.splitlines()
    assert f"Report: {run / 'report.html'}" in lines
    assert any(line.endswith("of 4 trials of study tiny") for line in lines)
    assert all(any(label in line for line in lines) for label in LABELS)
    assert "(stored)" not in done.stderr


def test_a_run_says_which_kernels_ran_and_which_way_each_layer_went(finished):
    lines = finished[1].stderr.splitlines()
    assert lines[0].startswith("  dense network, seed 0: 2 epochs, last loss 0.")
    assert lines[1] == f"  kernels: {spareto.kernels.kernels_on('cpu')}"
    assert [line.split()[0] for line in lines[2:4]] == ["features.0.conv", "readout.0.linear"]
    assert all(len(line) <= 80 for line in lines)
    if spareto.kernels.backend() == "c":
        assert all(line.split()[1] == "events" and line.endswith(" % spikes") for line in lines[2:4])
    assert sum("kernels" in line for line in lines) == 1


def test_a_run_may_write_for_tensorboard_train_any_neuron_and_choose_its_device(folder, spareto_here):
    pytest.importorskip("tensorboard", reason="needs the extra 'tensorboard'")
    neuron = {"name": "alif", "tau_adapt": 5, "reset": "subtract"}
    network = {"name": "conv", "options": {**STUDY["network"]["options"], "neuron": neuron}}
    study = write_study(folder / "alif.yaml", network=network, grid=STUDY["grid"][1:2])
    words = ("--out", folder / "alif", "--tensorboard", folder / "board", "--device", "auto")
    status, out, _ = spareto_here("study", "run", study, *words)
    assert status == 0
    assert "2 of 2 trials" in out or "of 2 trials" in out
    boards = sorted(path.name for path in (folder / "board").iterdir())
    assert boards == ["dense-network-seed0", "quantize-2-bit-seed0"]
    (path,) = (folder / "alif" / "networks").glob("quantize*")
    assert [part.kind for part in spareto.load_network(path).modules() if hasattr(part, "kind")] == [
        "alif"
    ] * 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_run_may_train_on_a_gpu(folder, environment):
    run = folder / "gpu"
    arguments = ("study", "run", folder / "study.yaml", "--out", run, "--device", "cuda")
    done = spareto_command(environment, *arguments)
    assert done.returncode == 0, done.stderr
    assert "kernels: cuda (triton)" in done.stderr
    assert all(row["accuracy"] > 0.3 for row in read_rows(environment, run))


def test_a_run_leaves_store_report_figures_workloads_and_networks(finished):
    run, _ = finished
    kinds = {"study.sqlite": b"SQLite format 3", "front.png": b"\x89PNG", "front.svg": b"<?xml"}
    for name, start in kinds.items():
        assert (run / name).read_bytes().startswith(start)
    for room, kind in (("workloads", ".json"), ("networks", ".safetensors")):
        assert [path.suffix for path in (run / room).iterdir()] == [kind] * len(LABELS)
    kept = sorted(path.name for path in (run / "checkpoints").iterdir())
    assert [name[:11] for name in kept] == ["dense-seed0", "prefix-" + kept[1][7:11]]


def test_a_run_ends_with_a_package_that_classifies(finished, rows, spareto_here):
    run, done = finished
    lines = [line.strip() for line in done.stdout.splitlines()]
    (label,) = [line.partition(": ")[2] for line in lines if line.startswith("Knee of the front")]
    assert f'network = spareto.load_network("{run}")' in lines
    (command,) = [line for line in lines if line.startswith("spareto run ")]
    status, out, _ = spareto_here(*command.split()[1:])
    assert (status, len(out.splitlines())) == (0, 3)
    status, out, _ = spareto_here("verify", run / "network.spareto")
    assert (status, out.count("agrees on 4 recordings, every layer") >= 3) == (0, True)
    (row,) = [row for row in rows if row["trial"] == label]
    test = spareto.load_frames("digits", timesteps=3)
    votes = Engine.load(run / "network.spareto").batch(test.test_frames)
    right = (votes.argmax(1) == test.test_labels).mean()
    assert abs(right - row["accuracy"]) <= 0.01
    assert torch.equal(_rates(spareto.load_network(run)), _rates(spareto.load_network(run, trial=label)))


def _rates(network):
    return network(torch.ones(3, 1, *network.sensor))


def test_a_trial_that_is_not_there_is_refused(finished):
    with pytest.raises(ConfigError, match="Did you mean 'quantize 2 bit'"):
        spareto.load_network(finished[0], trial="quantise 2 bit")
    (path,) = finished[0].glob("networks/dense*")
    with pytest.raises(ConfigError, match="none beside a single file"):
        spareto.load_network(path, trial="quantize 2 bit")


class _Loads(HTMLParser):
    """Collects what a page loads from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "srcset", "action") and not value.startswith("#"):
                self.found.append(f"{tag} {name}={value}")


def test_the_report_loads_nothing(finished):
    page = (finished[0] / "report.html").read_text()
    parser = _Loads()
    parser.feed(page)
    assert parser.found == []
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert {"default-src 'none'", "connect-src 'none'"} <= {rule.strip() for rule in policy.split(";")}


def dominates(one: dict, other: dict) -> bool:
    accuracy, energy = (
        one["validation_accuracy"] - other["validation_accuracy"],
        other["energy_pj"] - one["energy_pj"],
    )
    return accuracy >= 0 and energy >= 0 and (accuracy > 0 or energy > 0)


def test_the_lines_that_use_a_point_run(finished, spareto_here):
    data = data_of((finished[0] / "report.html").read_text())
    for kind in ("networks", "workloads"):
        assert len(data[kind]) == len(LABELS)
    for network in data["networks"].values():
        spareto.bake(spareto.load_network(network))
    for workload in data["workloads"].values():
        status, told, _ = spareto_here("cost", workload)
        assert status == 0
        assert "eyeriss_like" in told


def test_json_gives_every_trial_and_the_front_by_brute_force(rows):
    assert [row["trial"] for row in rows] == LABELS
    assert [row["regime"] for row in rows] == ["dense", "cumulative", "quantize", "joint"]
    assert [row["weight_bits"] for row in rows] == [32, 4, 2, 3]
    assert all(row["weight_sparsity"] >= 0.5 - 1e-3 for row in rows if "50 %" in row["trial"])
    assert all(row["accuracy"] > 0.3 for row in rows)  # it has learnt: 0.1 is chance
    for row in rows:
        assert row["on_front"] is not any(dominates(other, row) for other in rows)


def kill_when(found, arguments, environment) -> None:
    """Run the command, and kill it without warning once `found()`."""
    with subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None and not found():
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def test_a_killed_study_carries_on_with_the_same_numbers(folder, rows, environment):
    run = folder / "killed"
    arguments = ["study", "run", folder / "study.yaml", "--out", run]

    def checkpoints(kind: str) -> list[Path]:
        return [path for path in run.glob(f"checkpoints/{kind}.safetensors") if path.name[0] != "."]

    kill_when(lambda: checkpoints("dense-*"), arguments, environment)
    with TrialStore.of(run) as store:
        assert len(store) == 0
    kill_when(lambda: set(checkpoints("*")) - set(checkpoints("dense-*")), arguments, environment)
    with TrialStore.of(run) as store:
        stored = store.trials()
    assert [trial.recipe.label for trial in stored] == LABELS[:1]

    done = spareto_command(environment, *arguments)
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if line.endswith("(stored)")]
    assert [line.partition(",")[0] for line in told] == LABELS[:1]
    assert "dense float, seed 0: 2 epochs" not in done.stderr
    assert read_rows(environment, run) == rows
    with TrialStore.of(run) as store:
        first = store.trials()[
            0
        ]  # wall time included: it is the stored one, measured on the test split since
        assert stored[0].accuracy is None
        assert first == stored[0].replace(accuracy=first.accuracy)


class _Trainings(StudyListener):
    def __init__(self) -> None:
        self.begun: list[str] = []
        self.reused: list[bool] = []

    def training_begins(self, label, seed):
        self.begun.append(label)

    def trial_ends(self, trial, *, reused):
        self.reused.append(reused)


def test_a_finished_study_trains_nothing(folder, finished, environment, monkeypatch):
    monkeypatch.setenv("SPARETO_CACHE", environment["SPARETO_CACHE"])
    with TrialStore.of(finished[0]) as store:
        before = store.trials()
    listener = _Trainings()
    after = spareto.run_study(StudyConfig.load(folder / "study.yaml"), finished[0], listener)
    assert after == before
    assert listener.begun == []
    assert listener.reused == [True] * len(LABELS)


def test_another_accelerator_costs_the_stored_trials_again(folder, rows, environment, spareto_here):
    """The killed run's folder serves: twice the energy of DRAM, in a file beside the study file."""
    chip = yaml.safe_load(
        resources.files("spareto.hardware.accelerators").joinpath("eyeriss_like.yaml").read_text()
    )
    (dram,) = [part for part in chip["components"] if part["name"] == "dram"]
    for action in ("read_energy", "write_energy"):
        dram[action]["value"] *= 2
    (folder / "costly.yaml").write_text(yaml.safe_dump(chip))
    study = write_study(folder / "other_chip.yaml", accelerator="costly.yaml")
    status, _, told = spareto_here("study", "run", study, "--out", folder / "killed")
    assert status == 0
    assert "epochs" not in told
    for before, after in zip(rows, read_rows(environment, folder / "killed"), strict=True):
        same = ("trial", "accuracy", "weight_sparsity", "latency_cycles", "recipe_hash")
        assert {key: before[key] for key in same} == {key: after[key] for key in same}
        assert before["energy_pj"] < after["energy_pj"] < 2 * before["energy_pj"]


def test_the_folder_of_another_study_is_refused(folder, finished, spareto_here):
    study = write_study(folder / "other.yaml", network={"name": "conv", "options": {"channels": [3]}})
    before = (finished[0] / STORE_NAME).read_bytes()
    status, out, told = spareto_here("study", "run", study, "--out", finished[0])
    assert (status, out) == (2, "")
    assert told == (
        f"{finished[0] / STORE_NAME}: got trials of another study; expected trials of the same data,"
        " network and dense training. Choose another folder with --out, or delete this one.\n"
    )
    assert (finished[0] / STORE_NAME).read_bytes() == before


def test_stored_networks_reproduce_their_accuracy_and_bake(finished, rows, environment):
    data = spareto.load_frames("digits", timesteps=3, cache=Path(environment["SPARETO_CACHE"]))
    frames = torch.from_numpy(data.test_frames).float()
    for row in rows:
        (path,) = finished[0].glob(f"networks/{row['trial'][:4]}*.safetensors")
        network = spareto.load_network(path)
        with torch.inference_mode():
            rates = network(frames)
        correct = rates.argmax(1).numpy() == data.test_labels
        assert correct.sum() / len(correct) == row["accuracy"]
        spareto.bake(network)
        assert not any("parametrizations" in name for name in network.state_dict())
        with torch.inference_mode():
            assert torch.equal(network(frames), rates)


def test_a_stored_workload_costs_the_trials_energy_without_torch(finished, rows, environment):
    (path,) = finished[0].glob("workloads/joint*.json")
    (row,) = [row for row in rows if row["regime"] == "joint"]
    timed = {**environment, "PYTHONPROFILEIMPORTTIME": "1"}
    done = spareto_command(timed, "cost", path, "--weight-format", row["weight_format"], "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["energy_pj"] == row["energy_pj"]
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "spareto.hardware.workload_cost" in imported
    assert "torch" not in imported
