"""Whether the tiles of a mapping fit into the memories that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spareto.core.errors import CapacityError, Problem
from spareto.hardware.charging.energy import accumulator_bits
from spareto.hardware.describing.accelerator import Accelerator, Memory
from spareto.hardware.describing.nest import Nest
from spareto.hardware.describing.problem import Count, LoopProblem, TensorName
from spareto.records.workload import Layer


@dataclass(frozen=True)
class Widths:
    """Bits an element takes while it is held.

    Args:
        weights: One weight.
        inputs: One input.
        outputs: One partial sum.
        state: All state variables of one neuron; 0 without neurons.
    """

    weights: int
    inputs: int
    outputs: int
    state: int = 0

    @classmethod
    def of(cls, layer: Layer, accelerator: Accelerator) -> Widths:
        """The widths of a layer; its weights at least as wide as the dataflow sizes tiles for."""
        return cls(
            weights=max(layer.weight_bits, int(accelerator.dataflow.weights_sized_for.amount)),
            inputs=layer.input.bits,
            outputs=accumulator_bits(layer, accelerator.compute),
            state=layer.neuron.states * layer.neuron.state_bits if layer.neuron else 0,
        )

    def bits(self, tensor: TensorName) -> int:
        """Bits of one element of a tensor."""
        return {"weights": self.weights, "inputs": self.inputs, "outputs": self.outputs}[tensor]


@dataclass(frozen=True)
class Overflow:
    """A memory that does not hold its tiles, bits."""

    level: str
    needed: int
    capacity: int

    def error(
        self, accelerator: Accelerator, all_levels: Sequence[Overflow], mapping: str = ""
    ) -> CapacityError:
        """The error that lists this and every other overflowing level.

        Args:
            accelerator: The array.
            all_levels: All of them.
            mapping: What does not fit, if it is not a single iteration: `mapping of 'conv1' at `.
        """
        return CapacityError(
            Problem(
                f"{mapping}{accelerator.name}.{short.level}",
                f"{short.needed} bits" + ("" if mapping else " for a single iteration"),
                f"at most {short.capacity} (over by {short.needed - short.capacity})",
                "Use narrower values or a deeper memory.",
            )
            for short in all_levels
        )


def held_bits(memory: Memory, problem: LoopProblem, nest: Nest, widths: Widths, state_level: str) -> Count:
    """Bits one instance of a memory holds at a time."""
    extents = nest.extents(memory.name)
    held = extents["T"] * 0
    for tensor in memory.keeps:
        held = held + problem.tile(tensor, extents) * widths.bits(tensor)
    if memory.name == state_level:
        held = held + problem.tile("outputs", extents) // extents["T"] * widths.state
    return held


def overflows(accelerator: Accelerator, problem: LoopProblem, nest: Nest, widths: Widths) -> list[Overflow]:
    """The memories that do not hold their tiles under the first mapping of a nest."""
    found: list[Overflow] = []
    for memory in accelerator.memories:
        if memory.capacity_bits is not None:
            held = held_bits(memory, problem, nest, widths, accelerator.neuron.state_level)
            if held[0] > memory.capacity_bits:
                found.append(Overflow(memory.name, int(held[0]), int(memory.capacity_bits)))
    return found
