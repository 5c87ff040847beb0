"""The smallest real networks and data: two classes told apart by where events fall."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from spareto.data import DatasetInfo
from spareto.data.load import FrameData
from spareto.networks import Network, build

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


def plain(seed: int = 0) -> nn.Sequential:
    """A network that is none of ours: two dense layers."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))
