"""Trainings that begin alike share their first epochs, and end as if each had trained them itself."""

import sys
from contextlib import closing

import pytest

import tiny
from spareto import recipes
from spareto.compression.prefix import prefix_of
from spareto.core.errors import StoreError
from spareto.records import LayerFilter, PruneStep, QuantizeStep, Recipe, TrainingPlan
from spareto.study import run as running
from spareto.study.config import StudyConfig
from spareto.study.executors import chosen
from spareto.study.listener import StudyListener
from spareto.study.merging import garbage
from spareto.study.store import TrialStore

EPOCHS = 5
TRAINING = {"epochs": EPOCHS, "batch_size": 8, "learning_rate": 0.01, "warmup_epochs": 1}
NETWORK = {"name": "conv", "options": {"channels": [3], "votes": 2, "dropout": 0.3}}
SHARED = 2  # epochs before the middle of five


def recipe(sparsity=0.5, bits=4, start=0.5, **changes):
    """Prune, then quantize; changes of the steps by their field, of the recipe by its name."""
    prune = {key: changes.pop(key) for key in ("pruner", "schedule", "scope") if key in changes}
    steps = (PruneStep(sparsity=sparsity, **prune), QuantizeStep(bits=bits, start=start))
    plan = TrainingPlan(**{**TRAINING, **changes.pop("training", {})})
    return Recipe(**{"steps": steps, "training": plan, **changes})


def study(*wanted, **changes):
    keys = {"name": "alike", "network": NETWORK, "training": TRAINING, "compression_training": TRAINING}
    return StudyConfig.parse({**keys, "recipes": [each.to_dict() for each in wanted], **changes}, "study")


@pytest.fixture(autouse=True)
def tiny_data(monkeypatch):
    monkeypatch.setattr(running, "load_data", lambda _: tiny.frame_data(40))


class Counting(StudyListener):
    """Epochs by the recipe that trained them; optionally stops everything after so many."""

    def __init__(self, after: int | None = None) -> None:
        self.epochs: dict[str, list[int]] = {}
        self.left, self._label = after, ""

    def training_begins(self, label, seed) -> None:
        self._label = f"{label}, {seed}"

    def epoch_ends(self, report) -> None:
        self.epochs.setdefault(self._label, []).append(report.epoch)
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt

    def of_worker(self, worker):
        found = Counting()
        found.epochs = self.epochs
        return self.__dict__.setdefault("workers", {}).setdefault(worker, found)


def shown(trials):
    """Trials with the SHA-256 of their files; seconds are another run's."""
    return {(trial.recipe.hash, trial.manifest.seed): trial.replace(seconds=0) for trial in trials}


GRID = [recipe(sparsity, bits) for bits in (4, 2) for sparsity in (0.5, 0.8)]


def alone(config, folder):
    """Every recipe of a study in a study of its own, where there is nothing to share."""
    found = {}
    for number, each in enumerate(config.recipes):
        found |= shown(running.run_study(config.replace(recipes=(each,)), folder / str(number)))
    return found


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "load_data", lambda _: tiny.frame_data(40))
        return alone(study(*GRID), tmp_path_factory.mktemp("apart"))


def test_one_pruned_network_serves_every_width_and_changes_no_bit(tmp_path, apart) -> None:
    heard = Counting()
    together = running.run_study(study(*GRID), tmp_path, heard)
    assert shown(together) == apart
    lengths = [heard.epochs[f"{each.label}, 0"] for each in GRID]
    every, rest = list(range(1, EPOCHS + 1)), list(range(SHARED + 1, EPOCHS + 1))
    assert lengths == [every, every, rest, rest]
    assert len(list((tmp_path / "checkpoints").glob("prefix-*"))) == 2


def test_a_study_that_grows_goes_on_from_what_it_kept(tmp_path, apart) -> None:
    running.run_study(study(*GRID[:2]), tmp_path)
    heard = Counting()
    assert shown(running.run_study(study(*GRID), tmp_path, heard)) == apart
    assert {len(epochs) for epochs in heard.epochs.values()} == {EPOCHS - SHARED}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no pool here")
def test_a_pool_of_two_trains_nothing_twice(tmp_path) -> None:
    heard = Counting()
    with closing(chosen("local", 2, 1)) as executor:
        pooled = running.run_study(study(*GRID), tmp_path / "two", heard, executor=executor)
    trained = sorted(len(heard.epochs[f"{each.label}, 0"]) for each in GRID)
    assert trained == sorted([EPOCHS] * 2 + [EPOCHS - SHARED] * 2)
    assert shown(pooled) == shown(running.run_study(study(*GRID), tmp_path / "one"))


def killed_over_and_over(config, folder, after):
    """Ends the study however often it is stopped; each time some of it is done."""
    for _ in range(60):
        try:
            return running.run_study(config, folder, Counting(after))
        except KeyboardInterrupt:
            continue
    raise AssertionError("no run came to its end")


@pytest.mark.parametrize("after", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 4))])
def test_a_study_killed_after_any_epoch_ends_with_the_same_files(after, tmp_path, apart) -> None:
    """With 0 every run ends with its first epoch, so each is once the last one that is shared."""
    config = study(*GRID)
    again = killed_over_and_over(config, tmp_path / "killed", after)
    assert shown(again) == apart
    running.run_study(config, tmp_path / "whole")
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in (".json", ".safetensors")
    }


CHANGED = {
    "plain training first": [Recipe(steps=(QuantizeStep(bits=bits, start=0.5),)) for bits in (4, 2)],
    "quantized first": [
        Recipe(steps=(QuantizeStep(bits=4), PruneStep(sparsity=share, start=0.5))) for share in (0.5, 0.8)
    ],
    "a gradual schedule": [recipe(0.5, bits, schedule={"name": "gradual"}) for bits in (4, 2)],
    "a schedule that restarts": [
        recipe(0.5, bits, schedule={"name": "lottery_ticket", "options": {"rounds": 2}}) for bits in (4, 2)
    ],
    "evidence of data": [recipe(0.5, bits, pruner="snip") for bits in (4, 2)],
    "channels": [recipe(0.4, bits, pruner="channels") for bits in (4, 2)],
    "other neurons": [recipe(neurons={"v_threshold": 0.8}), recipe(bits=2, neurons={"v_threshold": 0.8})],
    "the best epoch": [
        recipe(bits=bits, training={"keep": "best", "validation_share": 0.2}) for bits in (4, 2)
    ],
    "a mean of epochs": [recipe(bits=bits, training={"average_epochs": 4}) for bits in (4, 2)],
    "starts that fall on one epoch": [recipe(start=0.4, name="one"), recipe(start=0.5, name="other")],
    "names": [recipe(name="one"), recipe(name="two", bits=2)],
}


QUICK = ("plain training first", "quantized first", "a schedule that restarts", "a mean of epochs", "names")


@pytest.mark.parametrize(
    "what", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CHANGED]
)
def test_whatever_stands_before_the_last_step_is_shared(what, tmp_path) -> None:
    one, other = (
        each if each.training != TrainingPlan() else each.replace(training=TrainingPlan(**TRAINING))
        for each in CHANGED[what]
    )
    heard = Counting()
    together = running.run_study(study(one, other), tmp_path / "both", heard)
    assert [len(heard.epochs[f"{each.label}, 0"]) for each in (one, other)] == [EPOCHS, EPOCHS - SHARED]
    assert shown(together) == alone(study(one, other), tmp_path / "apart")


APART = {
    "sparsity": recipe(0.8),
    "pruner": recipe(pruner="random"),
    "scope": recipe(scope="per_layer"),
    "schedule": recipe(schedule={"name": "gradual"}),
    "start": recipe(start=0.7),
    "learning rate": recipe(training={"learning_rate": 0.02}),
    "epochs": recipe(training={"epochs": 6}),
    "layers": recipe(layers=LayerFilter(last=False)),
    "neurons": recipe(neurons={"v_threshold": 0.8}),
}


@pytest.mark.parametrize("what", APART)
def test_what_would_train_otherwise_is_kept_apart(what) -> None:
    ours, theirs = prefix_of(recipe()), prefix_of(APART[what])
    assert ours is not None
    assert theirs is not None
    assert ours.hash != theirs.hash


@pytest.mark.parametrize(
    "isolated",
    [recipes.dense(), recipes.prune(0.5), recipes.quantize(4), recipes.joint(4, 0.5), recipe(start=0.1)],
)
def test_one_curve_over_all_epochs_has_no_part_that_others_have(isolated) -> None:
    assert prefix_of(isolated.replace(training=TrainingPlan(**TRAINING))) is None


def test_seeds_and_base_networks_are_kept_apart(tmp_path) -> None:
    heard = Counting()
    running.run_study(study(*GRID[::2], seeds=[0, 1]), tmp_path, heard)
    lengths = {seed: [len(heard.epochs[f"{each.label}, {seed}"]) for each in GRID[::2]] for seed in (0, 1)}
    assert lengths[0] == lengths[1] == [EPOCHS, EPOCHS - SHARED]
    assert len(list((tmp_path / "checkpoints").glob("prefix-*"))) == 2


def test_a_prefix_that_is_another_than_its_name_says_is_refused(tmp_path) -> None:
    running.run_study(study(*GRID[:2]), tmp_path)
    kept = list((tmp_path / "checkpoints").glob("prefix-*"))
    first, second = (path.read_bytes() for path in kept)
    for path, content in zip(kept, (second, first), strict=True):
        path.write_bytes(content)
    with pytest.raises(StoreError, match="a checkpoint of another training"):
        running.run_study(study(*GRID), tmp_path)
    for path, content in zip(kept, (first, second), strict=True):
        path.write_bytes(content[:-1] + b"!")
    with pytest.raises(StoreError, match="checksum differs"):
        running.run_study(study(*GRID), tmp_path)


def test_gc_takes_shared_prefixes_and_the_study_trains_them_again(tmp_path, apart) -> None:
    running.run_study(study(*GRID[:2]), tmp_path)
    with TrialStore.of(tmp_path) as store:
        found = [tmp_path.joinpath(name) for name in garbage(store)]
    assert sorted(found) == sorted((tmp_path / "checkpoints").glob("prefix-*"))
    for path in found:
        path.unlink()
    assert shown(running.run_study(study(*GRID), tmp_path)) == apart
