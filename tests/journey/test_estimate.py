"""The time and room said before a study, against what it takes by a clock that only work moves on."""

from types import SimpleNamespace

import pytest

from spareto.quantizers import Quantizer
from spareto.study import estimate as estimating
from spareto.study import run as running
from spareto.study.config import StudyConfig
from spareto.study.estimate import estimate
from spareto.study.folder import RunFolder
from spareto.study.trials import TrialRunner
from spareto.training import run as training_run
from spareto.training.step import Stepper

TRAINED = {"epochs": 3, "batch_size": 128, "learning_rate": 0.01, "warmup_epochs": 1}
STUDY = {
    "name": "told",
    "data": {"name": "digits", "timesteps": 2, "options": {"sensor": 8}},
    "network": {"name": "dense", "options": {"hidden": [64]}},
    "training": TRAINED,
    "compression_training": {**TRAINED, "epochs": 2},
    "seeds": [0, 1],
}
GRIDS = {
    "every regime": [
        {"regime": "quantize", "bits": [8, 4]},
        {"regime": "prune", "sparsity": [0.5, 0.9]},
        {"regime": "cumulative", "bits": [4, 2], "sparsity": [0.5]},
        {"regime": "joint", "bits": [4], "sparsity": [0.8]},
    ],
    "one prefix for many": [{"regime": "cumulative", "bits": [8, 4, 3, 2], "sparsity": [0.8]}],
    "nothing trained": [{"regime": "joint", "bits": [4, 2], "sparsity": [0.5], "training": {"epochs": 0}}],
}


class Clock:
    """Seconds of work: a sample that is trained on or measured, and what each trial takes once."""

    def __init__(self, patch, training=1e-3, quantized=4e-4, measured=5e-4, once=0.05) -> None:
        self.now, self.trained = 0.0, 0
        step, measure, keep = Stepper.__call__, TrialRunner.measured, TrialRunner._keep

        def stepped(stepper, batch, *rest):
            quantizers = any(isinstance(part, Quantizer) for part in stepper.network.modules())
            self.now += batch.samples * (training + quantized * quantizers)
            self.trained += batch.samples
            return step(stepper, batch, *rest)

        def seen(runner, network, samples=None, witness=None):
            self.now += measured * (len(runner.data.validation) if samples is None else samples)
            return measure(runner, network, samples, witness)

        def kept(runner, *what):
            self.now += once
            return keep(runner, *what)

        patch.setattr(Stepper, "__call__", stepped)
        patch.setattr(TrialRunner, "measured", seen)
        patch.setattr(TrialRunner, "_keep", kept)
        for module in (estimating, training_run):
            patch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: self.now))


def room(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("grid", GRIDS)
def test_time_and_room_are_within_30_percent_of_what_the_study_takes(grid, tmp_path, monkeypatch) -> None:
    clock = Clock(monkeypatch)
    config = StudyConfig.parse({**STUDY, "grid": GRIDS[grid]}, "study")
    with running.open_study(config, tmp_path) as study:
        wanted = [(recipe, seed) for seed in config.seeds for recipe in config.all_recipes()]
        found = estimate(study.known.runner, wanted)
        before = clock.now
        study.known.trials(wanted)
        took = clock.now - before
    print(f"{found.seconds:.1f} of {took:.1f} s, {found.bytes / 1e3:.0f} of {room(tmp_path) / 1e3:.0f} kB")
    assert 0.7 < found.seconds / took < 1.3
    assert 0.7 < found.bytes / room(tmp_path) < 1.3


def test_what_is_there_already_counts_for_nothing(tmp_path, monkeypatch) -> None:
    """Half of a study is done: the estimate is of the rest, which goes on from the prefix that is kept."""
    clock = Clock(monkeypatch)
    grid = GRIDS["one prefix for many"]
    config = StudyConfig.parse({**STUDY, "seeds": [0], "grid": grid}, "study")
    with running.open_study(config, tmp_path) as study:
        recipes = config.all_recipes()
        study.known.trials([(recipe, 0) for recipe in recipes[:3]])
        rest = [(recipe, 0) for recipe in recipes[3:]]
        found = estimate(study.known.runner, rest)
        before, trained = clock.now, clock.trained
        study.known.trials(rest)
    samples = len(study.known.runner.data.train.train_labels)
    assert clock.trained - trained == len(rest) * samples  # one of two epochs each
    assert 0.7 < found.seconds / (clock.now - before) < 1.3


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_share_the_time_and_add_to_no_room(workers, tmp_path, monkeypatch) -> None:
    Clock(monkeypatch)
    config = StudyConfig.parse({**STUDY, "seeds": [0], "grid": GRIDS["nothing trained"]}, "study")
    with running.open_study(config, tmp_path) as study:
        wanted = [(recipe, 0) for recipe in config.all_recipes()]
        alone, shared = (estimate(study.known.runner, wanted, n) for n in (1, workers))
    assert shared.seconds == pytest.approx(alone.seconds / min(workers, len(wanted)))
    assert shared.bytes == pytest.approx(alone.bytes, rel=0.01)
    assert RunFolder(tmp_path).store.exists()
