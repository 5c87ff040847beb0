"""How often a network is right."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.utils import parametrize


def accuracy(
    network: nn.Module,
    frames: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    batch_size: int = 64,
) -> float:
    """Share of samples classified correctly, 0..1, in evaluation mode.

    Args:
        network: Frames `(time, batch, polarities, height, width)` in, rates `(batch, classes)` out; it is
            left in evaluation mode.
        frames: Shape `(time, samples, polarities, height, width)`.
        labels: Shape `(samples,)`, at least one.
        batch_size: Samples a forward pass.
    """
    network.eval()
    right = 0
    with torch.no_grad(), parametrize.cached():
        for first in range(0, len(labels), batch_size):
            chosen = slice(first, first + batch_size)
            rates = network(torch.from_numpy(frames[:, chosen]).float())
            right += int((rates.argmax(1).numpy() == labels[chosen]).sum())
    return right / len(labels)
