"""Images as chances of spikes, and the whole numbers that decide: the same on every machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spareto.records.plasticity import Coding

_MASK = (1 << 64) - 1


def limits(pixels: npt.NDArray[np.uint8], coding: Coding) -> Tensor:
    """Below which 32-bit number an input spikes, at every timestep of 1 ms.

    Args:
        pixels: Grey values, shape `(S, ...)`.
        coding: Rates.

    Returns:
        uint32 in int32, shape `(S, M)`.
    """
    chance = pixels.reshape(len(pixels), -1) * (coding.frequency_hz / 1000 / 255)
    whole = np.minimum(np.floor(chance * 2.0**32), 2.0**32 - 1).astype(np.uint32)
    return torch.from_numpy(whole.view(np.int32))


def scaled(pixels: npt.NDArray[np.uint8], size: int | None) -> npt.NDArray[np.uint8]:
    """Images of `size` rows and columns, by linear interpolation between pixel centres.

    Args:
        pixels: Shape `(S, channels, height, width)`; channels are added to a grey image.
        size: Rows and columns; None leaves them.

    Returns:
        Shape `(S, height, width)`.
    """
    grey = pixels[:, 0] if pixels.shape[1] == 1 else pixels.mean(1).round().astype(np.uint8)
    if size is None or grey.shape[1:] == (size, size):
        return grey
    made = torch.nn.functional.interpolate(
        torch.from_numpy(grey)[:, None].float(), (size, size), mode="bilinear", align_corners=False
    )
    return made[:, 0].round().to(torch.uint8).numpy()


def keys(seed: int, stage: int, samples: npt.NDArray[np.int64]) -> Tensor:
    """Keys of the random numbers of samples, by seed, stage (an epoch, or a reading) and number.

    Returns:
        int32, shape `(S, 2)`.
    """
    with np.errstate(over="ignore"):
        x = samples.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x += np.uint64(_spread(_spread(seed) + stage))
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return torch.from_numpy(x.view(np.int32).reshape(-1, 2).copy())


def _spread(x: int) -> int:
    """Splitmix64's mixing of one number."""
    x = (x + 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def spikes(limit: Tensor, key: Tensor, timestep: int) -> Tensor:
    """Inputs that spike at a timestep, in ascending order; the slow twin of what the kernel draws.

    Args:
        limit: Of one sample, shape `(M,)`.
        key: Of one sample, shape `(2,)`.
        timestep: From 0 on.
    """
    first, second = (int(part) & 0xFFFFFFFF for part in key)
    x = np.arange(len(limit), dtype=np.uint32) + np.uint32(timestep * len(limit) & 0xFFFFFFFF)
    with np.errstate(over="ignore"):
        x = _mixed(x ^ np.uint32(first))
        x = _mixed(x + np.uint32(second))
    return torch.from_numpy(np.flatnonzero(x < limit.numpy().view(np.uint32)))


def _mixed(x: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))
