"""Bit operations: what the multiplications and additions of a layer take in one-bit steps.

Reference:
    baskin2021 (UNIQ) for a dense layer and a convolution; hawks2021 (Ps and Qs) for pruned weights.
"""

from __future__ import annotations

from math import log2

from spareto.records.workload import Layer, Workload


def bops(
    outputs: int, inputs: int, weight_bits: int, input_bits: int, *, sparsity: float = 0.0, uses: int = 1
) -> float:
    """Bit operations of one layer: `uses · m · n · ((1 - f) · b_a · b_w + b_a + b_w + log2 n)`.

    Args:
        outputs: m, output channels.
        inputs: n, inputs of one output: channels of its group times the kernel's places.
        weight_bits: b_w.
        input_bits: b_a; 1 for spikes.
        sparsity: f, the share of zero weights, 0..1.
        uses: How often the weights are used: output positions times timesteps.

    >>> bops(64, 16, 32, 32)
    1118208.0
    """
    product = (1.0 - sparsity) * input_bits * weight_bits
    return uses * outputs * inputs * (product + input_bits + weight_bits + log2(inputs))


def layer_bops(layer: Layer) -> float:
    """Bit operations of one measured layer per inference, over all its positions and timesteps.

    They depend on shapes, widths and zero weights alone: a silent input is counted like any other.
    """
    inputs = layer.weight_count // layer.out_channels
    height, width = layer.plane
    return bops(
        layer.out_channels,
        inputs,
        layer.weight_bits,
        layer.input.bits,
        sparsity=layer.weight_sparsity,
        uses=height * width * layer.timesteps,
    )


def workload_bops(workload: Workload) -> float:
    """Bit operations of one inference: of all layers with weights; bare neurons have none."""
    return sum(layer_bops(layer) for layer in workload.layers if layer.kind != "neurons")
