"""Bit operations by shape, widths and zeros alone: what a network costs before any sample is seen."""

from __future__ import annotations

from math import log2

from spareto.records.layer import Layer
from spareto.records.workload import Workload


def bit_operations(
    inputs: int, outputs: int, activation_bits: float, weight_bits: float, zeros: float = 0.0
) -> float:
    """BOPs of one pass through a dense layer: `m·n·[(1 − f)·b_a·b_w + b_a + b_w + log2 n]`.

    Products with a zero weight are left out; the adders are not, so that the count never reaches 0.

    Args:
        inputs: `n`, what one output sums up; of a convolution channels times kernel.
        outputs: `m`; of a convolution channels times places.
        activation_bits: Width of an input.
        weight_bits: Width of a weight.
        zeros: `f`, share of zero weights, 0..1.

    Example:
        >>> bit_operations(16, 64, 32, 32)
        1118208.0

    Reference:
        baskin2021 (UNIQ); hawks2021, equation 8.
    """
    products = (1 - zeros) * activation_bits * weight_bits
    return outputs * inputs * (products + activation_bits + weight_bits + log2(inputs))


def layer_bops(layer: Layer) -> float:
    """BOPs of one inference, all timesteps, at a layer's widths and zeros."""
    fan_in = layer.weight_count // layer.out_channels
    height, width = layer.plane
    outputs = layer.out_channels * height * width * layer.timesteps
    return bit_operations(fan_in, outputs, layer.input.bits, layer.weight_bits, layer.weight_sparsity)


def workload_bops(workload: Workload) -> float:
    """BOPs of one inference of a network; neurons that no layer feeds have none."""
    return sum(layer_bops(layer) for layer in workload.layers if layer.kind != "neurons")
