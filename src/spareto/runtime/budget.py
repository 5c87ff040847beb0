"""Which layers keep their weights without zeros, so that the engine needs little more memory than a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import numpy as np

from spareto.integer import IntegerLayer
from spareto.integer.network import Ints
from spareto.runtime.plans import LayerPlan
from spareto.runtime.rows import Form

TIMES: Final = 2
"""Times the bytes of a package that its weights may take in memory."""

HEADER: Final = 1024
"""Bytes of a package besides its weights, at least; these take at least their entropy."""


def forms(layers: Mapping[int, IntegerLayer], plan: Callable[[int, Form], LayerPlan]) -> dict[int, LayerPlan]:
    """Plans of all layers: with whole rows, which are fastest, unless all together then take too much memory.

    Layers give way one after the other, beginning with those whose weights meet the fewest pixels: reading
    their rows takes the least time. One whose weights are wider than a byte never does.

    Args:
        layers: The layers.
        plan: Makes the plan of one, by its number.
    """
    found = {number: plan(number, "whole") for number in layers}
    for number, form in _giving_way(layers, found):
        smaller = plan(number, form)
        if smaller.bytes < found[number].bytes:
            found[number] = smaller
    return found


def _giving_way(
    layers: Mapping[int, IntegerLayer], found: dict[int, LayerPlan]
) -> Iterable[tuple[int, Form]]:
    """What to try next, while it is needed."""
    least = sum(least_bytes(each) for layer in layers.values() for each in _weights(layer))
    most = TIMES * (HEADER + least)
    forms: tuple[Form, ...] = ("live", "places")
    for form in forms:
        for number in sorted(found, key=lambda n: (found[n].shape[1] * found[n].shape[2], n)):
            if sum(each.bytes for each in found.values()) <= most:
                return
            yield number, form


def _weights(layer: IntegerLayer) -> tuple[Ints, ...]:
    back = layer.feedback
    return (layer.synapses.weights,) if back is None else (layer.synapses.weights, back.synapses.weights)


def least_bytes(weights: Ints) -> float:
    """Entropy of the integers, zero among them: an ideal coder that knows how often each occurs takes it."""
    counts = np.unique(weights, return_counts=True)[1]
    return -float((counts * np.log2(counts / counts.sum())).sum()) / 8
