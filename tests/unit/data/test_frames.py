import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spareto.core.errors import InputError
from spareto.data import DatasetInfo, Recordings
from spareto.data import frames as frames_module
from spareto.data.frames import frames

INFO = DatasetInfo(classes=3, sensor=(2, 4, 5), duration_us=1_000, licence="", source="")


def random_recordings(seed, count, events):
    random = np.random.default_rng(seed)
    lengths = random.integers(0, events + 1, count)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    total = offsets[-1]
    return Recordings(
        x=random.integers(0, 5, total).astype(np.uint8),
        y=random.integers(0, 4, total).astype(np.uint8),
        polarity=random.integers(0, 2, total).astype(np.uint8),
        t_us=random.integers(0, 1_200, total).astype(np.uint32),
        offsets=offsets,
        labels=random.integers(0, 3, count),
    )


def slow_frames(recordings, info, timesteps):
    """One event at a time, in plain Python."""
    counts = np.zeros((timesteps, len(recordings), *info.sensor), int)
    for i in range(len(recordings)):
        for event in range(recordings.offsets[i], recordings.offsets[i + 1]):
            timestep = int(recordings.t_us[event]) * timesteps // info.duration_us
            if timestep < timesteps:
                place = recordings.polarity[event], recordings.y[event], recordings.x[event]
                counts[(timestep, i, *place)] += 1
    return counts


@given(
    seed=st.integers(0, 999), count=st.integers(0, 9), events=st.integers(0, 80), timesteps=st.integers(1, 7)
)
def test_frames_equal_their_slow_twin(seed, count, events, timesteps):
    recordings = random_recordings(seed, count, events)
    counts = slow_frames(recordings, INFO, timesteps)
    assert np.array_equal(frames(recordings, INFO, timesteps, binary=False), counts)
    assert np.array_equal(frames(recordings, INFO, timesteps), counts > 0)


def test_chunks_do_not_show(monkeypatch):
    recordings = random_recordings(1, 10, 50)
    whole = frames(recordings, INFO, 5)
    monkeypatch.setattr(frames_module, "CHUNK", 3)
    assert np.array_equal(frames(recordings, INFO, 5), whole)


def test_counts_saturate_and_binary_clips():
    many = Recordings(*(np.zeros(300, np.int64) for _ in range(4)), np.array([0, 300]), np.array([0]))
    assert frames(many, INFO, 2, binary=False)[0, 0, 0, 0, 0] == 255
    assert frames(many, INFO, 2)[0, 0, 0, 0, 0] == 1


def test_no_timestep_is_refused():
    with pytest.raises(InputError, match=r"data\.timesteps: got 0; expected an integer of at least 1"):
        frames(random_recordings(0, 1, 5), INFO, 0)
