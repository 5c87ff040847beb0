import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spareto.data.augment import random_shift, random_warp, rotations, shift, warp


def slow_shift(frames, dx, dy):
    moved = np.zeros_like(frames)
    _, batch, _, height, width = frames.shape
    for sample in range(batch):
        for row in range(height):
            for column in range(width):
                to_row, to_column = row + dy[sample], column + dx[sample]
                if 0 <= to_row < height and 0 <= to_column < width:
                    moved[:, sample, :, to_row, to_column] = frames[:, sample, :, row, column]
    return moved


@given(shifts=st.lists(st.tuples(st.integers(-7, 7), st.integers(-7, 7)), min_size=1, max_size=4))
def test_shift_equals_its_slow_twin(shifts):
    frames = np.random.default_rng(0).integers(0, 2, (2, len(shifts), 2, 4, 6), dtype=np.uint8)
    dx, dy = np.array(shifts).T
    assert np.array_equal(shift(frames, dx, dy), slow_shift(frames, dx, dy))


def test_random_shift_covers_its_reach_and_repeats():
    frames = np.zeros((1, 500, 1, 7, 7), np.float32)
    frames[..., 3, 3] = 1
    moved = random_shift(frames, 2, np.random.default_rng(3))
    rows, columns = np.argwhere(moved[0, :, 0])[:, 1:].T
    assert {*rows.tolist()} == {*columns.tolist()} == {1, 2, 3, 4, 5}
    assert np.array_equal(moved, random_shift(frames, 2, np.random.default_rng(3)))
    assert moved.dtype == np.float32


def slow_warp(frames, matrices):
    warped = np.zeros_like(frames)
    _, batch, _, height, width = frames.shape
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    for sample in range(batch):
        for row in range(height):
            for column in range(width):
                y, x = np.rint(matrices[sample] @ ((row, column) - middle) + middle).astype(int)
                if 0 <= y < height and 0 <= x < width:
                    warped[:, sample, :, row, column] = frames[:, sample, :, y, x]
    return warped


def marked(side, row, column):
    frames = np.zeros((1, 1, 1, side, side), np.uint8)
    frames[..., row, column] = 1
    return frames


@given(entries=st.lists(st.integers(-20, 20), min_size=8, max_size=8))
def test_warp_equals_its_slow_twin(entries):
    frames = np.random.default_rng(0).integers(0, 2, (2, 2, 2, 4, 7), dtype=np.uint8)
    off_the_grid = [[[0.0123, 0.0371], [0.0217, 0.0139]]]  # no pixel lies half-way between two
    matrices = np.array(entries).reshape(2, 2, 2) / 10 + off_the_grid
    assert np.array_equal(warp(frames, matrices), slow_warp(frames, matrices))


def test_the_identity_warps_nothing():
    frames = np.random.default_rng(1).integers(0, 2, (3, 2, 1, 5, 4), dtype=np.uint8)
    assert np.array_equal(warp(frames, np.tile(np.eye(2), (2, 1, 1))), frames)


def test_a_quarter_turn_is_anticlockwise():
    turned = warp(marked(5, 2, 4), rotations(np.array([90.0])))
    assert np.argwhere(turned[0, 0, 0]).tolist() == [[0, 2]]


def test_half_the_distances_look_twice_as_large():
    assert np.argwhere(warp(marked(9, 4, 6), np.eye(2)[None] / 2)[0, 0, 0])[:, 1].max() == 8


def test_random_warp_stays_in_its_reach_and_repeats():
    frames = np.repeat(marked(21, 10, 18), 400, axis=1)
    reach = {"rotation": 10.0, "scale": 0.1, "shear": 0.0}
    moved = random_warp(frames, np.random.default_rng(3), **reach)
    rows, columns = np.argwhere(moved[0, :, 0])[:, 1:].T - 10
    distance = np.hypot(rows, columns)
    assert 8 / 1.1 - 1 < distance.min() < 8 < distance.max() < 8 * 1.1 + 1
    assert np.abs(np.rad2deg(np.arctan2(rows, columns))).max() < 10 + 5  # to the nearest pixel
    assert {*rows.tolist()} == {-2, -1, 0, 1, 2}
    assert np.array_equal(moved, random_warp(frames, np.random.default_rng(3), **reach))


def test_shear_slides_rows():
    frames = np.repeat(marked(21, 0, 10), 200, axis=1)
    moved = random_warp(frames, np.random.default_rng(0), rotation=0.0, scale=0.0, shear=0.3)
    rows, columns = np.argwhere(moved[0, :, 0])[:, 1:].T
    assert {*rows.tolist()} == {0}
    assert columns.min() == 7
    assert columns.max() == 13
