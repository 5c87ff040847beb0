"""Flip, roll, drop, jitter and mixing of event frames: what they keep, and their slow twins."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spareto import networks
from spareto.core.errors import ConfigError
from spareto.data import augment
from spareto.data.load import load_frames
from spareto.records import TrainingPlan
from spareto.running import Runner, Samples
from spareto.training.batches import Batch, Batches
from spareto.training.processes import join
from spareto.training.step import Stepper

SEEDS = st.integers(0, 500)


def some_frames(seed, most=1):
    rng = np.random.default_rng(seed)
    shape = (rng.integers(1, 6), rng.integers(1, 5), 2, rng.integers(1, 7), rng.integers(1, 7))
    return rng.integers(0, most, shape, np.uint8, endpoint=True), rng


@given(SEEDS)
def test_two_flips_are_none_and_half_is_flipped(seed):
    frames, rng = some_frames(seed, 3)
    chosen = rng.random(frames.shape[1]) < 0.5
    once = augment.flip(frames, chosen)
    assert np.array_equal(augment.flip(once, chosen), frames)
    assert np.array_equal(once[:, ~chosen], frames[:, ~chosen])
    assert np.array_equal(once[:, chosen], frames[:, chosen][..., ::-1])


@given(SEEDS, st.integers(-9, 9), st.integers(-9, 9))
def test_a_roll_keeps_every_event_and_rolls_back(seed, dx, dy):
    frames, _ = some_frames(seed, 3)
    batch = frames.shape[1]
    moved = augment.roll(frames, np.full(batch, dx), np.full(batch, dy))
    assert np.array_equal(augment.roll(moved, np.full(batch, -dx), np.full(batch, -dy)), frames)
    height, width = frames.shape[-2:]
    for y in range(height):
        for x in range(width):
            assert np.array_equal(moved[..., (y + dy) % height, (x + dx) % width], frames[..., y, x])


@given(SEEDS)
def test_a_drop_only_takes_events_away(seed):
    frames, rng = some_frames(seed, 3)
    dropped = augment.random_drop(frames, 0.5, rng)
    assert dropped.dtype == frames.dtype
    assert ((dropped == frames) | (dropped == 0)).all()


def test_the_share_that_is_dropped_is_uniform_up_to_the_most():
    frames = np.ones((4, 400, 2, 8, 8), np.uint8)
    left = augment.random_drop(frames, 0.6, np.random.default_rng(0)).mean(axis=(0, 2, 3, 4))
    assert left.mean() == pytest.approx(0.7, abs=0.02)
    assert 0.3 < left.min() < 0.45
    assert left.max() > 0.97


@given(SEEDS, st.integers(1, 4), st.sampled_from([1, 5]))
def test_jitter_moves_events_no_farther_than_its_reach(seed, reach, most):
    frames, rng = some_frames(seed, most)
    moved = augment.random_jitter(frames, reach, rng)
    steps = len(frames)
    assert moved.max(initial=0) <= most
    assert (moved.sum(0) <= frames.sum(0, dtype=int)).all()
    for step in range(steps):
        near = frames[max(0, step - reach) : step + reach + 1]
        assert (moved[step] <= near.max(0)).all()
    assert np.array_equal(moved.any(0), frames.any(0))  # no pixel loses all it had


@given(SEEDS, st.floats(0.1, 5))
def test_a_mix_is_one_rectangle_of_a_partner(seed, concentration):
    frames, rng = some_frames(seed, 200)
    mixed, partners, kept = augment.random_mix(frames, concentration, rng)
    assert sorted(partners) == list(range(frames.shape[1]))
    assert 0 <= kept <= 1
    own, other = mixed == frames, mixed == frames[:, partners]
    assert (own | other).all()
    if frames.shape[1] > 1:
        foreign = (~own).any(axis=(0, 1, 2))
        assert foreign.sum() <= round((1 - kept) * foreign.size)


def test_batches_augment_alike_for_alike_seeds_and_tell_both_labels():
    data = load_frames("digits", timesteps=4)
    plan = TrainingPlan(batch_size=64, flip=True, max_roll=2, max_drop=0.3, max_jitter=1, mix=1.0)
    make = lambda: Batches(data, plan, 0, join(), "cpu").epoch(3)  # noqa: E731
    first, again = next(make()), next(make())
    assert (first.frames == again.frames).all()
    assert first.others is not None
    assert 0 < first.kept < 1
    assert sorted(first.others.tolist()) == sorted(first.labels.tolist())
    assert first.frames.max() == 1
    plain = next(Batches(data, TrainingPlan(batch_size=64), 0, join(), "cpu").epoch(3))
    assert plain.others is None
    assert plain.labels.tolist() == first.labels.tolist()
    assert (plain.frames != first.frames).any()


def test_a_mixed_loss_is_that_of_both_labels():
    network = networks.build("conv", sensor=(2, 8, 8), classes=3, channels=[4], dropout=0.0).eval()
    frames = (torch.rand(3, 4, 2, 8, 8) < 0.3).float()
    labels, others = torch.tensor([0, 1, 2, 0]), torch.tensor([2, 2, 1, 0])
    runner = Runner(network, Samples(frames, labels, "time-first"))
    step = Stepper(runner, TrainingPlan(), join(), None, None, 3)
    alone = [step._forward(Batch(frames, each, 4)).item() for each in (labels, others)]
    mixed = step._forward(Batch(frames, labels, 4, others, 0.7)).item()
    assert mixed == pytest.approx(0.7 * alone[0] + 0.3 * alone[1], rel=1e-5)


def test_frames_that_are_no_images_are_refused():
    data = load_frames("digits", timesteps=2)
    flat = data.__class__(**{**vars(data), "train_frames": data.train_frames.reshape(2, -1, 512)})
    with pytest.raises(ConfigError, match="flip, max_drop for frames of shape"):
        Batches(flat, TrainingPlan(flip=True, max_drop=0.1), 0, join(), "cpu")
