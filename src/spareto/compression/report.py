"""What compression did to each layer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from spareto.compression.layers import synaptic_layers
from spareto.compression.parametrization import weight_bits


@dataclass(frozen=True)
class LayerReport:
    """One layer after compression.

    Args:
        name: Dotted name.
        shape: Shape of its weight.
        bits: Width of one stored weight; 32 means floating point.
        levels: Distinct values its weights take.
        sparsity: Share of zero weights, 0..1.
        bytes: Its weights stored densely at `bits`, rounded up.
    """

    name: str
    shape: tuple[int, ...]
    bits: int
    levels: int
    sparsity: float
    bytes: int


def compression_report(network: nn.Module) -> tuple[LayerReport, ...]:
    """One entry a convolution or dense layer, in the order they were defined."""
    with torch.no_grad():
        return tuple(_layer_report(name, layer) for name, layer in synaptic_layers(network).items())


def _layer_report(name: str, layer: nn.Module) -> LayerReport:
    weight: torch.Tensor = layer.weight.detach()  # pyright: ignore
    bits = weight_bits(layer)
    return LayerReport(
        name=name,
        shape=tuple(weight.shape),
        bits=bits,
        levels=len(weight.unique()),
        sparsity=float((weight == 0).double().mean()),
        bytes=-(-weight.numel() * bits // 8),
    )
