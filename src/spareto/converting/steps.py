"""What a converted network does, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

How = Literal["block", "layer", "neuron", "pair", "function", "vote", "running", "repeat"]


@dataclass(frozen=True)
class ForwardStep:
    """One step of a forward pass.

    Args:
        how: What is done.
        reads: Numbers of the values it reads.
        writes: Numbers of the values it gives.
        part: Name of the layer; empty for a function.
        function: The function, or how is voted.
        time: Whether the values have a time axis.
    """

    how: How
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    part: str = ""
    function: Any = None
    time: bool = True


def numbers_in(output: Any) -> list[int]:
    """Numbers of the values that a network returns."""
    if isinstance(output, dict):
        return [number for item in output.values() for number in numbers_in(item)]
    if isinstance(output, list | tuple):
        return [number for item in output for number in numbers_in(item)]
    return [] if output is None else [output]
