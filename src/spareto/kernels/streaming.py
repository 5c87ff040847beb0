"""Sums and neurons of a layer in one pass, for networks that are only run: no sums are ever kept whole."""

from __future__ import annotations

import torch
from torch import Tensor

from spareto.kernels import workspace
from spareto.kernels.c_layers import NotFinite, countable, refuse, struct, words
from spareto.kernels.library import function
from spareto.kernels.normalizing import Affine, LayerConstants
from spareto.kernels.sums import ConvSums, DenseSums


def streams(layer: LayerConstants, *differentiated: Tensor | None) -> bool:
    """Whether a layer can: no gradient is wanted, and no statistics of the whole batch."""
    if torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in differentiated):
        return False
    if layer.firing.batch_statistics:
        return False
    if isinstance(layer.sums, ConvSums):
        return layer.sums.shape.groups == 1
    return torch.get_num_threads() <= layer.firing.shape.B  # they share the samples


def stream(layer: LayerConstants, bits: Tensor, weight: Tensor, norm: Affine, k: Tensor) -> Tensor | None:
    """Spikes of a layer as bits, equal to those of `layer.sums.forward` and `c_layers.block_forward`.

    Args:
        layer: Constants.
        bits: Of the incoming spikes.
        weight: The layer's weight.
        norm: Batch norm and bias.
        k: The neurons' coefficients.

    Returns:
        Shape `(N, height, width, words)`; None where a weight is not finite.
    """
    sums, shape, weight = layer.sums, layer.firing.shape, weight.contiguous()
    sums.guard(bits, weight)
    fired = workspace.empty(*shape.unaveraged, words(shape.channels), dtype=torch.int64)
    addresses = [x.data_ptr() for x in (bits, weight, norm.a, norm.b, fired, k)]
    flags, threads = layer.firing.flags, torch.get_num_threads()
    if isinstance(sums, ConvSums):
        run = function("spareto_conv_fire", "ppppppppiiqi")
        sizes = (struct(sums.shape), struct(shape), weight.shape[0], flags, sums.events)
    else:
        assert isinstance(sums, DenseSums), "there are two kinds"
        countable(bits.shape[1], sums.channels)
        run = function("spareto_dense_fire", "pppppppiiii")
        sizes = (struct(shape), bits.shape[1], sums.channels, flags)
    try:
        refuse(run(*addresses, *sizes, threads))
    except NotFinite:
        return None
    return fired
