"""Tree-structured Parzen estimator, for several objectives at once."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from spareto.core.errors import ConfigError, Problem
from spareto.study.search.samplers._optuna import OptunaSampler


class TPESampler(OptunaSampler):
    """Optuna's `TPESampler`; all variables are drawn together.

    Args:
        startup: Proposals drawn at random before the estimator starts.
        candidates: Points of which the most promising is proposed.

    Raises:
        ConfigError: Fewer than one of either, or Optuna is not installed.

    Reference:
        ozaki2022, multiobjective TPE.
    """

    def __init__(self, startup: int = 10, candidates: int = 24) -> None:
        super().__init__()
        for name, value in (("startup", startup), ("candidates", candidates)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                where = f"study.search.sampler.options.{name}"
                raise ConfigError(Problem(where, repr(value), "an integer of at least 1"))
        self._startup, self._candidates = startup, candidates

    @override
    def sampler(self, seed: int, constraints: Any) -> Any:
        return self._optuna.samplers.TPESampler(
            n_startup_trials=self._startup,
            n_ei_candidates=self._candidates,
            multivariate=True,
            constraints_func=constraints,
            seed=seed,
        )
