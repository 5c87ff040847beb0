"""Spoken digits: an ear of filters and thresholds, and the official split in both forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import wavfile

from spareto.core.errors import ConfigError, DataError
from spareto.data import registry
from spareto.data.encoders.hearing import Hearing
from spareto.data.sound import read_wav
from spareto.testing import datasets as laws

RATE = 8000


def tone(hertz, seconds=0.3, rate=RATE):
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def sounds(folder, indices=(0, 4, 5, 6)):
    folder.mkdir(parents=True)
    for digit in range(10):
        for index in indices:
            samples = tone(300 + 300 * digit + 7 * index, 0.25 + 0.01 * index) * 20_000
            wavfile.write(folder / f"{digit}_jackson_{index}.wav", RATE, samples.astype(np.int16))
    return folder


def packed(folder, path):
    files = sorted(folder.glob("*.wav"))
    audio = [wavfile.read(file)[1] for file in files]
    names = [file.stem.split("_") for file in files]
    np.savez(
        path,
        audio=np.concatenate(audio),
        offsets=np.cumsum([0, *map(len, audio)]),
        label=np.array([int(name[0]) for name in names], np.uint8),
        index=np.array([int(name[2]) for name in names], np.uint8),
    )


def test_a_tone_is_heard_in_its_band():
    ear = Hearing(bands=16)
    for place, hertz in enumerate((200, 500, 1000, 2000, 3500)):
        heard = ear.hear(tone(hertz), RATE, "a tone")
        middle = np.median(heard.x[(heard.y == 5) & (heard.polarity == 1)])
        edges = 700 * (
            10 ** (np.linspace(*(2595 * np.log10(1 + np.array([100, 4000]) / 700)), 18) / 2595) - 1
        )
        assert abs(edges[1:-1][int(middle)] - hertz) < 250, place


@given(st.integers(0, 99), st.integers(1, 8), st.integers(2, 20))
def test_every_threshold_that_is_crossed_upwards_is_crossed_downwards_before_it_is_again(seed, levels, bands):
    rng = np.random.default_rng(seed)
    ear = Hearing(bands=bands, levels=levels)
    heard = ear.hear(rng.normal(size=1200) * np.sin(np.arange(1200) / 90), RATE, "noise")
    assert heard.x.max(initial=0) < bands
    assert heard.y.max(initial=0) < levels
    assert (np.diff(heard.t_us) >= 0).all()
    for band in range(bands):
        mine = heard.x == band
        for level in range(levels):
            signs = heard.polarity[mine & (heard.y == level)]
            assert (signs[::2] == 1).all()
            assert (signs[1::2] == 0).all()


@given(st.integers(0, 99), st.floats(0.001, 1000))
def test_loudness_does_not_matter(seed, gain):
    samples = np.random.default_rng(seed).normal(size=900)
    ear = Hearing(bands=8)
    once, again = ear.hear(samples, RATE, "a"), ear.hear(samples * gain, RATE, "b")
    assert np.array_equal(once.x, again.x)
    assert np.abs(once.t_us - again.t_us).max(initial=0) <= 1


def test_silence_gives_nothing_and_a_click_gives_something():
    ear = Hearing()
    assert len(ear.hear(np.zeros(500), RATE, "silence")) == 0
    assert len(ear.hear(np.eye(1, 500, 250).reshape(-1), RATE, "a click")) > 0
    assert len(ear.hear(np.ones(1), RATE, "one sample")) > 0


def test_both_forms_give_the_same_events_and_keep_the_laws(tmp_path):
    folder = sounds(tmp_path / "recordings")
    packed(folder, tmp_path / "other.npz")
    dataset = registry.make("spoken_digits", root=tmp_path)
    splits = laws.read_splits(dataset)
    laws.check_recordings(splits, dataset.info)
    laws.check_disjoint(splits)
    assert (len(splits["train"]), len(splits["test"])) == (20, 20)
    (tmp_path / "other.npz").rename(tmp_path / "fsdd.npz")
    again = laws.read_splits(registry.make("spoken_digits", root=tmp_path))
    laws.check_repeatable(splits, again)


def test_options_change_the_sensor(tmp_path):
    sounds(tmp_path / "recordings")
    dataset = registry.make("spoken_digits", root=tmp_path, bands=20, levels=3)
    assert dataset.info.sensor == (2, 3, 20)
    laws.check_recordings(laws.read_splits(dataset), dataset.info)
    with pytest.raises(ConfigError, match=r"data\.options\.bands: got 0; expected an integer from 1 to 512"):
        registry.make("spoken_digits", bands=0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"offsets": np.array([0, 5])}, "2 offsets, 40 labels and 40 indices"),
        ({"label": np.full(40, 11)}, "label: got 11 to 11; expected digits from 0 to 9"),
        ({"audio": np.zeros(10, np.int16)}, "offsets that rise from 0 to 10"),
        ({"audio": None}, "audio: got nothing"),
    ],
)
def test_a_damaged_archive_is_refused(change, said, tmp_path):
    packed(sounds(tmp_path / "recordings"), tmp_path / "fsdd.npz")
    arrays = dict(np.load(tmp_path / "fsdd.npz")) | change
    np.savez(tmp_path / "fsdd.npz", **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(DataError, match=said):
        registry.make("spoken_digits", root=tmp_path).split("train")


def test_a_damaged_wav_is_refused(tmp_path):
    path = sounds(tmp_path / "recordings") / "0_jackson_5.wav"
    content = path.read_bytes()
    for broken in (content[:30], b"", b"RIFX" + content[4:], content[:20] + b"\xff" * 24, content[:-5]):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=r"0_jackson_5\.wav: got .*; expected a WAV file"):
            read_wav(path)
    wavfile.write(path, RATE, np.zeros(100, np.int16))
    with pytest.raises(DataError, match=r"got silence; expected a sound"):
        registry.make("spoken_digits", root=tmp_path).split("train")
