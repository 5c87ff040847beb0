"""The voting read-out."""

from __future__ import annotations

from torch import Tensor

from spareto.kernels import Spikes, dense


def vote(spikes: Tensor | Spikes, classes: int) -> Tensor:
    """Mean firing rate of each class's voters.

    Args:
        spikes: Shape `(time, batch, classes x votes)`; a class's voters stand together.
        classes: Number of classes.

    Returns:
        Rates 0..1, shape `(batch, classes)`.

    Reference:
        fang2021: the voting layer.
    """
    return dense(spikes).mean(0).unflatten(-1, (classes, -1)).mean(-1)
