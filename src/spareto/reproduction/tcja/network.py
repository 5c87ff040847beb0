"""The study's network: the shapes of its layers, and how sparse their weights are at every setting."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from spareto.core.bounds import MOST_COUNTED
from spareto.core.config import Record
from spareto.core.units import Quantity, Unit
from spareto.hardware.describing.problem import LoopProblem

Mode = Literal["cumulative", "joint"]
Share = Annotated[float, Field(ge=0, lt=1)]
Ratio = Annotated[Quantity, Unit("share")]
Positive = Annotated[int, Field(ge=1, le=MOST_COUNTED)]


@dataclass(frozen=True, order=True)
class StudyPoint:
    """One compression of the network.

    Args:
        mode: Pruned and then quantized, or both from the start.
        target: Share of all weights to prune.
        bits: Bits of a weight, at least 2.
    """

    mode: Mode
    target: float
    bits: int


class StudyLayer(Record):
    """One layer.

    Args:
        name: Its name.
        channels: C and M.
        output: P and Q.
        kernel: R and S.
        timesteps: T; 1 for the attention layers, which see spatial means of all timesteps at once.
        input: What enters it.
        ternary: Share of zeros among its 2-bit weights, not pruned.
        pruned: Share of zeros among its weights when 80 % of all weights are pruned.
    """

    name: str
    channels: tuple[Positive, Positive]
    output: tuple[Positive, Positive]
    kernel: tuple[Positive, Positive]
    timesteps: Positive
    input: Literal["spike", "analog"]
    ternary: Share
    pruned: Share

    @cached_property
    def problem(self) -> LoopProblem:
        """Its loops."""
        (c, m), (p, q), (r, s) = self.channels, self.output, self.kernel
        return LoopProblem({"T": self.timesteps, "N": 1, "M": m, "C": c, "P": p, "Q": q, "R": r, "S": s})

    @property
    def weight_count(self) -> int:
        """Weights, zeros included."""
        return int(np.prod((*self.channels, *self.kernel)))


class StudyNetwork(Record):
    """The network.

    Args:
        source: Where the numbers come from.
        max_over_mean: Spikes of the busiest inference over those of the mean one.
        mean_weight_sparsity: Published share of zeros that quantization alone causes, by bits.
        layers: Its layers in the order they run.
    """

    version: Literal[1]
    name: str
    source: str
    max_over_mean: Ratio
    mean_weight_sparsity: dict[int, Share]
    layers: tuple[StudyLayer, ...]

    def sparsity(self, setting: StudyPoint) -> npt.NDArray[np.float64]:
        """Share of zero weights of each layer.

        Weights of a layer are taken to fall off exponentially around zero. A magnitude threshold x times
        as high then leaves the x-th power of the density, which gives every setting from two anchors:
        b bits round to zero what lies below a threshold proportional to 1 / (2^(b-1) - 1), and global
        pruning moves all layers' thresholds by one factor. Where weights are pruned, the published
        energies say that quantization adds no zeros to the pruned ones, in whichever order both are done.
        """
        if setting.target:
            return 1.0 - self._pruned_density ** self._threshold(setting.target)
        return 1.0 - self._ternary_density ** (1.0 / (2 ** (setting.bits - 1) - 1))

    def mean_sparsity(self, setting: StudyPoint) -> float:
        """Share of zeros among all weights."""
        return self._mean(self.sparsity(setting))

    @cached_property
    def _weights(self) -> npt.NDArray[np.float64]:
        return np.array([layer.weight_count for layer in self.layers], np.float64)

    @cached_property
    def _ternary_density(self) -> npt.NDArray[np.float64]:
        return np.array([1.0 - layer.ternary for layer in self.layers])

    @cached_property
    def _pruned_density(self) -> npt.NDArray[np.float64]:
        return np.array([1.0 - layer.pruned for layer in self.layers])

    def _mean(self, sparsity: npt.NDArray[np.float64]) -> float:
        return float(self._weights @ sparsity / self._weights.sum())

    def _threshold(self, target: float) -> float:
        """How much higher than at the anchors all thresholds are; bisection of a monotone function."""
        low, high = 0.0, 1.0
        while self._mean(1.0 - self._pruned_density**high) < target:
            high *= 2.0
        for _ in range(60):
            middle = (low + high) / 2.0
            short = self._mean(1.0 - self._pruned_density**middle) < target
            low, high = (middle, high) if short else (low, middle)
        return high
