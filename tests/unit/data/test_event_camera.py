"""Laws of the simulated event camera, on scenes whose events can be told in advance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spareto.core.errors import ConfigError
from spareto.data import DatasetInfo
from spareto.data.checks import problems_of
from spareto.data.encoders.event_camera import EventCamera

STEP_US = 1_000.0


def scene(log_intensity):
    """Samples every millisecond of an array (times, recordings, height, width)."""
    return [(k * STEP_US, np.asarray(sample, np.float64)) for k, sample in enumerate(log_intensity)]


def one_pixel(values):
    return scene(np.reshape(values, (-1, 1, 1, 1)))


def wandering(seed=0, times=60, shape=(3, 4, 5)):
    steps = np.random.default_rng(seed).normal(0, 0.3, (times, *shape))
    return np.cumsum(steps, axis=0)


def watch(camera, samples):
    return camera.watch(samples, np.zeros(len(samples[0][1]), int))


def test_nothing_moves_nothing_is_sent():
    still = np.broadcast_to(wandering()[5], (30, 3, 4, 5))
    assert len(watch(EventCamera(), scene(still)).x) == 0


@given(k=st.integers(0, 60), threshold=st.floats(0.05, 2.0), samples=st.integers(2, 40))
def test_brightening_by_k_thresholds_sends_exactly_k_on_events(k, threshold, samples):
    ramp = np.linspace(0, k * threshold, samples)
    events = watch(EventCamera(threshold=threshold), one_pixel(ramp))
    assert events.polarity.tolist() == [1] * k


def test_crossings_of_a_ramp_are_equally_spaced_whatever_the_sampling():
    expected = [1_000, 2_000, 3_000, 4_000]
    for samples in (np.linspace(0, 4, 2), np.linspace(0, 4, 5), np.linspace(0, 4, 9)):
        stretched = [(4_000 * k / (len(samples) - 1), np.full((1, 1, 1), v)) for k, v in enumerate(samples)]
        assert watch(EventCamera(threshold=1.0), stretched).t_us.tolist() == expected


def test_log_intensity_is_followed_within_one_threshold():
    walk = wandering()
    camera = EventCamera(threshold=0.3, mismatch=0.1, seed=4)
    for stop in (10, 35, 60):
        events = watch(camera, scene(walk[:stop]))
        recording = np.repeat(np.arange(3), np.diff(events.offsets))
        followed = np.zeros(walk.shape[1:])
        np.add.at(followed, (recording, events.y, events.x), 2.0 * events.polarity - 1)
        error = walk[stop - 1] - walk[0] - followed * camera.thresholds(4, 5)
        assert np.abs(error / camera.thresholds(4, 5)).max() <= 1 + 1e-5


def test_negated_contrast_swaps_polarities_and_nothing_else():
    camera = EventCamera(threshold=0.2, mismatch=0.1)
    bright, dark = watch(camera, scene(wandering())), watch(camera, scene(-wandering()))
    assert len(bright.x) > 100
    assert np.array_equal(bright.polarity, 1 - dark.polarity)
    for field in ("x", "y", "t_us", "offsets"):
        assert np.array_equal(getattr(bright, field), getattr(dark, field))


def test_same_seed_same_events_other_seed_other_events():
    def times(seed):
        return watch(EventCamera(mismatch=0.1, seed=seed), scene(wandering())).t_us.tolist()

    assert times(1) == times(1)
    assert times(1) != times(2)


def test_recordings_do_not_see_each_other():
    walk = wandering()
    together = watch(EventCamera(), scene(walk))
    alone = watch(EventCamera(), scene(walk[:, 1:2]))
    assert np.array_equal(together.take(np.array([1])).t_us, alone.t_us)


@given(refractory_us=st.integers(0, 20_000))
def test_a_pixel_rests_for_the_refractory_period(refractory_us):
    free = watch(EventCamera(threshold=0.1), scene(wandering(shape=(1, 1, 1))))
    events = watch(EventCamera(threshold=0.1, refractory_us=refractory_us), scene(wandering(shape=(1, 1, 1))))
    assert (np.diff(events.t_us.astype(int)) >= refractory_us - 1).all()  # times are cut to microseconds
    assert set(events.t_us.tolist()) <= set(free.t_us.tolist())


def test_events_are_ordered_and_inside_the_scene():
    events = watch(EventCamera(threshold=0.1), scene(wandering()))
    info = DatasetInfo(classes=1, sensor=(2, 4, 5), duration_us=59_000, licence="", source="")
    assert problems_of(events, info, "scene") == ()
    assert events.t_us.max() <= 59_000


def test_thresholds_spread_as_asked():
    thresholds = EventCamera(threshold=0.4, mismatch=0.05).thresholds(100, 100)
    assert thresholds.mean() == pytest.approx(0.4, rel=0.01)
    assert thresholds.std() == pytest.approx(0.02, rel=0.05)
    assert (EventCamera(threshold=0.4).thresholds(3, 3) == 0.4).all()


def test_bad_parameters_are_told_all_at_once():
    with pytest.raises(ConfigError) as caught:
        EventCamera.parse({"threshold": 0, "refractory_us": -1}, "camera")
    assert str(caught.value) == (
        "camera.threshold: got 0; expected a number above 0, at most 1e9.\n"
        "camera.refractory_us: got -1; expected a whole number of microseconds, 0 or more."
    )
