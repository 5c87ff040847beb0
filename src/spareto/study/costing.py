"""A study's accelerator, and what its trials cost on it."""

from __future__ import annotations

from dataclasses import dataclass

from spareto.core.artifacts import fingerprint
from spareto.hardware import Accelerator, cost, load_accelerator
from spareto.records import Cost, Workload
from spareto.records.workload import Statistic
from spareto.study.config import StudyConfig


@dataclass(frozen=True)
class Costing:
    """One accelerator and the formats and statistic every trial of a study is costed with."""

    accelerator: Accelerator
    weight_formats: tuple[str, ...]
    statistic: Statistic

    @classmethod
    def of(cls, config: StudyConfig) -> Costing:
        """The costing a study asks for.

        Raises:
            ConfigError: The accelerator is unknown or breaks a rule.
        """
        return cls(load_accelerator(config.accelerator), config.weight_formats, config.statistic)

    @property
    def hash(self) -> str:
        """Fingerprint of everything but the workload."""
        return fingerprint([self.accelerator.to_dict(), self.weight_formats, self.statistic])

    def __call__(self, workload: Workload) -> tuple[Cost, ...]:
        """One cost a weight format."""
        return tuple(
            cost(workload, self.accelerator, weight_format=name, statistic=self.statistic)
            for name in self.weight_formats
        )
