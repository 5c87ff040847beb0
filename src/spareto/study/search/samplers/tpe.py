"""Tree-structured Parzen estimator, for several objectives at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from spareto.core.options import Count
from spareto.study.search.samplers._optuna import OptunaSampler

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


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

    def __init__(self, startup: Count = 10, candidates: Count = 24) -> None:
        super().__init__()
        self._startup, self._candidates = startup, candidates

    @override
    def sampler(self, seed: int, constraints: Any) -> Any:
        made = self._optuna.samplers.TPESampler(
            n_startup_trials=self._startup,
            n_ei_candidates=self._candidates,
            multivariate=True,
            constraints_func=constraints,
            seed=seed,
        )
        made.infer_relative_search_space = self._drawn_together
        return made

    def _drawn_together(self, study: Any, trial: Any) -> dict[str, BaseDistribution]:
        """Every variable with a choice, once a trial has ended; Optuna would look at all trials to know."""
        return self.distributions if self.told else {}
