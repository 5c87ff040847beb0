"""How many samples a network gets right."""

from __future__ import annotations

from collections.abc import Iterable

import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spareto.data.checks import refuse_split
from spareto.data.frames import Frames
from spareto.training.batches import device_of


def evaluate(network: nn.Module, frames: Frames, labels: npt.NDArray, *, batch_size: int = 64) -> float:
    """Accuracy of a network, which is left in evaluation mode.

    Args:
        network: Frames `(time, batch, polarities, height, width)` in, rates `(batch, classes)` out.
        frames: Shape `(time, samples, polarities, height, width)`.
        labels: Shape `(samples,)`.
        batch_size: Samples a forward pass; does not change the result.

    Returns:
        Share of samples classified correctly, 0..1.

    Raises:
        DataError: There is no sample, or frames and labels do not fit; see `refuse_split`.
    """
    refuse_split(frames, labels, "evaluation")
    device = device_of(network)
    cuts = (slice(first, first + batch_size) for first in range(0, len(labels), batch_size))
    batches = (
        (torch.from_numpy(frames[:, cut]).to(device).float(), torch.from_numpy(labels[cut]).to(device))
        for cut in cuts
    )
    return count_correct(network, batches) / len(labels)


def count_correct(network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> int:
    """Samples classified correctly over batches of frames and labels; ends in evaluation mode."""
    network.eval()
    correct = 0
    with torch.inference_mode(), parametrize.cached():
        for frames, labels in batches:
            correct += int((network(frames).argmax(1) == labels).sum())
    return correct
