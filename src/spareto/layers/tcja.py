"""Temporal-channel joint attention."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from spareto.core.errors import ConfigError, Problem
from spareto.kernels import Spikes, dense
from spareto.layers._base import SpikingLayer, some_spikes


class TCJA(SpikingLayer):
    """Scale each channel of each timestep by what all timesteps and channels say of it.

        Z[t, c] = spatial mean of x[t, c]
        y[t, c] = σ((conv_t Z)[t, c] · (conv_c Z)[t, c]) · x[t, c]

    `temporal` mixes all timesteps and slides over neighbouring channels, `channel` mixes all channels and
    slides over neighbouring timesteps; both keep the size. It sees the whole sequence before its first
    output, so the network behind it cannot run step by step.

    Args:
        timesteps: T of every sequence.
        channels: C.
        kernel: Width of both one-dimensional convolutions; an even one reaches further forward.

    Reference:
        zhu2022.
    """

    computes = "means, sigmoid and products of single elements; its convolutions are counted"

    def __init__(self, timesteps: int, channels: int, kernel: int = 4) -> None:
        super().__init__()
        self.timesteps, self.channels = timesteps, channels
        self.padding = ((kernel - 1) // 2, kernel // 2)
        self.temporal = nn.Conv1d(timesteps, timesteps, kernel, bias=False)
        self.channel = nn.Conv1d(channels, channels, kernel, bias=False)

    @property
    def kernel(self) -> int:
        """Width of both convolutions."""
        return self.temporal.kernel_size[0]

    def forward(self, sequence: Tensor | Spikes) -> Tensor:
        """The rescaled sequence.

        Args:
            sequence: Shape `(time, batch, channels, height, width)`.

        Raises:
            ConfigError: It has another number of timesteps or channels.
        """
        self._check(sequence)
        values = dense(sequence)
        means = values.mean((3, 4)).transpose(0, 1)  # (batch, time, channels)
        temporal = self.temporal(F.pad(means, self.padding))
        channel = self.channel(F.pad(means.transpose(1, 2), self.padding)).transpose(1, 2)
        return values * torch.sigmoid(temporal * channel).transpose(0, 1)[..., None, None]

    @classmethod
    @override
    def examples(cls) -> Iterator[tuple[Self, Tensor]]:
        yield cls(timesteps=4, channels=3), some_spikes(4, 2, 3, 5, 5)

    def extra_repr(self) -> str:
        """What `print(network)` shows."""
        return f"timesteps={self.timesteps}, channels={self.channels}"

    def _check(self, sequence: Tensor | Spikes) -> None:
        shape = tuple(sequence.shape)
        if len(shape) != 5 or (shape[0], shape[2]) != (self.timesteps, self.channels):
            rule = f"one of shape ({self.timesteps}, batch, {self.channels}, height, width)"
            cure = "Build the network with the timesteps of its data."
            raise ConfigError(Problem("layer 'tcja'", f"a sequence of shape {shape}", rule, cure))
