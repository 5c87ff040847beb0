"""Random search: what every other sampler has to beat."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from spareto.study.search.samplers._optuna import OptunaSampler


class RandomSampler(OptunaSampler):
    """Optuna's `RandomSampler`: every value of every variable is as likely as any other.

    Reference:
        bergstra2012.
    """

    @override
    def sampler(self, seed: int, constraints: Any) -> Any:
        return self._optuna.samplers.RandomSampler(seed=seed)
