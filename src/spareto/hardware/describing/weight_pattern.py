"""Weights pruned to a pattern that hardware can skip: at most 2 live ones in every 4."""

from __future__ import annotations

import numpy as np

from spareto.core.config import Record
from spareto.core.units import Instances
from spareto.records.workload import Layer


class WeightPattern(Record):
    """Structured sparsity of weights, along the input channels.

    Args:
        live: Most weights of a block that are not zero.
        block: Weights of a block.
    """

    live: Instances
    block: Instances

    def share(self, layer: Layer) -> float:
        """Share of the dense operations a layer takes: `live / block` if all its blocks keep to it, else 1.

        Blocks run along the input channels of one place of the kernel; the last is filled up with zeros.
        """
        block, most = int(self.block.amount), int(self.live.amount)
        mask = np.moveaxis(layer.weight_mask.array(), 1, -1)
        block = min(block, mask.shape[-1])  # a larger one holds the same
        short = -mask.shape[-1] % block
        padded = np.pad(mask, (*[(0, 0)] * (mask.ndim - 1), (0, short)))
        counts = padded.reshape(-1, block).sum(axis=1)
        return most / int(self.block.amount) if int(counts.max()) <= most else 1.0
