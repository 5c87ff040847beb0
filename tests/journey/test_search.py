"""A study that searches: the same when it is killed, the same twice, and blind to the test split."""

import hashlib
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

import tiny
from spareto import recipes
from spareto.compression import rehearse
from spareto.core.errors import ConfigError, StoreError
from spareto.study import known as known_trials
from spareto.study import run as running
from spareto.study.config import StudyConfig
from spareto.study.front import front_rows
from spareto.study.listener import StudyListener
from spareto.study.search import halving
from spareto.study.search import run as searching
from spareto.study.search.samplers import registry
from spareto.study.splits import SealedTest
from spareto.study.store import TrialStore

TRAINING = {"epochs": 3, "batch_size": 8, "learning_rate": 0.01}
SPACE = {"each_layer": {"bits": [2, 4, 8], "sparsity": [0.0, 0.25, 0.5]}}
SAMPLERS = {
    "nsga2": {"name": "nsga2", "options": {"population": 3}},
    "nsga3": {"name": "nsga3", "options": {"population": 3}},
    "tpe": {"name": "tpe", "options": {"startup": 3}},
    "random": "random",
    "grid": "grid",
    "learned": {"name": "learned", "options": {"warm_up": 2, "updates": 2}},
}


def study(sampler="nsga2", **search) -> StudyConfig:
    keys = {"sampler": SAMPLERS[sampler], "trials": 7, "space": SPACE, "finalists": 2, **search}
    return StudyConfig.parse(
        {
            "name": "found",
            "network": {"name": "conv", "options": {"channels": [2], "votes": 2}},
            "training": TRAINING,
            "compression_training": TRAINING,
            "search": keys,
        },
        "study",
    )


@pytest.fixture(autouse=True)
def tiny_data(monkeypatch):
    def use(label: int = 0):
        other = tiny.frame_data(12, seed=5)
        labels = np.full(12, label)
        data = replace(tiny.frame_data(40), test_frames=other.test_frames, test_labels=labels)
        monkeypatch.setattr(running, "load_data", lambda _: replace(data, hash=f"{label:016x}"))

    use()
    return use


def shown(trials):
    return [trial.replace(seconds=0) for trial in trials]


def proposals(folder):
    with TrialStore.of(folder) as store:
        return store.proposals()


class _Killer(StudyListener):
    """Stops everything after so many new trials and epochs."""

    def __init__(self, after: int) -> None:
        self.left = after

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt

    def trial_ends(self, trial, *, reused) -> None:
        if not reused:
            self._count()

    def epoch_ends(self, report) -> None:
        self._count()


def killed_over_and_over(config, folder, after):
    """Ends the study however often it is killed; each time some of it is done."""
    for _ in range(40):
        try:
            return running.run_study(config, folder, _Killer(after))
        except KeyboardInterrupt:
            continue
    raise AssertionError("no run came to its end")


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("nsga3", "random", "grid")]


@pytest.mark.parametrize("sampler", ["nsga2", "tpe", "learned", *SLOW])
def test_two_runs_of_one_seed_are_identical_and_a_killed_one_too(sampler, tmp_path) -> None:
    config = study(sampler)
    whole = running.run_study(config, tmp_path / "one")
    again = killed_over_and_over(config, tmp_path / "killed", 8)
    assert shown(again) == shown(whole)
    assert list(proposals(tmp_path / "killed").items()) == list(proposals(tmp_path / "one").items())


def test_another_seed_searches_otherwise(tmp_path) -> None:
    for seed in (0, 1):
        running.run_study(study(seed=seed), tmp_path / str(seed))
    points = [[each["point"] for each in proposals(tmp_path / str(seed)).values()] for seed in (0, 1)]
    assert points[0] != points[1]


COARSE = {"coarse": {"sampler": "random", "trials": 4, "space": {"bits": [2, 4, 8], "sparsity": [0.0, 0.5]}}}


def test_a_fine_search_starts_at_the_front_of_a_coarse_one(tmp_path) -> None:
    config = study(**COARSE)
    whole = running.run_study(config, tmp_path / "one")
    found = [each for each in proposals(tmp_path / "one").values() if each["recipe_hash"] is not None]
    assert len(found) == 4 + 7
    coarse = [each["point"] for each in found if "bits" in each["point"]]
    fine = [each["point"] for each in found if "bits" not in each["point"]]
    first = {value for name, value in fine[0].items() if name.endswith(":bits")}
    assert len(coarse) == 4
    assert first in [{point["bits"]} for point in coarse], "all layers have one width of the coarse search"
    again = killed_over_and_over(config, tmp_path / "killed", 8)
    assert shown(again) == shown(whole)


def test_searches_that_are_measured_otherwise_are_not_joined() -> None:
    with pytest.raises(ConfigError, match=r"study\.search.*coarse\.evaluation: trained, as in the search"):
        study(evaluation="trained", **COARSE)


RACE = {"halving": {"candidates": 5, "groups": 1}}


@pytest.fixture
def unequal(monkeypatch):
    """Validation accuracies after an epoch that differ: so few samples would all be right."""

    def of_the_weights(network, samples, interface, batch_size=64):
        bits = b"".join(value.numpy().tobytes() for value in network.state_dict().values())
        return int.from_bytes(hashlib.sha256(bits).digest()[:2], "big") / 65536

    monkeypatch.setattr("spareto.training.run.accuracy_of", of_the_weights)


def test_a_halving_killed_after_any_epoch_stops_the_same_trainings(unequal, tmp_path) -> None:
    config = study("random", **RACE)
    whole = running.run_study(config, tmp_path / "one")
    raced = [each for each in proposals(tmp_path / "one").values() if "accuracies" in each]
    assert 0 < sum(bool(each.get("stopped")) for each in raced) < len(raced)
    again = killed_over_and_over(config, tmp_path / "killed", 5)
    assert shown(again) == shown(whole)
    assert dict(proposals(tmp_path / "killed")) == dict(proposals(tmp_path / "one"))


NARROWED = {"sensitivity": True, "narrow": 0.6}
TRAINED = {"evaluation": "trained", "halving": None, "trials": 4}
SEARCHES = {
    "nsga2": study(**RACE),
    "nsga3": study("nsga3", **RACE),
    "tpe": study("tpe", **RACE),
    "random": study("random", **RACE),
    "grid": study("grid", **RACE),
    "learned": study("learned", **RACE),
    "from coarse to fine": study("tpe", **RACE, **COARSE),
    "from the sensitivity of layers": study("nsga2", **RACE, **NARROWED),
    "with constraints": study("random", **RACE).replace(constraints=["accuracy >= dense - 0.2"]),
    "median": study("random", halving={"candidates": 5, "groups": 2, "pruner": "median"}),
    "hyperband": study("random", halving={"candidates": 5, "groups": 1, "pruner": "hyperband"}),
    "trained trials, the front without a race": study("nsga2", **TRAINED),
}
ONCE = ("nsga2", "learned", "from coarse to fine", "trained trials, the front without a race")


def test_every_sampler_and_every_way_to_stop_trainings_is_held_to_be_blind() -> None:
    assert set(registry.names()) <= {config.search.sampler.name for config in SEARCHES.values()}
    raced = {config.search.halving.pruner for config in SEARCHES.values() if config.search.halving}
    assert raced == set(halving.PRUNERS)


@pytest.mark.parametrize(
    "which", [name if name in ONCE else pytest.param(name, marks=pytest.mark.slow) for name in SEARCHES]
)
def test_no_sampler_halving_or_selection_sees_test_labels(which, tiny_data, tmp_path, monkeypatch) -> None:
    """With other test labels the search proposes, stops and chooses the same, and only `accuracy` differs."""
    opened, config = [], SEARCHES[which]
    original = SealedTest.open
    monkeypatch.setattr(SealedTest, "open", lambda sealed: opened.append(1) or original(sealed))
    rows, asked = [], []
    for label in (0, 1):
        tiny_data(label)
        rows.append(front_rows(running.run_study(config, tmp_path / str(label))))
        asked.append(list(proposals(tmp_path / str(label)).values()))
        with TrialStore.of(tmp_path / str(label)) as store:
            tested = {trial.stage for trial in store.trials() if trial.accuracy is not None}
        assert tested == {"result"}  # trials of the search are never measured on it
    assert opened == [1, 1]
    assert asked[0] == asked[1]
    assert [{**row, "accuracy": 0} for row in rows[0]] == [{**row, "accuracy": 0} for row in rows[1]]
    assert [row["accuracy"] for row in rows[0]] != [row["accuracy"] for row in rows[1]]


def test_nothing_is_trained_twice(tmp_path, monkeypatch) -> None:
    trained, original = [], known_trials.TrialRunner.run

    def spied(runner, dense, recipe, seed, *listeners):
        trained.append((recipe.hash, seed))
        return original(runner, dense, recipe, seed, *listeners)

    monkeypatch.setattr(known_trials.TrialRunner, "run", spied)
    running.run_study(study(), tmp_path)
    assert len(trained) == len(set(trained))
    before = len(trained)
    running.run_study(study(trials=9), tmp_path)  # two more proposals, the first seven as they were
    assert len(trained) - before <= 4


def test_a_training_is_the_same_whether_it_is_watched_or_not(tmp_path) -> None:
    """Measuring the validation split after every epoch changes no bit of a training."""
    alone = running.run_study(study("grid", trials=3, evaluation="trained"), tmp_path / "alone")
    race = {"candidates": 2, "groups": 2}
    raced = running.run_study(study("grid", trials=3, halving=race), tmp_path / "raced")
    one, other = ({trial.recipe.hash: trial for trial in shown(trials)} for trials in (alone, raced))
    both = [name for name in one if name in other]
    assert len(both) >= 2  # the dense network, and at least one that was trained
    for name in both:  # the curve of a watched training shows more
        first, second = one[name].to_dict(), other[name].to_dict()
        for trial in (first, second):
            trial["manifest"]["artifacts"].pop("details", None)
        assert first == second


def test_what_cannot_be_carried_out_is_excluded_before_it_is_trained(tmp_path) -> None:
    space = {"bits": [4], "quantizer": ["learned_clip", "sign"]}  # sign has one bit
    running.run_study(study("grid", space=space), tmp_path)
    found = list(proposals(tmp_path).values())
    assert [each["recipe_hash"] is None for each in found] == [False, True]
    with pytest.raises(ConfigError, match="1 proposals without one"):
        running.run_study(study("grid", space={"bits": [4], "quantizer": ["sign"]}), tmp_path)


def test_a_search_that_draws_otherwise_than_before_is_refused(tmp_path, monkeypatch) -> None:
    running.run_study(study("random"), tmp_path)
    monkeypatch.setattr(
        "spareto.study.search.samplers._optuna.derived_seed", lambda seed, number: number + 77
    )
    with pytest.raises(StoreError, match="as when the search was begun"):
        running.run_study(study("random"), tmp_path)


def test_constraints_decide_who_may_be_chosen(tmp_path) -> None:
    config = study("grid", trials=9).replace(constraints=["energy <= 0.5 * dense"])
    dense, *found = running.run_study(config, tmp_path)
    assert found
    assert all(trial.energy_pj <= 0.5 * dense.energy_pj for trial in found)


def test_a_search_costs_little_beside_its_evaluations(tmp_path, monkeypatch) -> None:
    """200 trials that train nothing: at most 20 ms of processor time a trial for sampling and storing."""
    rates = {"training.learning_rate": [place / 1e4 for place in range(1, 400)]}
    config = study("nsga2", trials=200, space={"fields": rates, "bits": [2, 4], "sparsity": [0.0, 0.5]})
    inside, done = [], []
    original = known_trials.TrialRunner.run

    def once(runner, dense, recipe, seed, *listeners):
        """Every compressed network costs what the first one did."""
        began = time.process_time()
        if len(done) < 2:
            done.append(original(runner, dense, recipe, seed, *listeners))
        inside.append(time.process_time() - began)
        return done[-1].replace(recipe=recipe)

    monkeypatch.setattr(known_trials.TrialRunner, "run", once)
    with running.open_study(config, tmp_path) as opened:
        searching.propose(config, config.search.replace(trials=2), opened.known, opened.untrained)
        began, before = time.process_time(), sum(inside)
        searching.propose(config, config.search, opened.known, opened.untrained)
        spent = time.process_time() - began - (sum(inside) - before)
    print(f"{1e3 * spent / 200:.1f} ms a trial")
    assert spent / 200 < 0.02


def test_the_pruners_of_trainings_are_optunas(tmp_path) -> None:
    assert set(halving.PRUNERS) == {"successive_halving", "median", "hyperband"}
    for name in halving.PRUNERS:
        running.run_study(study("random", halving={"pruner": name, "candidates": 2}), tmp_path / name)
    with pytest.raises(ConfigError, match=r"study\.search\.halving\.options"):
        running.run_study(study("random", halving={"options": {"no": 1}}), tmp_path / "wrong")


def test_a_grid_that_would_empty_a_layer_of_the_untrained_network_is_carried_out() -> None:
    """Which layer a global ranking empties, the trained weights decide: a rehearsal cannot know."""
    dead = tiny.network()
    with torch.no_grad():
        next(iter(dead.parameters())).mul_(1e-6)
    assert rehearse(dead, recipes.prune(0.9), tiny.frame_data(8)) is not None
