"""What a cost engine is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final, Generic, Literal, TypeVar

from spareto import formats
from spareto.core.errors import ConfigError, Problem
from spareto.formats import Format
from spareto.hardware.charging.area import area_um2
from spareto.hardware.describing.chip import Chip
from spareto.hardware.describing.nest import Nest
from spareto.hardware.products import every_timestep, workload_of
from spareto.records.cost import Cost, LayerCost
from spareto.records.pipeline import Pipeline
from spareto.records.workload import Statistic, Workload

ChipT = TypeVar("ChipT", bound=Chip)
Lanes = Literal["mean", "largest"]
Nests = Mapping[str, Nest]  # by layer name
PLAIN: Final = "none"


@dataclass(frozen=True)
class CostPlan:
    """What a workload is costed with.

    Args:
        weight_formats: Formats the weights are stored in, by name; one cost each.
        spike_format: Format spikes are stored in, or `best`.
        statistic: Mean or maximum spiking activity.
        mappings: Mappings to use, by layer name, where the kind has mappings.
        lanes: Whether units that run side by side are equally busy (`mean`), or all wait for the busiest
            (`largest`); arrays only.
    """

    weight_formats: Mapping[str, Format]
    spike_format: str
    statistic: Statistic
    mappings: Nests = field(default_factory=dict[str, Nest])
    lanes: Lanes = "mean"


class CostEngine(ABC, Generic[ChipT]):
    """Costs workloads on one kind of accelerator.

    Class attributes:
        schema: What a description of that kind may say.
    """

    schema: ClassVar[type[Chip]]

    @abstractmethod
    def problems(self, chip: ChipT) -> Sequence[Problem]:
        """Contradictions between the parts of a description."""

    @abstractmethod
    def layers(self, workload: Workload, chip: ChipT, plan: CostPlan) -> Iterator[tuple[LayerCost, ...]]:
        """What every layer costs, in each weight format of the plan.

        Raises:
            ConfigError: The workload holds something whose cost is unknown; every such layer is listed.
            CapacityError: A layer does not fit; says which memory overflows by how much.
        """

    def notes(self, workload: Workload, chip: ChipT, plan: CostPlan) -> Sequence[str]:
        """What a reader should know about the costs of all layers; nothing by default."""
        return ()

    def pipeline(self, workload: Workload, chip: ChipT, layers: Sequence[LayerCost]) -> Pipeline | None:
        """How layers that work at the same time share it; None where one runs after the other."""
        return None

    def costs(self, workload: Workload, chip: ChipT, plan: CostPlan) -> tuple[Cost, ...]:
        """One cost a weight format."""
        notes = tuple(self.notes(workload, chip, plan))
        products = self._products(workload, chip, plan)
        return tuple(
            Cost(
                accelerator=chip.name,
                mode="physical",
                weight_format=name,
                spike_format=plan.spike_format,
                statistic=plan.statistic,
                clock_mhz=chip.clock_mhz,
                area_um2=area_um2(chip),
                layers=(*layers, *every_timestep(products, workload, name)),
                notes=notes,
                pipeline=self.pipeline(workload, chip, (*layers, *every_timestep(products, workload, name))),
            )
            for name, layers in zip(plan.weight_formats, self.layers(workload, chip, plan), strict=True)
        )

    def _products(self, workload: Workload, chip: ChipT, plan: CostPlan) -> tuple[LayerCost, ...]:
        """What one timestep of every product of activations costs; its operands are stored plainly."""
        if not workload.products:
            return ()
        plain = replace(plan, weight_formats={PLAIN: formats.registry.make(PLAIN)}, mappings={})
        return next(iter(self.layers(workload_of(workload), chip, plain)))


def refuse_analog(workload: Workload, rule: str, cure: str) -> None:
    """Refuse a network with analog inputs, on a chip that takes spikes alone.

    Raises:
        ConfigError: Lists every such layer.
    """
    analog = [layer.name for layer in workload.layers if layer.input.kind == "analog"]
    if analog:
        raise ConfigError(Problem(f"layer '{name}'", "analog inputs", rule, cure) for name in analog)
