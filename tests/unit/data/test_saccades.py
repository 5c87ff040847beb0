import numpy as np
import pytest

from spareto.data.encoders.saccades import DURATION_US, Saccades


def scenes(eye, images):
    times, values = zip(*eye.scenes(np.asarray(images, float)), strict=True)
    return np.array(times), np.array(values)


def test_the_path_is_a_closed_triangle_at_rest_in_its_corners():
    eye = Saccades(travel=2.0)
    corners = eye.path([0, 100_000, 200_000, 300_000])
    assert corners == pytest.approx(np.array([(-1, 1), (0, -1), (1, 1), (-1, 1)]))
    speed = np.diff(eye.path([0, 10, 100_000, 100_010, 299_990, 300_000]), axis=0)[::2]
    assert np.abs(speed).max() < 1e-6


def test_without_travel_the_scene_stands_still():
    _, values = scenes(Saccades(travel=0), np.random.default_rng(0).random((2, 8, 8)))
    assert (values == values[0]).all()


def test_the_scene_lasts_three_saccades():
    times, values = scenes(Saccades(sensor=12, samples=5), np.ones((2, 8, 8)))
    assert (times[0], times[-1]) == (0, DURATION_US)
    assert values.shape == (16, 2, 12, 12)


def test_a_bright_dot_is_seen_where_it_is_at_the_sensors_scale():
    dot = np.zeros((1, 3, 3))
    dot[0, 0, 2] = 1.0
    _, values = scenes(
        Saccades(sensor=8, travel=0, black=0.5), dot
    )  # an image pixel is two sensor pixels wide
    light = np.exp(values[0, 0]) - 0.5
    rows, columns = np.indices(light.shape)
    assert (rows * light).sum() / light.sum() == pytest.approx(3.5 - 2.0, abs=1e-4)
    assert (columns * light).sum() / light.sum() == pytest.approx(3.5 + 2.0, abs=1e-4)


def test_a_full_travel_moves_the_picture_by_its_pixels():
    """Between corners (-1, 1) and (1, 1) the picture moves two pixels to the right and none down."""
    eye = Saccades(sensor=16, travel=2.0, samples=10)
    _, values = scenes(eye, np.random.default_rng(1).random((1, 8, 8)))
    start, end = values[0, 0], values[20, 0]
    assert end[:, 2:] == pytest.approx(start[:, :-2])


def test_the_picture_never_leaves_the_sensor():
    _, values = scenes(Saccades(sensor=16, travel=4.0, black=0.1), np.ones((1, 8, 8)))
    light = (np.exp(values) - 0.1).sum(axis=(1, 2, 3))
    assert light == pytest.approx(np.full(len(light), light[0]), rel=0.04)
