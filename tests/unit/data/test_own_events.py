"""Event files as users have them: one meaning, or the file, the rule and the cure."""

import numpy as np
import pytest

from own_files import SENSOR, recording, write_folder
from spareto.core.errors import DataError
from spareto.data.own import folder as own_folder
from spareto.data.own import load_own
from spareto.records.data import FolderData

KEYS = {"timesteps": 5, "sensor": list(SENSOR)}
EPOCH_US = 1_700_000_000_000_000


@pytest.fixture(autouse=True, params=["memory", "files"])
def kept(request, monkeypatch):
    """Recordings in memory, and in their files as those of large folders: the same is found and told."""
    if request.param == "files":
        monkeypatch.setattr(own_folder, "IN_FILES", 0)


def load(folder, **keys):
    given = {key: value for key, value in {**KEYS, **keys}.items() if value is not None}
    return load_own(FolderData.parse({"folder": str(folder), **given}, "data"))


def refusal(folder, **keys) -> list[str]:
    with pytest.raises(DataError) as error:
        load(folder, **keys)
    return [line.replace(f"{folder}/", "") for line in str(error.value).splitlines()]


def changed(**arrays):
    """Each named array of a recording through its function; None removes it."""

    def change(events):
        made = {name: arrays.get(name, lambda array: array) for name in events}
        return {name: function(events[name]) for name, function in made.items() if function is not None}

    return change


def renamed(old, new, function=lambda array: array):
    return lambda events: {
        (new if name == old else name): (function(a) if name == old else a) for name, a in events.items()
    }


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return load(write_folder(tmp_path_factory.mktemp("plain")))


def test_frames_are_those_of_the_events(expected):
    assert expected.train_frames.shape == (5, 6, *SENSOR)
    assert expected.train_labels.tolist() == [0, 0, 0, 1, 1, 1]
    events = recording(11, 1)
    by_hand = np.zeros((5, *SENSOR), np.uint8)
    longest = max(int(recording(10 * s + i, c)["t"].max()) for s in (0, 1) for i in range(3) for c in (0, 1))
    for x, y, p, t in zip(*(events[name] for name in "xypt"), strict=True):
        by_hand[t * 5 // (longest + 1), p, y, x] = 1
    assert np.array_equal(expected.test_frames[:, 4], by_hand)


SAME = {
    "float_whole": changed(t=lambda t: t.astype(np.float64)),
    "int32": changed(t=lambda t: t.astype(np.int32), x=lambda x: x.astype(np.uint8)),
    "uint64": changed(t=lambda t: t.astype(np.uint64)),
    "signed": changed(p=lambda p: 2 * p - 1),
    "bool": changed(p=lambda p: p.astype(bool)),
    "float_pixels": changed(x=lambda x: x.astype(np.float32), y=lambda y: y.astype(np.float32)),
    "columns": changed(x=lambda x: x[:, None]),
    "t_us": renamed("t", "t_us"),
    "t_ns": renamed("t", "t_ns", lambda t: t * 1000),
    "t_ms": renamed("t", "t_ms", lambda t: t / 1000),
    "t_s": renamed("t", "t_s", lambda t: t / 1e6),
    "timestamps_us": renamed("t", "timestamps_us"),
    "polarity": renamed("p", "polarity"),
    "shuffled": lambda events: {
        n: a[np.random.default_rng(0).permutation(len(a))] for n, a in events.items()
    },
}
SAID = {
    "ns": changed(t=lambda t: t * 1000),
    "ms": changed(t=lambda t: t / 1000),
    "s": changed(t=lambda t: t / 1e6),
    "us": changed(t=lambda t: t),
}


@pytest.mark.parametrize("kind", SAME)
def test_types_names_signs_and_orders_mean_the_same(tmp_path, kind, expected):
    found = load(write_folder(tmp_path / "r", SAME[kind]))
    assert np.array_equal(found.train_frames, expected.train_frames)
    assert (found.hash, found.info.sensor) == (expected.hash, SENSOR)


@pytest.mark.parametrize("unit", SAID)
def test_a_unit_that_is_said_is_taken(tmp_path, unit, expected):
    found = load(write_folder(tmp_path / "r", SAID[unit]), time_unit=unit)
    assert found.hash == expected.hash


ABSOLUTE = {
    "us": (changed(t=lambda t: t - t.min() + EPOCH_US), None),
    "ns": (changed(t=lambda t: (t - t.min() + EPOCH_US) * 1000), "ns"),
    "s": (changed(t=lambda t: (t - t.min() + EPOCH_US) / 1e6), "s"),
    "negative": (changed(t=lambda t: t - t.min() - 5_000_000), None),
}


@pytest.mark.parametrize("kind", ABSOLUTE)
def test_absolute_times_are_counted_from_each_first_event_and_that_is_said(tmp_path, kind):
    change, unit = ABSOLUTE[kind]
    expected = load(write_folder(tmp_path / "zero", changed(t=lambda t: t - t.min())))
    found = load(write_folder(tmp_path / "r", change), time_unit=unit)
    shift = 1 if kind == "s" else 0  # seconds of today in float64 are 0.24 us apart
    different = (found.train_frames != expected.train_frames).sum()
    assert different <= 4 * shift
    assert any("counted from each one's first event, for they are absolute" in note for note in found.notes)
    assert not any("absolute" in note for note in expected.notes)


def test_nanoseconds_without_a_name_are_asked_about(tmp_path):
    lines = refusal(write_folder(tmp_path / "r", changed(t=lambda t: t * 1000)))
    assert lines[0].startswith("train/cat/0.npz: t: got times over ")
    assert "expected a unit of time: ns, us, ms or s. For nanoseconds, write data.time_unit: ns" in lines[0]
    assert lines[-1].endswith("9 more like it.")


def test_seconds_without_a_name_are_asked_about(tmp_path):
    lines = refusal(write_folder(tmp_path / "r", changed(t=lambda t: t / 1e6)))
    assert "got fractions such as 0." in lines[0]
    assert "For seconds, write data.time_unit: s (the recording then lasts 2" in lines[0]


def test_a_name_and_the_plan_may_not_contradict_each_other(tmp_path):
    lines = refusal(write_folder(tmp_path / "r", renamed("t", "t_ns")), time_unit="us")
    assert "got times named as ns; expected us, as data.time_unit says." in lines[0]


def test_times_too_coarse_for_their_type_are_refused(tmp_path):
    change = changed(t=lambda t: (t / 1e6 + 1.7e9).astype(np.float32))
    lines = refusal(write_folder(tmp_path / "r", change), time_unit="s")
    assert "float32 times of about 1.7e+09, which are 2e+02 apart" in lines[0]
    assert "Save them as float64" in lines[0]


def test_foreign_pixels_are_named_with_their_share(tmp_path):
    folder = write_folder(tmp_path / "r")
    events = recording(0)
    events["x"][:3] = 99
    np.savez(folder / "train" / "cat" / "1.npz", **events)
    assert refusal(folder) == [
        "train/cat/1.npz: x: got 0 to 99 (5.00 % outside); expected values from 0 to 7."
        " Set data.sensor: [polarities, height, width], or write data.outside: drop."
    ]
    found = load(folder, outside="drop")
    assert "training split: 0.83 % of the events are outside the sensor and dropped." in found.notes
    assert not any("test split" in note for note in found.notes)


@pytest.mark.parametrize(
    ("change", "sensor", "told"),
    [
        (changed(x=lambda x: x - 1), None, "x: got -1 to "),
        (changed(y=lambda y: y + 1), None, "y: got "),
        (lambda e: {**e, "x": e["y"], "y": e["x"]}, (2, 6, 8), "x and y may be swapped."),
        (changed(p=lambda p: p + 1), None, "p: got 2 ("),
        (changed(p=lambda p: p - (np.arange(len(p)) % 3)), None, "expected -1 and 1 in every file"),
        (changed(p=None), None, "p: got nothing; expected values from 0 to 1. Add the array p"),
        (changed(y=None), None, "y: got nothing; expected values from 0 to 5."),
        (changed(), (1, 6, 8), "or set data.sensor: [2, ...]."),
        (changed(p=lambda p: 2 * p - 1), (1, 6, 8), "got polarities -1 and 1; expected one polarity"),
        (changed(x=lambda x: x + 0.5), None, "x: got "),
        (
            changed(t=lambda t: np.where(np.arange(len(t)) == 3, np.nan, t)),
            None,
            "t: got nan or infinity in 1.67%",
        ),
        (changed(x=lambda x: x[:-1]), None, "x: got 59 values; expected 60, as many as t."),
        (renamed("x", "foo"), None, "got arrays foo, y, p, t; expected events x, y, p and t"),
        (
            changed(x=lambda x: x[:0], y=lambda x: x[:0], p=lambda x: x[:0], t=lambda x: x[:0]),
            None,
            "got no event",
        ),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, change, sensor, told):
    lines = refusal(write_folder(tmp_path / "r", change), sensor=list(sensor or SENSOR))
    assert any(told in line for line in lines), lines
    assert all(line.startswith(("train/", "test/")) for line in lines)


def test_polarity_and_rows_may_be_missing_where_there_is_one(tmp_path):
    found = load(write_folder(tmp_path / "r", changed(p=None, y=None)), sensor=[1, 1, 8])
    assert found.train_frames.shape == (5, 6, 1, 1, 8)


def test_sensor_and_timesteps_are_asked_for_with_what_the_events_need(tmp_path):
    folder = write_folder(tmp_path / "r")
    assert refusal(folder, sensor=None, timesteps=None) == [
        "data.timesteps: got nothing; expected a number of bins for the events. Write data.timesteps: 10.",
        "data.sensor: got nothing; expected [polarities, height, width]."
        " The events need at least: data.sensor: [2, 6, 8].",
    ]


def test_events_after_the_duration_are_told_as_a_share(tmp_path):
    found = load(write_folder(tmp_path / "r"), duration_us=150_000)
    late = sum(int((recording(i, c)["t"] >= 150_000).sum()) for i in range(3) for c in (0, 1))
    assert (
        f"training split: {100 * late / 360:.2f} % of the events are after duration_us and dropped."
        in found.notes
    )


def test_a_recording_of_which_nothing_is_left_is_named(tmp_path):
    folder = write_folder(tmp_path / "r")
    late = recording(0)
    np.savez(folder / "train" / "cat" / "2.npz", **{**late, "t": late["t"] + 200_000})
    lines = refusal(folder, duration_us=150_000)
    assert lines == [
        "train/cat/2.npz: got no event inside sensor and duration; expected at least one. Delete the file."
    ]


def test_counts_are_kept_where_frames_are_not_binary(tmp_path):
    found = load(write_folder(tmp_path / "r"), binary=False)
    assert found.train_frames.sum() == 360
