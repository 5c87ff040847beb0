import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spareto.data.augment import random_shift, shift


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
