"""Where the parts of an accelerator description do not fit together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from spareto.core.errors import Problem, did_you_mean, one_of
from spareto.hardware.describing.accelerator import Accelerator, NeuronUnit
from spareto.hardware.describing.chip import odd_parts
from spareto.hardware.describing.problem import DIMS

T = TypeVar("T")


def contradictions(accelerator: Accelerator) -> list[Problem]:
    """Where the parts of a description do not fit together."""
    return _missing_parts(accelerator) or [
        *_unknown_levels(accelerator),
        *_uncovered(accelerator),
        *_repeated(accelerator),
        *_unlimitable(accelerator),
    ]


def _missing_parts(accelerator: Accelerator) -> list[Problem]:
    kinds = [part.kind for part in accelerator.components]
    problems = list(odd_parts(accelerator, one=("compute", "neuron")))
    if "memory" not in kinds:
        problems.append(
            Problem("accelerator.components", "no memory", "at least one component of kind 'memory'")
        )
    return problems


def _unknown_levels(accelerator: Accelerator) -> list[Problem]:
    levels = [level.name for level in accelerator.levels]
    memories = [memory.name for memory in accelerator.memories]
    flow = accelerator.dataflow
    used = [(f"dataflow.fill[{i}].level", fill.level, levels) for i, fill in enumerate(flow.fill)]
    used += [(f"dataflow.order[{i}].level", order.level, memories) for i, order in enumerate(flow.order)]
    place = next(i for i, part in enumerate(accelerator.components) if isinstance(part, NeuronUnit))
    used.append((f"components[{place}].state_level", accelerator.neuron.state_level, memories))
    return [
        Problem(f"accelerator.{where}", repr(name), one_of(known), did_you_mean(name, known))
        for where, name, known in used
        if name not in known
    ]


def _uncovered(accelerator: Accelerator) -> list[Problem]:
    """Problems of tensors that no level keeps, loops that no level runs, loops without an order."""
    outermost, flow = accelerator.memories[0], accelerator.dataflow
    orders = {order.level: set(order.dims) for order in flow.order}
    required = {outermost.name: set(DIMS) - {"N", "G"}}
    for fill in flow.fill:
        if fill.kind == "temporal":
            required.setdefault(fill.level, set()).update(fill.dims)
    problems = [
        Problem(
            f"accelerator.dataflow.order of '{level}'",
            f"no place for {', '.join(sorted(dims - orders.get(level, set())))}",
            "every loop that can run there",
        )
        for level, dims in required.items()
        if dims - orders.get(level, set())
    ]
    lacking = [tensor for tensor in ("weights", "inputs", "outputs") if tensor not in outermost.keeps]
    if lacking:
        rule = "the outermost memory to keep weights, inputs, outputs"
        problems.append(Problem("accelerator.components[0].keeps", f"no {', '.join(lacking)}", rule))
    return problems


def _repeated(accelerator: Accelerator) -> Iterator[Problem]:
    """Loops that stand twice in the dataflow: each would run, and the layer be costed more than once."""
    flow = accelerator.dataflow
    levels = [order.level for order in flow.order]
    for level in _twice(levels):
        yield Problem("accelerator.dataflow.order", f"two orders of '{level}'", "one order a level")
    for place, order in enumerate(flow.order):
        for dim in _twice(order.dims):
            where = f"accelerator.dataflow.order[{place}].dims"
            yield Problem(where, f"{dim} twice", "each dimension once")
    filled = [(fill.level, fill.kind, dim) for fill in flow.fill for dim in fill.dims]
    for level, kind, dim in _twice(filled):
        got = f"the {kind} loop over {dim} at '{level}' twice"
        yield Problem("accelerator.dataflow.fill", got, "each loop once")
    for part in accelerator.memories:
        for tensor in _twice(part.keeps):
            where = f"accelerator.components[{accelerator.components.index(part)}].keeps"
            yield Problem(where, f"{tensor} twice", "each tensor once")


def _twice(items: Sequence[T]) -> list[T]:
    """What stands more than once, in order."""
    return [item for item in dict.fromkeys(items) if items.count(item) > 1]


def _unlimitable(accelerator: Accelerator) -> Iterator[Problem]:
    """Limits of loops that do not exist, or that run what all others leave."""
    flow, outermost = accelerator.dataflow, accelerator.memories[0].name
    loops = {(order.level, "temporal", dim) for order in flow.order for dim in order.dims}
    loops |= {(fill.level, fill.kind, dim) for fill in flow.fill for dim in fill.dims}
    for place, limit in enumerate(flow.limits):
        loop = (limit.level, limit.kind, limit.dim)
        if loop not in loops or loop[:2] == (outermost, "temporal"):
            yield Problem(
                f"accelerator.dataflow.limits[{place}]",
                f"a {limit.kind} loop over {limit.dim} at '{limit.level}'",
                "a loop that dataflow.fill or dataflow.order names, inside the outermost memory",
            )
