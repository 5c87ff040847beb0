"""A study's accelerator, and what its trials cost on it."""

from __future__ import annotations

from dataclasses import dataclass

from spareto.core.artifacts import fingerprint
from spareto.core.errors import Problem, UnknownName, did_you_mean, one_of
from spareto.hardware import Accelerator, cost_all_formats, formats, load_accelerator
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
            UnknownName: No such accelerator, or no such weight format; every one is named.
            ConfigError: The accelerator breaks a rule.
        """
        known = formats.registry.names()
        unknown = [
            Problem(f"study.weight_formats[{index}]", repr(name), one_of(known), did_you_mean(name, known))
            for index, name in enumerate(config.weight_formats)
            if name not in known
        ]
        if unknown:
            raise UnknownName(unknown)
        return cls(load_accelerator(config.accelerator), config.weight_formats, config.statistic)

    @property
    def hash(self) -> str:
        """Fingerprint of everything but the workload."""
        return fingerprint([self.accelerator.to_dict(), self.weight_formats, self.statistic])

    def __call__(self, workload: Workload) -> tuple[Cost, ...]:
        """One cost a weight format; mapping and access counts are made once for all of them."""
        costs = cost_all_formats(workload, self.accelerator, statistic=self.statistic)
        by_format = {cost.weight_format: cost for cost in costs}
        return tuple(by_format[name] for name in self.weight_formats)
