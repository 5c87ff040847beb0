"""Still images as spikes: how many, and when."""

import numpy as np
import pytest

from spareto.core.errors import ConfigError, SparetoError
from spareto.data.datasets.digit_images import DigitImages
from spareto.data.encoders.images import registry

GREYS = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)


def spikes(name, timesteps=8, pixels=GREYS, **options):
    frames = registry.make(name, "data.options", **options).encode(pixels, timesteps, "train")
    assert frames.shape == (timesteps, *pixels.shape)
    assert frames.dtype == np.uint8
    assert set(np.unique(frames)) <= {0, 1}
    return frames


def test_latency_is_one_spike_a_pixel_the_brightest_first():
    frames = spikes("latency")
    assert frames.sum(0).ravel().tolist() == [0, *[1] * 255]
    when = frames.argmax(0).ravel()[1:]
    assert when.tolist() == sorted(when, reverse=True)
    expected = np.floor((1 - np.arange(1, 256) / 255) * 7 + 0.5)
    assert when.tolist() == expected.tolist()
    assert spikes("latency", least=200).sum() == 56


def test_delta_counts_grey_values_in_steps():
    for timesteps in (1, 4, 8):
        count = spikes("delta", timesteps).sum(0).ravel()
        assert count.tolist() == np.floor(np.arange(256) * timesteps / 255 + 1e-9).tolist()
    assert spikes("delta", step=100.0).sum(0).ravel().tolist() == [min(8, g // 100) for g in range(256)]


def test_delta_says_the_image_to_within_a_step():
    frames = spikes("delta", 16)
    assert (np.abs(frames.sum(0) * 255 / 16 - GREYS) <= 255 / 16 + 1e-9).all()


@pytest.mark.parametrize("name", ["latency", "delta", "rate"])
def test_black_stays_silent_and_white_does_not(name):
    ends = np.array([0, 255], np.uint8).reshape(1, 1, 1, 2)
    frames = spikes(name, pixels=ends)
    assert frames[..., 0].sum() == 0
    assert frames[..., 1].sum() == (1 if name == "latency" else 8)


def test_latency_sends_fewer_spikes_than_delta_and_delta_fewer_than_direct_values():
    sent = [int(spikes(name).sum()) for name in ("latency", "delta")]
    assert sent[0] < sent[1] < np.count_nonzero(GREYS) * 8


@pytest.mark.parametrize(
    ("name", "options"), [("latency", {"least": 0}), ("latency", {"least": 256}), ("delta", {"step": 0.0})]
)
def test_wrong_options_are_refused_by_name(name, options):
    with pytest.raises(ConfigError, match=rf"data\.options\.{next(iter(options))}"):
        registry.make(name, "data.options", **options)


def images(**options):
    return DigitImages(**options).split("test")


def test_a_data_set_takes_a_coding_by_name_or_with_its_options():
    whole, cut = images(coding="latency"), images(coding={"name": "latency", "options": {"least": 100}})
    frames = [each.encoder.encode(each.pixels, 4, "test") for each in (whole, cut)]
    assert np.array_equal(frames[1], frames[0] * (whole.pixels >= 100))
    drawn = [images(coding={"name": "rate", "options": {"seed": 3}}), images(coding="rate", seed=3)]
    one, other = (each.encoder.encode(each.pixels, 4, "test") for each in drawn)
    assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"coding": {"name": "latency", "options": {"most": 1}}}, r"coding.options.most"),
        ({"coding": {"name": "latency", "options": {"least": 900}}}, r"least.*900"),
        ({"coding": {"kind": "latency"}}, r"data.options.coding.kind"),
        ({"coding": 3}, r"coding.*got 3.*name and options"),
        ({"coding": {"name": "lateny"}}, "latency"),
        ({"coding": {"name": "rate", "options": {"seed": 1}}, "seed": 2}, "one seed"),
        ({"coding": "latency", "seed": 2}, "seed"),
    ],
)
def test_a_coding_that_means_nothing_is_refused(options, said):
    with pytest.raises(SparetoError, match=said):
        DigitImages(**options)
