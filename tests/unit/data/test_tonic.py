"""Tonic's own data sets: frames by its transforms, events as they are, cached in memory and on disk."""

import numpy as np
import pytest
from torch import nn

from spareto.core.errors import DataError
from spareto.data.own import load_own
from spareto.neurons.lif import LIF
from spareto.profiling import profile
from spareto.records.data import ImportedData

tonic = pytest.importorskip("tonic", reason="needs tonic")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
SENSOR, COUNT, BINS = (8, 6, 2), 4, 5


class Recordings(tonic.Dataset):
    sensor_size, classes = SENSOR, ("left", "right")
    dtype = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
    ordering = dtype.names

    def __init__(self, transform=None):
        super().__init__("nowhere", transform)

    def __len__(self):
        return COUNT

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        events = np.zeros(60, self.dtype)
        for name, most in (("x", 8), ("y", 6), ("p", 2)):
            events[name] = rng.integers(0, most, 60)
        events["t"] = np.sort(rng.integers(0, 10_000, 60))
        return events if self.transform is None else self.transform(events), index % 2

    def _check_exists(self):
        return True


def frames():
    return tonic.transforms.ToFrame(sensor_size=SENSOR, n_time_bins=BINS)


FORMS = {
    "frames": lambda folder: Recordings(frames()),
    "in memory": lambda folder: tonic.MemoryCachedDataset(Recordings(frames())),
    "on disk": lambda folder: tonic.DiskCachedDataset(Recordings(frames()), str(folder / "cache")),
    "composed": lambda folder: Recordings(
        tonic.transforms.Compose([tonic.transforms.Denoise(10**6), frames()])
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_frames_of_a_tonic_data_set_are_profiled_as_the_same_arrays(form, tmp_path):
    data = FORMS[form](tmp_path)
    network = nn.Sequential(nn.Flatten(2), nn.Linear(96, 2), LIF())
    stated = {"time": "time-batch", "vote": "mean"}
    found = profile(network, data, **stated)
    arrays = np.stack([np.asarray(data[index][0]) for index in range(COUNT)], axis=1)
    labels = np.array([0, 1] * (COUNT // 2))
    same = profile(network, arrays, labels, layout="time-first", dataset="data", **stated)
    assert (found.accuracy, found.workload.layers) == (same.accuracy, same.workload.layers)


def test_events_are_refused_with_the_transform_that_is_missing():
    with pytest.raises(DataError, match=r"got events; expected frames.*tonic.transforms.ToFrame"):
        profile(nn.Sequential(nn.Flatten(2), nn.Linear(96, 2)), Recordings())


def test_events_of_a_study_are_binned(monkeypatch, tmp_path):
    monkeypatch.setattr("builtins.own_value", (Recordings(), Recordings()), raising=False)
    (tmp_path / "mine.py").write_text("import builtins\n\n\ndef load():\n    return builtins.own_value\n")
    plan = ImportedData.parse(
        {"import": f"{tmp_path}/mine.py:load", "timesteps": BINS, "binary": False}, "data"
    )
    found = load_own(plan)
    assert found.train_frames.shape == (BINS, COUNT, 2, 6, 8)
    assert found.info.classes == 2
    assert found.train_frames.sum((0, 2, 3, 4)).tolist() == [60] * COUNT
