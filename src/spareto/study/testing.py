"""The test at the end: the one place that opens the test split of a study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from torch import nn

from spareto.records import Trial
from spareto.study.networks import load_network
from spareto.study.splits import SealedTest
from spareto.study.store import TrialStore
from spareto.study.trials import TrialRunner
from spareto.training import evaluate

OPENED_FOR: Final = "test_opened_for"
"""Fact of a study: for how many trials its test split was opened last."""


def measure_test(
    runner: TrialRunner, store: TrialStore, trials: Sequence[Trial], sealed: SealedTest
) -> tuple[Trial, ...]:
    """Measure the accuracy of finished trials on the test split, each once, and keep it.

    Who adds trials after the split was opened may have been led by it, so that is said.

    Args:
        runner: Knows where the trials' networks lie.
        store: Where the trials are.
        trials: What was chosen before the split is opened; nothing is chosen afterwards.
        sealed: The test split; left sealed if every trial was measured before.

    Returns:
        The trials in the same order, each with its accuracy.

    Raises:
        StoreError: A trial's network is not where the study left it.
    """
    if all(trial.accuracy is not None for trial in trials):
        return tuple(trials)
    opened_for = int(store.meta.get(OPENED_FOR, "0"))
    if 0 < opened_for != len(trials):
        note = f"The test split was opened before, for {opened_for} trials; now there are {len(trials)}."
        runner.listener.noted((note,))
    store.set_meta(**{OPENED_FOR: str(len(trials))})
    samples, way = sealed.open(), runner.way()
    measured: list[Trial] = []
    for trial in trials:
        if trial.accuracy is None:
            network = _network(runner, trial)
            accuracy = evaluate(network, samples.frames, samples.labels, **way)
            trial = trial.replace(accuracy=accuracy)
            store.put(runner.key(trial.recipe, trial.manifest.seed), trial)
            runner.listener.trial_tested(trial)
        measured.append(trial)
    return tuple(measured)


def _network(runner: TrialRunner, trial: Trial) -> nn.Module:
    path = runner.folder.file("network", trial)
    built: Any = runner.builder.build(runner.data.train.info)[0]
    return load_network(path, built)
