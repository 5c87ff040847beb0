"""Nothing of a study is chosen on the test split: it is opened once, when every trial is in the store."""

import gc
from dataclasses import replace
from types import FunctionType, ModuleType

import numpy as np
import pytest
import torch

import tiny
from spareto.core.errors import DataError, StoreError
from spareto.study import run as running
from spareto.study import testing
from spareto.study.config import StudyConfig
from spareto.study.executors._sharing import Handed
from spareto.study.front import front_rows
from spareto.study.listener import StudyListener
from spareto.study.splits import SealedTest, split_data
from spareto.study.store import STORE_NAME, TrialStore

TRAINING = {"epochs": 1, "batch_size": 8, "learning_rate": 0.01}
STUDY = {
    "name": "sealed",
    "network": {"name": "conv", "options": {"channels": [2], "votes": 2}},
    "training": TRAINING,
    "compression_training": TRAINING,
    "grid": [{"regime": "joint", "bits": [4, 2], "sparsity": [0.5]}],
}


def data(test_seed: int = 1):
    """Train and test of different samples; `test_seed`, 1 or 2, is the label of every test sample, plus 1."""
    some, other = tiny.frame_data(40), tiny.frame_data(24, seed=5)
    labels = np.full(24, test_seed - 1)
    return replace(some, test_frames=other.test_frames, test_labels=labels, hash=f"{test_seed:016x}")


def carried_out(monkeypatch, folder, test_seed=1, listener=None):
    monkeypatch.setattr(running, "load_data", lambda _: data(test_seed))
    return running.run_study(StudyConfig.parse(STUDY, "study"), folder, listener)


def test_other_test_labels_change_the_test_accuracy_and_nothing_else(monkeypatch, tmp_path) -> None:
    runs = [carried_out(monkeypatch, tmp_path / str(seed), seed) for seed in (1, 2)]
    one, two = (front_rows(trials) for trials in runs)
    assert [row["accuracy"] for row in one] != [row["accuracy"] for row in two]
    for ours, theirs in zip(one, two, strict=True):
        assert {**ours, "accuracy": 0} == {**theirs, "accuracy": 0}


class _Order(StudyListener):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def trial_ends(self, trial, *, reused) -> None:
        assert trial.accuracy is None or reused, "measured on the test split before the end"
        self.heard.append("ends")

    def trial_tested(self, trial) -> None:
        self.heard.append("tested")


def test_the_test_split_is_opened_once_after_the_last_trial_is_stored(monkeypatch, tmp_path) -> None:
    opened = []
    original = SealedTest.open

    def spied(sealed):
        with TrialStore(tmp_path / STORE_NAME, read_only=True) as store:
            opened.append([trial.accuracy for trial in store.trials()])
        return original(sealed)

    monkeypatch.setattr(SealedTest, "open", spied)
    order = _Order()
    trials = carried_out(monkeypatch, tmp_path, listener=order)
    assert opened == [[None] * 3]
    assert order.heard == ["ends"] * 3 + ["tested"] * 3
    assert all(trial.accuracy is not None for trial in trials)
    again = carried_out(monkeypatch, tmp_path)
    assert again == trials
    assert len(opened) == 1  # a finished study leaves it sealed


def test_a_study_killed_while_the_test_split_is_open_ends_with_the_same_trials(monkeypatch, tmp_path) -> None:
    whole = carried_out(monkeypatch, tmp_path / "whole")
    measure, calls = testing.evaluate, []

    def killed(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return measure(*arguments, **options)

    monkeypatch.setattr(testing, "evaluate", killed)
    with pytest.raises(KeyboardInterrupt):
        carried_out(monkeypatch, tmp_path / "killed")
    resumed = carried_out(monkeypatch, tmp_path / "killed")
    assert [trial.replace(seconds=0) for trial in resumed] == [trial.replace(seconds=0) for trial in whole]


def test_what_trials_see_holds_no_sample_of_the_test_split() -> None:
    """By construction: no array that the study hands on shares memory with the test split."""
    whole = data()
    study, sealed = split_data(whole, 0.25)
    seen = [study.train.train_frames, study.train.train_labels, study.validation.frames]
    seen += [study.validation.labels, study.train.test_frames, study.train.test_labels]
    for array in seen:
        assert not np.shares_memory(array, whole.test_frames)
        assert not np.shares_memory(array, whole.test_labels)
    assert len(study.train.test_labels) == 0
    assert not [value for value in vars(study).values() if isinstance(value, SealedTest)]
    sealed.open()
    with pytest.raises(StoreError, match="a second opening"):
        sealed.open()


def led_to(start, wanted: np.ndarray) -> bool:
    """Whether something that can be reached from an object shares memory with an array."""
    first, last = np.lib.array_utils.byte_bounds(wanted)
    seen, left = set(), [start]
    while left:
        thing = left.pop()
        if id(thing) in seen or isinstance(thing, ModuleType | type):
            continue
        seen.add(id(thing))
        if isinstance(thing, np.ndarray) and np.may_share_memory(thing, wanted):
            return True
        if isinstance(thing, torch.Tensor) and first <= thing.data_ptr() < last:
            return True
        if isinstance(thing, FunctionType):  # not what its module holds
            left += [thing.__closure__, thing.__defaults__, thing.__kwdefaults__]
        else:
            left += gc.get_referents(thing)
    return False


def test_nothing_that_trains_searches_or_chooses_leads_to_the_test_split(monkeypatch, tmp_path) -> None:
    """What a search, its samplers, halvings and workers are handed; the sealed split beside it does."""
    whole = data()
    monkeypatch.setattr(running, "load_data", lambda _: whole)
    with running.open_study(StudyConfig.parse(STUDY, "study"), tmp_path) as study:
        handed = Handed.by(study.known, "worker")
        for test in (whole.test_frames, whole.test_labels):
            for given in (study.known, study.untrained, study.listener, handed, study.known.runner.data):
                assert not led_to(given, test)
            assert led_to(study.sealed, test)
        assert led_to(study.known, study.known.runner.data.validation.labels)
        hidden = lambda found=study.sealed: found  # noqa: E731
        assert led_to([{"deep": hidden}], whole.test_labels)


def test_the_splits_are_apart_whole_and_each_class_in_proportion() -> None:
    whole = data()
    study, _ = split_data(whole, 0.25)
    frames = np.concatenate([study.train.train_frames, study.validation.frames], axis=1)
    assert len(study.validation) == 10
    assert sorted(map(bytes, np.moveaxis(frames, 1, 0))) == sorted(
        map(bytes, np.moveaxis(whole.train_frames, 1, 0))
    )
    assert np.bincount(study.validation.labels).tolist() == [5, 5]


def test_a_frame_that_holds_at_every_timestep_stays_in_memory_once() -> None:
    whole = data()
    still = np.lib.stride_tricks.as_strided(
        whole.train_frames[0], whole.train_frames.shape, (0, *whole.train_frames.strides[1:])
    )
    study, _ = split_data(replace(whole, train_frames=still), 0.25)
    assert study.train.train_frames.strides[0] == 0
    assert study.validation.frames.strides[0] == 0


def test_a_class_too_small_to_divide_is_refused() -> None:
    few = replace(data(), train_labels=np.array([0] * 39 + [1]))
    with pytest.raises(DataError, match=r"study\.validation_share: got 1 of class 1"):
        split_data(few, 0.25)
