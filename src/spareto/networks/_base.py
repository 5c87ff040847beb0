"""What a network of our own zoo is: frames in, one firing rate a class out."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Network(nn.Module, ABC):
    """A spiking network; one file each in `networks/`.

    Every concrete network takes `sensor=(polarities, height, width)` and `classes` first, then its options.

    Attributes:
        timesteps: T of every sequence, for a network whose layers see all timesteps at once and so are built
            for one number of them, which it takes as an option; None if it takes any.
    """

    timesteps: int | None = None

    @abstractmethod
    def forward(self, frames: Tensor) -> Tensor:
        """Voted firing rates.

        Args:
            frames: Shape `(time, batch, polarities, height, width)`.

        Returns:
            Mean firing rate of each class's voters over all timesteps, 0..1, shape `(batch, classes)`.
        """
