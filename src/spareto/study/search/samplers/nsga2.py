"""NSGA-II: a population, crossed and mutated, ranked by fronts and crowding."""

from __future__ import annotations

from typing import ClassVar

from spareto.study.search.samplers._population import PopulationSampler


class NSGA2Sampler(PopulationSampler):
    """Optuna's `NSGAIISampler`; its options are those of `PopulationSampler`.

    Reference:
        deb2002.
    """

    name: ClassVar[str] = "NSGAIISampler"
