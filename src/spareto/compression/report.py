"""What compression did to each layer, and what it left as it was."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from spareto.compression.layers import synaptic_layers
from spareto.compression.parametrization import weight_bits
from spareto.compression.tensors import original_weight
from spareto.running import refuse_no_module
from spareto.widths import value_in_use


@dataclass(frozen=True)
class LayerReport:
    """One layer after compression.

    Args:
        name: Dotted name.
        shape: Shape of its weight.
        bits: Width of one stored weight; 32 means floating point.
        levels: Distinct values its weights take.
        sparsity: Share of zero weights, 0..1.
        bytes: Its weights stored densely at `bits`, or the numbers of their epitome, rounded up; 0 where
            another layer stores them.
        shares: Name of the earlier layer whose weight it uses too; empty if it has its own.
    """

    name: str
    shape: tuple[int, ...]
    bits: int
    levels: int
    sparsity: float
    bytes: int
    shares: str = ""


def compression_report(network: nn.Module) -> tuple[LayerReport, ...]:
    """One entry a convolution or dense layer, in the order they were defined.

    Recurrent and transposed layers, embeddings, biases and the like are in `stored_beside`.

    Args:
        network: A compressed network, or any other.

    Raises:
        ConfigError: It is no network.
    """
    refuse_no_module(network)
    first: dict[int, str] = {}
    with torch.no_grad():
        return tuple(
            _layer_report(name, layer, first.setdefault(id(original_weight(layer)), name))
            for name, layer in synaptic_layers(network).items()
        )


def _layer_report(name: str, layer: nn.Module, first: str) -> LayerReport:
    weight, bits = value_in_use(layer), weight_bits(layer)
    return LayerReport(
        name=name,
        shape=tuple(weight.shape),
        bits=bits,
        levels=len(weight.unique()),
        sparsity=float((weight == 0).double().mean()),
        bytes=-(-original_weight(layer).numel() * bits // 8) if first == name else 0,
        shares="" if first == name else first,
    )
