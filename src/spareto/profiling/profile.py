"""Run the test split once; count what the hardware side needs: the last moment torch is touched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.utils import parametrize

from spareto.core.errors import ConfigError, Problem
from spareto.kernels import reference
from spareto.profiling.counters import counting
from spareto.profiling.kinds import free_layers
from spareto.profiling.layers import Widths, layer_record
from spareto.records import Workload


@dataclass(frozen=True)
class Profile:
    """What one pass over a split told.

    Args:
        accuracy: Share of samples classified correctly, 0..1.
        workload: What the hardware side may know about the network.
    """

    accuracy: float
    workload: Workload


def profile(
    network: nn.Module,
    frames: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    *,
    network_name: str = "network",
    dataset: str = "data",
    batch_size: int = 64,
    widths: Widths = Widths(),  # noqa: B008 - frozen
) -> Profile:
    """Accuracy and workload of a network, from one pass in evaluation mode.

    Args:
        network: Frames `(time, batch, polarities, height, width)` in, rates `(batch, classes)` out.
        frames: Shape `(time, samples, polarities, height, width)`.
        labels: Shape `(samples,)`.
        network_name: Name the workload carries.
        dataset: Name the workload carries.
        batch_size: Samples a forward pass; does not change the counts.
        widths: Bits of analog inputs and neuron states.

    Raises:
        ConfigError: There is no sample, or the network has layers that cannot be counted; all are listed.
    """
    if len(labels) == 0:
        raise ConfigError(Problem("labels", "no sample", "at least one sample to count spikes on"))
    free = free_layers(network)
    network.eval()
    correct = 0
    with torch.inference_mode(), parametrize.cached(), reference(), counting(network) as counters:
        for first in range(0, len(labels), batch_size):
            chosen = slice(first, first + batch_size)
            counters.begin_batch(len(labels[chosen]))
            rates = network(torch.from_numpy(frames[:, chosen]).float())
            correct += int((rates.argmax(1).numpy() == labels[chosen]).sum())
            counters.end_batch(len(labels[chosen]))
        layers = tuple(layer_record(layer, widths) for layer in counters.layers)
    workload = Workload(
        network=network_name,
        dataset=dataset,
        samples=len(labels),
        timesteps=frames.shape[0],
        layers=layers,
        free=(*free, *counters.shortcuts.values()),
    )
    return Profile(correct / len(labels), workload)
