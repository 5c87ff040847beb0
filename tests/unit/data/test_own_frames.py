"""Frames of a user's own, and what a plan says that they cannot have."""

import numpy as np
import pytest

from spareto.core.errors import ConfigError, DataError
from spareto.data.own import load_own
from spareto.records.data import FolderData


def load(folder, frames, **keys):
    for split in ("train", "test"):
        for label in "ab":
            (folder / split / label).mkdir(parents=True)
            np.savez(folder / split / label / "0.npz", frames=frames)
    return load_own(FolderData.parse({"folder": str(folder), "timesteps": 5, **keys}, "data"))


@pytest.mark.parametrize(
    ("shape", "sensor"),
    [((5, 2, 8, 16), [2, 8, 16]), ((5, 8, 16), [1, 8, 16]), ((5, 40), [40, 1, 1]), ((40,), [40, 1, 1])],
)
def test_the_sensor_of_frames_is_their_shape(tmp_path, shape, sensor):
    assert load(tmp_path / "right", np.ones(shape), sensor=sensor).train_frames.shape[0] == 5
    for place in range(3):
        other = [side + (axis == place) for axis, side in enumerate(sensor)]
        with pytest.raises(DataError, match=r"numbers a sample and timestep.*data\.sensor"):
            load(tmp_path / f"wrong {place}", np.ones(shape), sensor=other)


@pytest.mark.parametrize(
    "said",
    [{"time_unit": "ms"}, {"duration_us": 9}, {"outside": "drop"}, {"binary": False}, {"bin_size": 3}],
)
def test_what_only_events_have_is_refused_of_frames(tmp_path, said):
    with pytest.raises(ConfigError, match=rf"data\.{next(iter(said))}.*what frames have"):
        load(tmp_path, np.ones((5, 2, 8, 16)), **said)
