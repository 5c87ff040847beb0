import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spareto.core.errors import ConfigError, InputError
from spareto.data import DatasetInfo, Recordings
from spareto.data import frames as frames_module
from spareto.data.bins import Bins
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
    with pytest.raises(InputError, match=r"data\.timesteps: got 0; expected an integer from 1 to 1,000,000"):
        frames(random_recordings(0, 1, 5), INFO, 0)


def slow_bins(recordings, info, bins):
    """One event at a time, in plain Python, as the words of `Bins` say."""
    counts = np.zeros((bins.timesteps, len(recordings), *info.sensor), int)
    for i in range(len(recordings)):
        first, last = recordings.offsets[i : i + 2]
        order = sorted(range(first, last), key=lambda event: recordings.t_us[event])
        for place, event in enumerate(order):
            if bins.by == "time":
                width = bins.size or info.duration_us / bins.timesteps
                step = int(recordings.t_us[event] // width)
            elif bins.size:
                step = place // bins.size
            else:
                each = len(order) // bins.timesteps
                step = min(place // each, bins.timesteps - 1) if each else bins.timesteps - 1
            if step < bins.timesteps:
                where = recordings.polarity[event], recordings.y[event], recordings.x[event]
                counts[(step, i, *where)] += 1
    return counts


@given(
    seed=st.integers(0, 999),
    count=st.integers(0, 5),
    events=st.integers(0, 80),
    timesteps=st.sampled_from([1, 2, 4, 5, 8]),
    by=st.sampled_from(["time", "events"]),
    size=st.none() | st.sampled_from([1, 3, 10, 125, 2_000]),
)
def test_any_bins_equal_their_slow_twin(seed, count, events, timesteps, by, size):
    recordings, bins = random_recordings(seed, count, events), Bins(timesteps, by, size)
    counts = slow_bins(recordings, INFO, bins)
    assert np.array_equal(frames(recordings, INFO, bins, binary=False), counts)
    assert np.array_equal(frames(recordings, INFO, bins), counts > 0)


@given(st.integers(1, 20), st.integers(0, 200))
def test_bins_of_equally_many_events_hold_every_event_once(timesteps, events):
    sizes = np.diff(Bins(timesteps, "events").cuts(np.arange(events), 1_000))
    assert sizes.sum() == events
    assert (sizes[:-1] == events // timesteps).all()
    assert (sizes[-1] - events // timesteps) < timesteps


def test_bins_say_what_they_last():
    assert Bins(5).duration_us(1_000) == 1_000
    assert Bins(5, "time", 300).duration_us(1_000) == 1_500
    assert Bins(5, "events").duration_us(1_000) == Bins(5, "events", 9).duration_us(1_000) == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((5, "spikes"), "data.bins: got 'spikes'; expected one of time, events."),
        ((5, "time", 0), "data.bin_size: got 0; expected an integer from 1 to 281,474,976,710,656."),
        ((5, "events", 2.5), "data.bin_size: got 2.5; expected an integer"),
    ],
)
def test_bins_that_are_none_are_refused(given, said):
    with pytest.raises(ConfigError) as caught:
        Bins(*given)
    assert str(caught.value).startswith(said)
