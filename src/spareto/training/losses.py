"""Losses on voted firing rates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]


def mse_vote(rates: Tensor, labels: Tensor) -> Tensor:
    """Mean squared distance between voted rates and the one-hot target.

    Args:
        rates: Shape `(batch, classes)`, 0..1.
        labels: Shape `(batch,)`.

    Reference:
        fang2021; schaefer2023.
    """
    return F.mse_loss(rates, F.one_hot(labels, rates.shape[1]).to(rates.dtype))


def cross_entropy_rate(rates: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy with voted rates as logits; shapes as in `mse_vote`."""
    return F.cross_entropy(rates, labels)


LOSSES: Final[dict[str, Loss]] = {"mse_vote": mse_vote, "cross_entropy_rate": cross_entropy_rate}
