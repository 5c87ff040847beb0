"""A layer on an array of ours in the terms of Timeloop, to check a mapping with the original tool.

Timeloop knows no timesteps of neurons, no storage formats of spikes and one width a memory: what is written
is the dense product of one inference, each memory at the width of the widest tensor it keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any

from spareto.hardware.charging.energy import accumulator_bits, operation
from spareto.hardware.describing.accelerator import Accelerator, Memory
from spareto.hardware.describing.nest import Loop, Nest, padded
from spareto.hardware.describing.problem import LoopProblem, TensorName
from spareto.records.workload import Layer
from spareto.reproduction.timeloop.cases import CostCases
from spareto.reproduction.timeloop.conventions import Tool


def case_of(
    accelerator: Accelerator, layer: Layer, nest: Nest, *, tool: Tool = "timeloop-0.4"
) -> tuple[CostCases, tuple[str, ...]]:
    """One layer of a workload under one mapping, and notes on what the terms of Timeloop leave out.

    Args:
        accelerator: The array.
        layer: The layer; all its channel groups, one after the other.
        nest: The mapping of one group.
        tool: Whose accounting to follow.
    """
    whole = _grouped(nest, layer.groups)
    dims = {dim: int(count[0]) for dim, count in whole.totals().items() if int(count[0]) > 1}
    widths: dict[TensorName, int] = {
        "weights": layer.weight_bits,
        "inputs": layer.input.bits,
        "outputs": accumulator_bits(layer, accelerator.compute),
    }
    _, each_pj = operation(layer, accelerator.compute)
    compute = accelerator.compute.name
    parts = (*accelerator.levels, accelerator.compute)
    data: dict[str, Any] = {
        "about": f"{accelerator.name}, {layer.name}",
        "tool": tool,
        "architecture": {
            "levels_outermost_first": [
                *(_level(part, widths) if isinstance(part, Memory) else {"name": part.name}
                  for part in accelerator.levels),
                {"name": compute, "mac_pJ": each_pj},
            ],
            "instances": {part.name: int(part.instances.amount) for part in parts},
        },
        "cases": [
            {
                "layer": layer.name,
                "dims": dims,
                "stride": layer.stride,
                "loops_outermost_first": [
                    {"level": x.level, "kind": x.kind, "dim": x.dim, "bound": int(x.bound[0])}
                    for x in whole.loops
                    if int(x.bound[0]) > 1
                ],
                "expected": {},
            }
        ],
    }  # fmt: skip
    return CostCases.parse(data, "timeloop"), tuple(_notes(accelerator, layer, nest, widths))


def _grouped(nest: Nest, groups: int) -> Nest:
    """All channel groups, one after the other."""
    if groups == 1:
        return nest
    return Nest(nest.levels, (Loop.of(nest.levels[0], "temporal", "G", groups), *nest.loops))


def _level(memory: Memory, widths: dict[TensorName, int]) -> dict[str, Any]:
    """A word as wide as the widest tensor; narrower words share a row, wider ones take several."""
    word, width = max(widths[tensor] for tensor in memory.keeps), int(memory.width.amount)
    rows = ceil(word / width)
    level: dict[str, Any] = {
        "name": memory.name,
        "keeps": memory.keeps,
        "word_bits": word,
        "words_per_access": max(1, width // word),
        "width_bits": width,
        "read_pJ": memory.read_energy.amount * rows,
        "write_pJ": memory.write_energy.amount * rows,
    }
    if memory.depth:
        level["depth"] = memory.depth.amount
    for key, limit in (("read", memory.read_bandwidth), ("write", memory.write_bandwidth)):
        if limit:
            level[f"{key}_words_per_cycle"] = limit.amount / word
    return level


def _notes(
    accelerator: Accelerator, layer: Layer, nest: Nest, widths: dict[TensorName, int]
) -> Iterator[str]:
    yield "dense: zeros, storage formats and neuron updates have no place in these files"
    for memory in accelerator.memories:
        kept = {widths[tensor] for tensor in memory.keeps}
        if len(kept) > 1:
            told = ", ".join(f"{tensor} {widths[tensor]}" for tensor in memory.keeps)
            yield f"{memory.name}: all words of {max(kept)} bits ({told})"
    extra = padded(nest, LoopProblem.of(layer).dims)
    if extra:
        told = ", ".join(f"{dim} by {more}" for dim, more in extra.items())
        yield f"the problem holds what the mapping pads: {told}"
