"""Studies over networks of each framework and data of each layout: trained, costed, found again."""

import numpy as np
import pytest
import yaml

import spareto
from own_files import SENSOR, write_folder
from spareto.data.own import load_data
from spareto.study.config import StudyConfig
from spareto.study.listener import StudyListener
from spareto.study.report import write_report
from spareto.study.store import TrialStore

NETWORKS = '''
import torch
from torch import nn


def snntorch_hidden():
    import snntorch
    return nn.Sequential(*dense(lambda: snntorch.Leaky(beta=0.9, init_hidden=True)))


def spikingjelly_single():
    from spikingjelly.activation_based import neuron
    return nn.Sequential(*dense(lambda: neuron.LIFNode()))


def spikingjelly_multi():
    from spikingjelly.activation_based import neuron
    return nn.Sequential(*dense(lambda: neuron.LIFNode(step_mode="m")))


def norse_sequential():
    import norse.torch as norse
    return norse.SequentialState(*dense(norse.LIF))


def sinabs_sequence():
    import sinabs.layers as sl
    return nn.Sequential(*dense(lambda: sl.LIF(tau_mem=10.0)))


def sinabs_squeezed():
    import sinabs.layers as sl
    return nn.Sequential(*dense(lambda: sl.LIFSqueeze(tau_mem=10.0, batch_size=4)))


class Still(nn.Module):
    """Makes its own time of a still image."""

    def __init__(self):
        from spikingjelly.activation_based import neuron
        super().__init__()
        self.fc1, self.lif1, self.fc2 = nn.Linear(12, 16), neuron.LIFNode(), nn.Linear(16, 2)

    def forward(self, image):
        return sum(self.fc2(self.lif1(self.fc1(image))) for _ in range(4)) / 4


def dense(neuron):
    """Two dense layers, loud enough to spike."""
    layers = nn.Linear(12, 16), nn.Linear(16, 2)
    for layer in layers:
        nn.init.uniform_(layer.weight, -0.2, 1.0)
    return layers[0], neuron(), layers[1], neuron()
'''
DATA = """
import numpy as np


def load(layout):
    labels = np.arange(44) % 2
    frames = 3 * np.random.default_rng(0).random((5, 44, 12)).astype(np.float32)
    frames[:, :, :6] *= 2.0 * labels[:, None]
    if layout == "batch-first":
        return np.moveaxis(frames, 0, 1), labels, np.moveaxis(frames[:, :23], 0, 1), labels[:23]
    if layout == "static":
        return frames[0], labels, frames[0, :23], labels[:23]
    return frames, labels, frames[:, :23], labels[:23]
"""
CASES = [
    ("snntorch_hidden", "time-first", {"vote": "mean"}, "(batch, ...) a timestep"),
    ("spikingjelly_single", "batch-first", {"vote": "mean"}, "(batch, ...) a timestep"),
    ("spikingjelly_multi", "batch-first", {"vote": "mean"}, "(time, batch, ...)"),
    ("norse_sequential", "time-first", {"vote": "mean", "output": 0}, "(time, batch, ...)"),
    ("sinabs_sequence", "time-first", {"vote": "mean"}, "(batch, time, ...)"),
    ("sinabs_squeezed", "batch-first", {"vote": "mean"}, "(batch x time, ...)"),
    ("Still", "static", {}, "(batch, ...)"),
]
TRAINING = {"epochs": 1, "batch_size": 10, "learning_rate": 0.01}


class _Notes(StudyListener):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.reused: list[bool] = []

    def noted(self, notes):
        self.notes += notes

    def trial_ends(self, trial, *, reused):
        self.reused.append(reused)

    def layer_is_silent(self, label, seed, problem):
        """Silence is no concern of these tests."""


def write_study(folder, **keys):
    common = {
        "name": "own",
        "training": TRAINING,
        "compression_training": TRAINING,
        "weight_formats": ["none"],
    }
    grid = [{"regime": "joint", "bits": [4], "sparsity": [0.5]}]
    (folder / "study.yaml").write_text(yaml.safe_dump({**common, "grid": grid, **keys}))
    return StudyConfig.load(folder / "study.yaml")


@pytest.mark.parametrize(("name", "layout", "how", "taken"), CASES, ids=[case[0] for case in CASES])
def test_a_network_of_each_framework_is_studied(tmp_path, name, layout, how, taken):
    framework = {"Still": "spikingjelly"}.get(name, name.partition("_")[0])
    pytest.importorskip(framework, reason=f"needs the extra '{framework}'")
    (tmp_path / "networks_of_mine.py").write_text(NETWORKS)
    (tmp_path / "data_of_mine.py").write_text(DATA)
    network = {"import": f"networks_of_mine.py:{name}", **how}
    data = {"import": "data_of_mine.py:load", "options": {"layout": layout}}
    data |= {"timesteps": 5} if layout == "batch-first" else {}
    config = write_study(tmp_path, network=network, data=data)
    listener = _Notes()
    trials = spareto.run_study(config, tmp_path / "run", listener)
    assert f"A call of the network takes {taken}." in listener.notes
    assert [trial.recipe.weight_bits for trial in trials] == [32, 4]
    assert trials[1].energy_pj < trials[0].energy_pj
    assert all(layer.effectual_synops > 0 for trial in trials for layer in trial.layers[:1])
    again = _Notes()
    assert spareto.run_study(config, tmp_path / "run", again) == trials
    assert again.reused == [True, True]
    (path,) = (tmp_path / "run" / "networks").glob("joint*")
    found = load_data(config.data)
    right = spareto.evaluate(
        spareto.load_network(path), found.test_frames, found.test_labels, layout=found.layout, **how
    )
    assert right == trials[1].accuracy


def test_a_folder_of_recordings_is_studied_and_what_was_left_out_stands_in_the_report(tmp_path):
    write_folder(tmp_path / "recordings", each=8)
    (tmp_path / "recordings" / "train" / "cat" / "._0.npz").write_bytes(b"Mac OS X")
    far = {"x": np.array([1, 99]), "y": np.array([1, 1]), "p": np.array([0, 1]), "t": np.array([0, 9])}
    np.savez(tmp_path / "recordings" / "train" / "dog" / "0.npz", **far)
    data = {"folder": "recordings", "timesteps": 4, "sensor": list(SENSOR), "outside": "drop"}
    network = {"name": "conv", "options": {"channels": [2], "votes": 1}}
    config = write_study(tmp_path, network=network, data=data)
    listener = _Notes()
    trials = spareto.run_study(config, tmp_path / "run", listener)
    dropped = "training split: 0.11 % of the events are outside the sensor and dropped."
    left_out = "1 of 33 files left by an operating system are left out (train/cat/._0.npz)."
    assert {dropped, left_out} <= set(listener.notes)
    with TrialStore.of(tmp_path / "run") as store:
        assert store.meta["dataset"] == "recordings"
        assert dropped in store.meta["data_notes"]
    assert dropped in write_report(tmp_path / "run").report.read_text()
    assert len(trials) == 2
