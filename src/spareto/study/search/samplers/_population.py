"""Samplers of Optuna that keep a population."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field
from typing_extensions import override

from spareto.core.config import Rule
from spareto.core.options import Portion
from spareto.study.search.samplers._optuna import OptunaSampler

Population = Annotated[int, Field(ge=2), Rule("an integer of at least 2")]


class PopulationSampler(OptunaSampler):
    """A population, crossed and mutated.

    Args:
        population: Recipes of a generation.
        mutation: Probability that a variable is drawn anew; left out, one over their number.

    Raises:
        ConfigError: An option has a wrong value, or Optuna is not installed.

    Attributes:
        name: Optuna's name of the sampler.
    """

    name: ClassVar[str]

    def __init__(self, population: Population = 20, mutation: Portion | None = None) -> None:
        super().__init__()
        self._population, self._mutation = population, mutation

    @override
    def sampler(self, seed: int, constraints: Any) -> Any:
        return getattr(self._optuna.samplers, self.name)(
            population_size=self._population,
            mutation_prob=self._mutation,
            constraints_func=constraints,
            seed=seed,
        )
