"""Samplers of Optuna: a study of theirs in memory, told again what was stored; our store is the truth.

Each proposal is drawn by a sampler with a seed of its own, made from the search's seed and the proposal's
number, so a search that is carried on draws as one that was never stopped.
"""

from __future__ import annotations

import hashlib
import warnings
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from spareto.core.errors import ConfigError, Problem
from spareto.study.search.samplers._base import Outcome, Sampler, SearchTask
from spareto.study.search.space import Point, Variable

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

_EXCESSES = "excesses"


def optuna_module() -> Any:
    """Optuna, quiet.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import optuna
    except ImportError:
        cure = "Run pip install 'spareto[search]'."
        raise ConfigError(Problem("study.search", "no Optuna", "the extra 'search'", cure)) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def derived_seed(seed: int, number: int) -> int:
    """A seed for one proposal; neighbours have nothing in common."""
    return int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:4], "big")


class OptunaSampler(Sampler):
    """Proposes with a sampler of Optuna."""

    def __init__(self) -> None:
        self._optuna = optuna_module()

    @abstractmethod
    def sampler(self, seed: int, constraints: Any) -> BaseSampler:
        """Optuna's sampler.

        Args:
            seed: Of one proposal.
            constraints: Optuna's `constraints_func`, or None where there are no constraints.
        """

    @override
    def begin(self, task: SearchTask) -> None:
        self._task = task
        names = {"max": "maximize", "min": "minimize"}
        self._study: Study = self._optuna.create_study(
            directions=[names[sense] for sense in task.senses], sampler=self._seeded(0)
        )
        for point in task.start:
            self._study.enqueue_trial({name: self._place(name, value) for name, value in point.items()})
        self._asked: Trial | None = None
        self.told = False
        self.distributions = {
            each.name: self._distribution(each)
            for each in sorted(task.variables, key=lambda each: each.name)
            if len(each.values) > 1
        }

    @override
    def ask(self, number: int) -> Point | None:
        self._study.sampler = self._seeded(number)
        self._asked = self._study.ask()
        return {variable.name: variable.values[self._suggest(variable)] for variable in self._task.variables}

    @override
    def tell(self, point: Point, outcome: Outcome | None) -> None:
        asked, self._asked = self._asked, None
        assert asked is not None, "ask comes first"
        if outcome is None:
            self._study.tell(asked, state=self._optuna.trial.TrialState.FAIL)
            return
        asked.set_user_attr(_EXCESSES, list(outcome.excesses))
        self._study.tell(asked, list(outcome.values))
        self.told = True

    def _distribution(self, variable: Variable) -> BaseDistribution:
        """What `_suggest` draws a variable from."""
        kinds = self._optuna.distributions
        if variable.ordered:
            return kinds.IntDistribution(0, len(variable.values) - 1)
        return kinds.CategoricalDistribution(range(len(variable.values)))

    def _seeded(self, number: int) -> BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
            warnings.simplefilter("ignore", FutureWarning)  # of constraints_func, which Optuna 4 needs
            return self.sampler(
                derived_seed(self._task.seed, number), _excesses if self._task.constraints else None
            )

    def _suggest(self, variable: Variable) -> Any:
        assert self._asked is not None, "asked before"
        if variable.ordered:
            return self._asked.suggest_int(variable.name, 0, len(variable.values) - 1)
        return self._asked.suggest_categorical(variable.name, list(range(len(variable.values))))

    def _place(self, name: str, value: Any) -> int:
        (variable,) = (each for each in self._task.variables if each.name == name)
        return variable.values.index(value)


def _excesses(trial: FrozenTrial) -> Sequence[float]:
    return trial.user_attrs[_EXCESSES]
