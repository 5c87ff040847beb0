"""A layer that learns by local rules: weights and offsets, and what images make of them."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spareto.core.errors import Problem, ShapeError
from spareto.kernels import local
from spareto.kernels.library import backend
from spareto.plasticity import reference
from spareto.plasticity.coding import keys, limits, scaled
from spareto.plasticity.constants import constants
from spareto.records.plasticity import PlasticityPlan

START = 0.3
"""Weights begin between 0 and this."""

Spikes = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]


class LocalNetwork:
    """Neurons of one layer behind the pixels of an image.

    Args:
        plan: What they are.
        pixels: Pixels of an image, after scaling.
        neurons: How many neurons.
        seed: Draws the weights, and with them what learning and reading draw.

    Attributes:
        weight: float32, shape (pixels, neurons), from 0 to 1.
        theta: Offset of each threshold, mV, float32, shape (neurons,).
    """

    def __init__(self, plan: PlasticityPlan, pixels: int, neurons: int, seed: int) -> None:
        self.plan, self.seed = plan, seed
        self._constants = constants(plan, pixels, neurons)
        drawn = np.random.default_rng([seed, neurons]).random((pixels, neurons), np.float32)
        self.weight: Tensor = reference.weights(torch.from_numpy(drawn) * START, self._constants)
        self.theta: Tensor = torch.zeros(neurons)

    @classmethod
    def for_images(cls, plan: PlasticityPlan, images: npt.NDArray[np.uint8], neurons: int, seed: int) -> Self:
        """A network for images of this shape, `(images, channels, height, width)`."""
        return cls(plan, scaled(images[:1], plan.coding.size)[0].size, neurons, seed)

    def learn(
        self, images: npt.NDArray[np.uint8], numbers: npt.NDArray[np.int64], epoch: int
    ) -> tuple[Spikes, Counts]:
        """Show images one after the other, and follow them.

        Args:
            images: Grey values, shape (images, channels, height, width).
            numbers: Of each image in its split; with the epoch they decide which spikes it becomes.
            epoch: From 0 on.

        Returns:
            Spikes of each neuron, shape (images, neurons), and counts in the order of `kernels.local.COUNTS`.

        Raises:
            ShapeError: Images of another size.
        """
        return self._run(images, numbers, epoch, learns=True)

    def watch(
        self, images: npt.NDArray[np.uint8], numbers: npt.NDArray[np.int64], reading: int
    ) -> tuple[Spikes, Counts]:
        """As `learn`, but nothing is learnt; `reading` stands for the epoch."""
        return self._run(images, numbers, reading, learns=False)

    def _run(
        self, images: npt.NDArray[np.uint8], numbers: npt.NDArray[np.int64], stage: int, *, learns: bool
    ) -> tuple[Spikes, Counts]:
        shown = scaled(images, self.plan.coding.size)
        if shown[0].size != len(self.weight):
            got, rule = f"{shown[0].size} pixels an image", f"{len(self.weight)}, for which it was made"
            raise ShapeError(Problem("images", got, rule, "Show images of one size."))
        of, by = limits(shown, self.plan.coding), keys(self.seed, stage, numbers)
        c = self._constants
        if backend() == "c":
            threads = torch.get_num_threads()
            spikes, counts = local.run(
                *(of, by, self.weight, self.theta, c.k, c.shape), learns=learns, threads=threads
            )
        else:
            spikes, counts = reference.run(of, by, self.weight, self.theta, c, learns=learns)
        return spikes.numpy(), counts.numpy()
