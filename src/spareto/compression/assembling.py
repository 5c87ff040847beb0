"""Put an epitome below a layer's weight."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from spareto.compression.parametrization import Order, attach, own_class
from spareto.compression.pickling import make_picklable
from spareto.compression.tensors import original_weight
from spareto.core.errors import ConfigError, Problem
from spareto.records import Epitome
from spareto.widths import AssembledWeight


def weight_shape(layer: nn.Module) -> tuple[int, int, int, int]:
    """(M, C / groups, R, S) of a convolution or dense layer's weight."""
    weight: Any = layer.weight
    outputs, inputs, *kernel = weight.shape
    height, width = (1, 1, *kernel)[-2:]
    return outputs, inputs, height, width


def assemble(
    layer: nn.Module,
    epitome: Epitome,
    order: Order = "quantize_then_mask",
    network: nn.Module | None = None,
) -> None:
    """Make a layer compute its weight from an epitome, which starts nearest to the weight it had; in place.

    What quantizes the weight quantizes the epitome's numbers, for these are stored.

    Args:
        layer: A convolution or dense layer whose weight is its own.
        epitome: The tables, of a weight of its shape.
        order: That of the recipe.
        network: Around the layer.

    Raises:
        ConfigError: The tables are those of another weight.
    """
    if epitome.weight != weight_shape(layer):
        rule = f"one of a weight of shape {weight_shape(layer)}"
        raise ConfigError(Problem("epitome", f"one of {epitome.weight}", rule))
    attach(layer, order, network=network)
    weight = original_weight(layer)
    part = AssembledWeight(epitome, tuple(weight.shape)).to(weight.device).train(layer.training)
    with torch.no_grad():
        numbers = nn.Parameter(part.right_inverse(weight), requires_grad=weight.requires_grad)
    own_class(layer)
    chains: Any = layer.parametrizations
    chains["weight"].original = numbers
    parametrize.register_parametrization(layer, "weight", part, unsafe=True)
    make_picklable(layer)
