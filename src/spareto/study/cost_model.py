"""A study's accelerator, and what its trials cost on it."""

from __future__ import annotations

from dataclasses import dataclass

from spareto import formats
from spareto.core.artifacts import fingerprint
from spareto.core.errors import Problem, UnknownName, did_you_mean, one_of
from spareto.hardware import Chip, best_by_layer, cost_all_formats, load_accelerator
from spareto.records import Cost, Workload
from spareto.records.workload import Statistic
from spareto.study.code import costing_code
from spareto.study.config import StudyConfig


@dataclass(frozen=True)
class CostModel:
    """One accelerator and the formats and statistic every trial of a study is costed with."""

    accelerator: Chip
    weight_formats: tuple[str, ...]
    spike_format: str
    statistic: Statistic

    @classmethod
    def of(cls, config: StudyConfig) -> CostModel:
        """The costing a study asks for.

        Raises:
            UnknownName: No such accelerator, or no such weight format; every one is named.
            ConfigError: The accelerator breaks a rule.
        """
        known = (*formats.on_chips(), formats.BEST)
        asked = [(f"weight_formats[{i}]", name) for i, name in enumerate(config.weight_formats)]
        asked += [("spike_format", config.spike_format)] if config.spike_format else []
        UnknownName.if_any(
            Problem(f"study.{where}", repr(name), one_of(known), did_you_mean(name, known))
            for where, name in asked
            if name not in known
        )
        chip = load_accelerator(config.accelerator)
        return cls(chip, config.weight_formats, config.spike_format or chip.spike_format, config.statistic)

    @property
    def hash(self) -> str:
        """Fingerprint of everything but the workload, the code of the hardware model included."""
        asked = [self.accelerator.to_dict(), self.weight_formats, self.spike_format, self.statistic]
        return fingerprint([*asked, costing_code()])

    def __call__(self, workload: Workload) -> tuple[Cost, ...]:
        """One cost a weight format; mapping and access counts are made once for all of them."""
        wanted = None if formats.BEST in self.weight_formats else self.weight_formats
        costs = cost_all_formats(
            workload,
            self.accelerator,
            weight_formats=wanted,
            spike_format=self.spike_format,
            statistic=self.statistic,
        )
        by_format = {cost.weight_format: cost for cost in costs} | {formats.BEST: best_by_layer(costs)}
        return tuple(by_format[name] for name in self.weight_formats)
