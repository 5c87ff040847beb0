"""Arrays of processing elements under memories, with a mapping of loops onto them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spareto.core.errors import Problem
from spareto.hardware import neurons
from spareto.hardware.accelerator import Accelerator
from spareto.hardware.charging import Charged, charge
from spareto.hardware.contradictions import contradictions
from spareto.hardware.engines._base import Engine, Plan
from spareto.hardware.mapping.fixed import fixed_nest
from spareto.hardware.points import layer_points
from spareto.records.cost import LayerCost
from spareto.records.workload import Layer, Workload


class ArrayEngine(Engine[Accelerator]):
    """Costs a workload on an array."""

    schema = Accelerator

    def problems(self, chip: Accelerator) -> Sequence[Problem]:
        """Parts that are missing, levels nobody declared, loops without a place."""
        return contradictions(chip)

    def layers(self, workload: Workload, chip: Accelerator, plan: Plan) -> Iterator[tuple[LayerCost, ...]]:
        """What every layer costs in each weight format; its accesses are counted once."""
        neurons.refuse_unknown(workload)
        charges = [_charge(layer, chip, plan) for layer in workload.layers]
        for place, name in enumerate(plan.weight_formats):
            yield tuple(_record(charged, place, name) for charged in charges)


def _charge(layer: Layer, chip: Accelerator, plan: Plan) -> Charged:
    points = layer_points(
        [layer], chip, plan.weight_formats, (plan.statistic,), spike_format=plan.spike_format
    )
    nest = plan.mappings.get(layer.name) or fixed_nest(layer, chip)
    return charge(points.waiting(nest, chip.compute) if plan.lanes == "largest" else points, nest, chip)


def _record(charged: Charged, place: int, weight_format: str) -> LayerCost:
    return LayerCost(
        name=charged.points.layer.name,
        weight_format=weight_format,
        latency_cycles=float(charged.cycles[place, 0]),
        stored_bits=charged.points.points[place].stored.bits,
        actions=tuple(charged.actions(place)),
    )
