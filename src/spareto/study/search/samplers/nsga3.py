"""NSGA-III: NSGA-II with reference directions, for three objectives and more."""

from __future__ import annotations

from typing import ClassVar

from spareto.study.search.samplers._population import PopulationSampler


class NSGA3Sampler(PopulationSampler):
    """Optuna's `NSGAIIISampler`; its options are those of `PopulationSampler`.

    Reference:
        deb2014.
    """

    name: ClassVar[str] = "NSGAIIISampler"
