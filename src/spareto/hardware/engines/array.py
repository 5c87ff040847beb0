"""Arrays of processing elements under memories, with a mapping of loops onto them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spareto.core.errors import Problem
from spareto.hardware.charging import neurons
from spareto.hardware.charging.design_points import layer_points
from spareto.hardware.charging.layer import Charged, charge
from spareto.hardware.describing.accelerator import Accelerator
from spareto.hardware.describing.contradictions import contradictions
from spareto.hardware.describing.nest import Nest, padded
from spareto.hardware.describing.problem import LoopProblem
from spareto.hardware.engines._base import CostEngine, CostPlan, Nests
from spareto.hardware.mapping.capacity import Widths
from spareto.hardware.mapping.checks import require_nest
from spareto.hardware.mapping.fixed import fixed_nest
from spareto.records.cost import LayerCost
from spareto.records.workload import Layer, Workload

_FIXED = (
    "the accelerator's fixed mapping ran {} of {} layers; under it a larger array can be slower than a "
    "smaller one. The search (`--mapper search`, `find_mappings`) looks for a better mapping"
)


class ArrayEngine(CostEngine[Accelerator]):
    """Costs a workload on an array."""

    schema = Accelerator

    def problems(self, chip: Accelerator) -> Sequence[Problem]:
        """Problems of missing parts, undeclared levels, loops without a place."""
        return contradictions(chip)

    def layers(
        self, workload: Workload, chip: Accelerator, plan: CostPlan
    ) -> Iterator[tuple[LayerCost, ...]]:
        """What every layer costs in each weight format; its accesses are counted once."""
        neurons.refuse_unknown(workload)
        charges = [_charge(layer, chip, plan) for layer in workload.layers]
        for place, name in enumerate(plan.weight_formats):
            yield tuple(_record(charged, place, name) for charged in charges)

    def notes(self, workload: Workload, chip: Accelerator, plan: CostPlan) -> Sequence[str]:
        """Whether mappings were fixed: then more units need not be faster."""
        fixed = sum(layer.name not in plan.mappings for layer in workload.layers)
        return (_FIXED.format(fixed, len(workload.layers)),) if fixed else ()


def _charge(layer: Layer, chip: Accelerator, plan: CostPlan) -> Charged:
    points = layer_points(
        [layer], chip, plan.weight_formats, (plan.statistic,), spike_format=plan.spike_format
    )
    nest = nest_of(layer, chip, plan.mappings)
    return charge(points.waiting(nest, chip.compute) if plan.lanes == "largest" else points, nest, chip)


def nest_of(layer: Layer, chip: Accelerator, mappings: Nests) -> Nest:
    """The mapping given for a layer, checked; or else the fixed one.

    Raises:
        ConfigError: The given mapping does not cover the layer, or spreads further than the array.
        CapacityError: The layer does not fit.
    """
    nest = mappings.get(layer.name)
    if nest is None:
        return fixed_nest(layer, chip)
    require_nest(nest, chip, LoopProblem.of(layer), Widths.of(layer, chip), layer.name)
    return nest


def _record(charged: Charged, place: int, weight_format: str) -> LayerCost:
    return LayerCost(
        name=charged.points.layer.name,
        weight_format=weight_format,
        latency_cycles=float(charged.cycles[place, 0]),
        stored_bits=_stored(charged.points.layer, charged.points.points[place].stored.bits),
        actions=tuple(charged.actions(place)),
        notes=tuple(_notes(charged)),
    )


def _notes(charged: Charged) -> Iterator[str]:
    """What the mapping runs beyond the layer, and what it leaves idle."""
    dims = LoopProblem.of(charged.points.layer).dims
    if extra := padded(charged.nest, dims):
        told = ", ".join(f"{dim} from {dims[dim]} to {dims[dim] + more}" for dim, more in extra.items())
        yield f"the mapping pads {told}"
    used, there = int(charged.counts.units[0]), int(charged.accelerator.compute.instances.amount)
    if used < there:
        yield f"the mapping uses {used} of {there} units"


def _stored(layer: Layer, weights: float) -> float:
    """Bits of weights and biases; none of a layer that uses another's."""
    return weights + layer.stored_bias_bits if layer.stores_weights else 0.0
