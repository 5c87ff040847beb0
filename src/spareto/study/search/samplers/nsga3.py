"""NSGA-III: NSGA-II with reference directions, for three objectives and more."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from spareto.core.errors import ConfigError, Problem
from spareto.study.search.samplers._optuna import OptunaSampler


class NSGA3Sampler(OptunaSampler):
    """Optuna's `NSGAIIISampler`.

    Args:
        population: Recipes of a generation.
        mutation: Probability that a variable is drawn anew; left out, one over their number.

    Raises:
        ConfigError: A population of fewer than 2, or Optuna is not installed.

    Reference:
        deb2014.
    """

    def __init__(self, population: int = 20, mutation: float | None = None) -> None:
        super().__init__()
        if isinstance(population, bool) or not isinstance(population, int) or population < 2:
            rule = "an integer of at least 2"
            raise ConfigError(Problem("study.search.sampler.options.population", repr(population), rule))
        self._population, self._mutation = population, mutation

    @override
    def sampler(self, seed: int, constraints: Any) -> Any:
        return self._optuna.samplers.NSGAIIISampler(
            population_size=self._population,
            mutation_prob=self._mutation,
            constraints_func=constraints,
            seed=seed,
        )
