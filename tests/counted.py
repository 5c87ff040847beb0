"""Small networks, frames and their workloads, for tests of what a profile counts."""

import numpy as np
import torch
from torch import Tensor, nn

from spareto.profiling import profile

T, SAMPLES = 3, 4
CONVS = {
    "border": {"kernel_size": 3, "padding": 1},
    "no border": {"kernel_size": 3},
    "stride": {"kernel_size": 3, "stride": 2, "padding": 1},
    "oblong": {"kernel_size": (1, 3), "stride": (2, 1), "padding": (0, 2)},
    "groups": {"kernel_size": 3, "padding": 1, "groups": 2},
    "depthwise": {"kernel_size": 2, "groups": 4},
    "pointwise": {"kernel_size": 1},
}


class Network(nn.Module):
    """Layers over time, then the mean of what comes out of each channel."""

    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, frames: Tensor) -> Tensor:
        spikes = self.layers(frames)
        return spikes.reshape(*spikes.shape[:3], -1).mean((0, 3))


def events(channels=4, height=5, width=6, density=0.3, most=1, seed=0):
    rng = np.random.default_rng(seed)
    shape = (T, SAMPLES, channels, height, width)
    return (rng.integers(1, most + 1, shape) * (rng.random(shape) < density)).astype(np.uint8)


def convolution(options, pruned=0.4):
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 4, bias=False, **options)
    conv.weight.data *= (torch.rand(conv.weight.shape) > pruned) * 4
    return conv


def workload(network, frames, **options):
    return profile(network, frames, np.zeros(frames.shape[1], np.int64), **options).workload
