"""The smallest real networks and data: two classes told apart by where events fall."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from spareto.data import DatasetInfo
from spareto.data.load import FrameData
from spareto.networks import Network, build
from spareto.neurons.lif import LIF

SENSOR = (2, 6, 6)
CLASSES = 2


def frame_data(samples: int = 8, timesteps: int = 3, seed: int = 0) -> FrameData:
    """Class 0 has events in the upper half, class 1 in the lower."""
    rng = np.random.default_rng(seed)
    labels = np.arange(samples, dtype=np.int64) % CLASSES
    frames = (rng.random((timesteps, samples, *SENSOR)) < 0.15).astype(np.uint8)
    for sample, label in enumerate(labels):
        half = slice(0, 3) if label == 0 else slice(3, 6)
        frames[:, sample, :, half] |= (rng.random((timesteps, 2, 3, 6)) < 0.6).astype(np.uint8)
    info = DatasetInfo(CLASSES, SENSOR, 1000, licence="none", source="drawn at random for tests")
    return FrameData(frames, labels, frames, labels, info, "tiny", f"tiny-{samples}-{timesteps}-{seed}")


def network(seed: int = 0, **options: object) -> Network:
    """One convolution of 3 channels and a voting read-out."""
    torch.manual_seed(seed)
    return build("conv", **{"sensor": SENSOR, "classes": CLASSES, "channels": (3,), "votes": 2, **options})


class _MeanOverTime(nn.Module):
    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        return spikes.mean(0)


def spiking_dense() -> nn.Sequential:
    """Two dense layers of LIF neurons, without batch norm or dropout, drawn from the global generator."""
    layers = (nn.Linear(72, 16), LIF(), nn.Linear(16, CLASSES), LIF())
    for layer in layers[::2]:
        nn.init.normal_(layer.weight, std=3 / layer.in_features**0.5)  # loud enough to spike
    return nn.Sequential(nn.Flatten(2), *layers, _MeanOverTime())


def plain(seed: int = 0) -> nn.Sequential:
    """A network that is none of ours: two dense layers."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))


class Broken(nn.Module):
    """Answers with what is no number, of which no loss can be taken."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, frames):
        return torch.full((frames.shape[1], 2), float("nan")) * self.weight
