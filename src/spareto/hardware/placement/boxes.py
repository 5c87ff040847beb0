"""How a layer is cut into pieces that fit a core: at most so many neurons, at most so many inputs.

A piece of a convolution is a box of channels, rows and columns. Neighbouring boxes see some inputs both, so
that an input may have to go to several cores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, inf

from spareto.records.workload import Layer


@dataclass(frozen=True)
class Slices:
    """A layer cut into pieces.

    Args:
        cores: Pieces, one a core.
        fullest: Share of the layer's neurons in the largest piece.
        copies: Cores that an input goes to, on average; one that is unfolded goes where any copy of it does.
        parts: Cores that the inputs of one neuron are split over; 1 if it has them all.
    """

    cores: int
    fullest: float
    copies: float
    parts: int = 1

    def over(self, cores: int) -> Slices:
        """The same work on more cores, each input going to as many more of them."""
        if cores <= self.cores:
            return self
        return Slices(cores, self.fullest * self.cores / cores, self.copies * cores / self.cores, self.parts)


def slices(layer: Layer, neurons: float, axons: float = inf, parts: int = 1) -> Slices:
    """Cut a layer into as few pieces as hold it, those of equal number with the fewest copies of inputs.

    Args:
        layer: The layer.
        neurons: Neurons a core holds.
        axons: Different inputs a core takes.
        parts: Neurons that one neuron is made of at least; more if it has more inputs than a core takes.
            Those within a core share its time, so that only cores make it faster.
    """
    wide = max(1, ceil(fan_in(layer) / axons))
    parts = max(parts, wide)
    if axons == inf:
        best = _even(layer, neurons)
    else:
        boxes = _boxes(layer, neurons, axons * wide)
        best = min(boxes, key=lambda box: (box.cores, box.copies, box.fullest))
    return Slices(best.cores * parts, best.fullest / wide, best.copies, parts)


def fan_in(layer: Layer) -> int:
    """Inputs of one neuron, zero weights included."""
    return (layer.in_channels // layer.groups) * layer.kernel[0] * layer.kernel[1]


def live_fan_in(layer: Layer) -> int:
    """Live weights of the neuron that has most of them."""
    return int(layer.weight_mask.array().reshape(layer.out_channels, -1).sum(axis=1).max())


def neuron_count(layer: Layer) -> int:
    """Neurons of a layer; without any, its outputs, which accumulate all the same."""
    return layer.neuron.count if layer.neuron else layer.output.size


def _even(layer: Layer, neurons: float) -> Slices:
    """Any neurons go together; an input goes to as few cores as hold the neurons it reaches."""
    count = neuron_count(layer)
    cores = max(1, ceil(count / neurons))
    reached = layer.dense_synops / (layer.arriving.size * layer.timesteps)
    return Slices(cores, ceil(count / cores) / count, min(cores, max(1, ceil(reached / neurons))))


def _boxes(layer: Layer, neurons: float, axons: float) -> Iterator[Slices]:
    """Every way to cut the plane evenly, with as many channels a core as fit; never empty."""
    height, width = layer.plane
    for rows in _pieces(height):
        for columns in _pieces(width):
            if box := _box(layer, rows, columns, neurons, axons):
                yield box


def _box(layer: Layer, rows: int, columns: int, neurons: float, axons: float) -> Slices | None:
    """Boxes of so many rows and columns; None if one neuron and its inputs do not fit."""
    group_out, group_in = layer.out_channels // layer.groups, layer.in_channels // layer.groups
    seen = group_in
    for axis, length in ((0, rows), (1, columns)):
        seen *= min(layer.input.shape[1 + axis], (length - 1) * layer.stride[axis] + layer.kernel[axis])
    channels = int(neurons // (rows * columns))
    if channels < 1 or seen > axons:
        return None
    if channels >= group_out:
        together = max(1, min(layer.groups, channels // group_out, int(axons // seen)))
        pieces, largest, each = ceil(layer.groups / together), together * group_out, 1
    else:
        each = ceil(group_out / channels)
        pieces, largest = layer.groups * each, ceil(group_out / each)
    height, width = layer.plane
    cores = pieces * ceil(height / rows) * ceil(width / columns)
    fullest = largest * rows * columns / (layer.out_channels * height * width)
    copies = each * _seen(layer, 0, rows) * _seen(layer, 1, columns)
    return Slices(cores, fullest, min(cores, copies * layer.input.size / layer.arriving.size))


def _pieces(length: int) -> list[int]:
    """Lengths of the pieces of every even cut: 5 gives 5, 3, 2, 1."""
    return list(dict.fromkeys(ceil(length / count) for count in range(1, length + 1)))


def _seen(layer: Layer, axis: int, piece: int) -> float:
    """Pieces of an axis that an input is seen by, on average."""
    outputs, inputs = layer.plane[axis], layer.input.shape[1 + axis]
    stride, padding, kernel = layer.stride[axis], layer.padding[axis], layer.kernel[axis]
    total = 0
    for first in range(0, outputs, piece):
        last = min(first + piece, outputs) - 1
        low = max(0, first * stride - padding)
        high = min(inputs, last * stride - padding + kernel)
        total += max(0, high - low)
    return total / inputs
