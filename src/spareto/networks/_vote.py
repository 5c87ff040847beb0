"""The voting read-out."""

from __future__ import annotations

from torch import Tensor


def vote(spikes: Tensor, classes: int) -> Tensor:
    """Mean firing rate of each class's voters.

    Args:
        spikes: Shape `(time, batch, classes x votes)`; a class's voters stand together.
        classes: Number of classes.

    Returns:
        Rates 0..1, shape `(batch, classes)`.

    Reference:
        fang2021: the voting layer.
    """
    return spikes.mean(0).unflatten(-1, (classes, -1)).mean(-1)
