"""Trainings that start together, of which Optuna's pruners stop the worse by their validation accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spareto.core.artifacts import fingerprint
from spareto.core.errors import ConfigError, Problem
from spareto.records import Recipe, Trial
from spareto.study.known import KnownTrials
from spareto.study.search.plan import HalvingPlan
from spareto.study.search.samplers._optuna import optuna_module
from spareto.training import EpochReport, read_manifest

PRUNERS = {
    "successive_halving": ("SuccessiveHalvingPruner", {"min_resource": 1, "reduction_factor": 2}),
    "median": ("MedianPruner", {"n_startup_trials": 2}),
    "hyperband": ("HyperbandPruner", {"min_resource": 1, "reduction_factor": 2}),
}


class _Stopped(Exception):  # noqa: N818 - no error
    """A training was stopped."""


def halve(
    candidates: Sequence[tuple[Recipe, float]], plan: HalvingPlan, known: KnownTrials, seed: int
) -> list[Trial]:
    """Train candidates; returns those that were not stopped.

    What a training was told of after each epoch is in the store, so a halving that was killed stops the same
    trainings as one that was not.

    Args:
        candidates: Recipes, and what each took in the search: those of like energy are compared.
        plan: Who stops trainings.
        known: Trains.
        seed: With which seed.

    Raises:
        ConfigError: Optuna is not installed, or its pruner takes no such option.
    """
    ranked = sorted(range(len(candidates)), key=lambda index: candidates[index][1])
    count = min(plan.groups, len(candidates))
    kept: list[Trial] = []
    for group in range(count):
        members = ranked[group * len(ranked) // count : (group + 1) * len(ranked) // count]
        kept += _halve([candidates[index][0] for index in members], plan, known, seed)
    return kept


def _halve(recipes: Sequence[Recipe], plan: HalvingPlan, known: KnownTrials, seed: int) -> list[Trial]:
    optuna = optuna_module()
    study = optuna.create_study(direction="maximize", pruner=_pruner(optuna, plan))
    key = fingerprint([known.runner.base_hash, plan.to_dict(), [recipe.hash for recipe in recipes], seed])
    kept: list[Trial] = []
    for recipe in recipes:
        race = _Race(study.ask(), known, f"halving {key}/{recipe.hash}")
        try:
            race.replay(recipe, seed)
            trial = known.trial(recipe, seed, "search", watch=race)
        except _Stopped:
            known.runner.discard_checkpoint(recipe, seed)
            study.tell(race.optuna, state=optuna.trial.TrialState.PRUNED)
            known.runner.listener.training_stopped(recipe.label, seed, len(race.accuracies))
            continue
        study.tell(race.optuna, trial.chosen_by)
        kept.append(trial)
    return kept


class _Race:
    """One training of its group; takes in every epoch once, also when a killed run goes on.

    Args:
        optuna: Optuna's trial.
        known: Where the accuracies are stored.
        key: Under which key.
    """

    def __init__(self, optuna: Any, known: KnownTrials, key: str) -> None:
        self.optuna, self._known, self._key = optuna, known, key
        told = known.store.proposals().get(key, {})
        self.accuracies: list[float] = list(told.get("accuracies", ()))
        self._stopped, self._ended = bool(told.get("stopped")), bool(told.get("ended"))

    def replay(self, recipe: Recipe, seed: int) -> None:
        """Tell Optuna again what it was told before a kill.

        Raises:
            _Stopped: The training was stopped then.
        """
        path = self._known.runner.folder.training(self._known.runner.key(recipe, seed))
        finished = self._known.runner.key(recipe, seed) in self._known.store
        if not finished and path.exists() and read_manifest(path).get("epoch") != len(self.accuracies):
            path.unlink()  # killed between the checkpoint and the word of it: the epochs are trained again
        if not finished and not path.exists() and not self._stopped:
            self.accuracies = []
        for epoch, accuracy in enumerate(self.accuracies[: -1 if self._ended else None], 1):
            self._report(epoch, accuracy)

    def __call__(self, report: EpochReport) -> None:
        """Store the accuracy after an epoch, and stop the training if others did better."""
        assert report.accuracy is not None, "trained with a validation split"
        self.accuracies.append(report.accuracy)
        self._known.store.put_proposal(self._key, {"accuracies": self.accuracies, "ended": report.last})
        if not report.last:
            self._report(report.epoch, report.accuracy)

    def _report(self, epoch: int, accuracy: float) -> None:
        self.optuna.report(accuracy, epoch)
        if self.optuna.should_prune():
            self._known.store.put_proposal(self._key, {"accuracies": self.accuracies, "stopped": True})
            raise _Stopped


def _pruner(optuna: Any, plan: HalvingPlan) -> Any:
    name, defaults = PRUNERS[plan.pruner]
    try:
        return getattr(optuna.pruners, name)(**{**defaults, **plan.options})
    except (TypeError, ValueError) as error:
        rule = f"what Optuna's {name} takes"
        raise ConfigError(Problem("study.search.halving.options", str(error), rule)) from None
