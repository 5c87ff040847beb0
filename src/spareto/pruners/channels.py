"""Structured pruning: whole output channels go, and `shrink` can then cut them out of the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor
from typing_extensions import override

from spareto.pruners._base import Pruner, PrunerEvidence, Unit

Norm = Literal["l1", "l2"]


class ChannelPruner(Pruner):
    """Output channels with small weights matter least.

    Norms are means over the weights of a channel, so that layers with more inputs are not preferred when
    all layers are ranked together.

    Args:
        norm: `l1`, the mean magnitude, or `l2`, the root of the mean square.

    Raises:
        ConfigError: There is no such norm.

    Reference:
        li2017: pruning filters by the sum of their magnitudes.
    """

    unit: ClassVar[Unit] = "channel"

    def __init__(self, norm: Norm = "l1") -> None:
        self.norm: Norm = norm

    @override
    def scores(self, weights: Mapping[str, Tensor], evidence: PrunerEvidence) -> dict[str, Tensor]:
        return {name: self._of_channels(weight.detach().flatten(1)) for name, weight in weights.items()}

    def _of_channels(self, weight: Tensor) -> Tensor:
        order, size = int(self.norm[1]), weight.shape[1]
        return torch.linalg.vector_norm(weight.double(), order, dim=1) / size ** (1 / order)
