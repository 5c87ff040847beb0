"""Which numbers a stage's registers can hold, whatever its inputs: their widths follow from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spareto.fpga.circuit import Neurons
from spareto.integer.network import Ints

Range = tuple[int, int]


@dataclass(frozen=True)
class Ranges:
    """Ranges of a stage's registers.

    Args:
        weights: Of the weights, as wide as they are stored.
        feedback: Of the recurrent weights; None without.
        sums: Of the accumulators: what weights are added to.
        back: Of the accumulators of recurrent weights, where they have their own; None without.
        scaled: Of what enters a neuron behind its multiplier; None without.
        digits: Binary digits of multipliers and biases, the sign of the bias aside; 0 without multiplier.
    """

    weights: Range
    feedback: Range | None
    sums: Range
    back: Range | None = None
    scaled: Range | None = None
    digits: int = 0


def ranges(stage: Neurons) -> Ranges:
    """Ranges of every register of a stage."""
    how = stage.semantics
    weights, fed = _stored(how.weight_bits), None if stage.feedback is None else _stored(how.inhibition_bits)
    taps = _sums(stage.weights[:, stage.window.columns])
    nothing = np.zeros_like(taps[0])
    back = (nothing, nothing) if stage.feedback is None else _sums(stage.feedback)
    if stage.multiplier is None:
        if how.saturation == "each":
            return Ranges(weights, fed, (stage.low, stage.high))
        low, high = _before(stage)
        total = (
            int((taps[0] + back[0] + np.minimum(stage.bias, 0)).min()),
            int((taps[1] + back[1] + np.maximum(stage.bias, 0)).max()),
        )
        return Ranges(weights, fed, _hull((low + total[0], high + total[1]), weights, fed))
    factors = stage.multiplier
    other = nothing if stage.feedback_multiplier is None else stage.feedback_multiplier
    # partial products of the multiplication by bits lie between 0 and what they add up to
    bias = np.minimum(stage.bias, 0), np.maximum(stage.bias, 0)
    low = int((taps[0] * factors + back[0] * other + bias[0]).min()) - 1
    high = int((taps[1] * factors + back[1] * other + bias[1]).max())
    numbers = [*factors.tolist(), *other.tolist(), *np.abs(stage.bias).tolist()]
    digits = max(1, max(int(number).bit_length() for number in numbers))
    sums = _hull((int(taps[0].min()), int(taps[1].max())), weights)
    own = None if fed is None else _hull((int(back[0].min()), int(back[1].max())), fed)
    terms = sums if own is None else (sums[0] + own[0], sums[1] + own[1])
    return Ranges(weights, fed, sums, own, _hull((2 * low, 2 * high), terms), digits)


def _hull(*parts: Range | None) -> Range:
    """The smallest range that holds all: a register is never narrower than what is added to it."""
    there = [part for part in parts if part is not None]
    return min(low for low, _ in there), max(high for _, high in there)


def _stored(bits: int) -> Range:
    """Two's complement; one bit stands for 0 or −1."""
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def _sums(weights: Ints) -> tuple[Ints, Ints]:
    """Smallest and largest sum of each channel, nothing included."""
    return np.minimum(weights, 0).sum(1), np.maximum(weights, 0).sum(1)


def _before(stage: Neurons) -> Range:
    """What the accumulators begin with: the state, leaked and perhaps reset."""
    low, high = stage.low, stage.high
    if stage.semantics.second_order:
        return low, high
    low, high = min(low, stage.start), max(high, stage.start)
    if stage.semantics.reset_late and stage.semantics.reset == "subtract":
        low, high = low - max(0, int(stage.reset.max())), high - min(0, int(stage.reset.min()))
    return low, high
