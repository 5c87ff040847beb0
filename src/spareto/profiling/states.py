"""How many different states a layer's neurons take, and how much of that they could."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from math import log2

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spareto.profiling.axes import Layout


@dataclass
class StateCounter:
    """Counts the patterns of which neurons of a layer are on, sample by sample and timestep by timestep.

    A pattern is kept as a hash of 16 bytes, so that memory does not grow with the layer.

    Args:
        neurons: Neurons of the layer.
        seen: How often each pattern was seen.
    """

    neurons: int
    seen: Counter[bytes] = field(default_factory=Counter[bytes])

    def see(self, on: npt.NDArray[np.bool_]) -> None:
        """Note states, shape `(..., neurons)`."""
        packed = np.packbits(on.reshape(-1, self.neurons), axis=1)
        self.seen.update(blake2b(row.tobytes(), digest_size=16).digest() for row in packed)

    @property
    def entropy(self) -> float:
        """Bits a state tells: `−Σ p log2 p` over the patterns seen; at most the logarithm of their number."""
        total = self.seen.total()
        return max(0.0, -sum(count / total * log2(count / total) for count in self.seen.values()))

    @property
    def efficiency(self) -> float:
        """Entropy by neuron, 0..1: 1 if every neuron is a fair coin of its own.

        Reference:
            schaub2020; hawks2021 (Ps and Qs), the neural efficiency of a layer.
        """
        return self.entropy / self.neurons


class Signs:
    """Which outputs of layers without spiking neurons are above zero, call by call."""

    def __init__(self) -> None:
        self._calls: dict[int, list[npt.NDArray[np.bool_]]] = {}
        self._last: tuple[int, Layout, torch.Size] | None = None

    def see(self, place: int, layout: Layout, output: Tensor) -> None:
        """Note one call of a product.

        Args:
            place: The product's.
            layout: Where time and samples lie.
            output: What it put out.
        """
        self._last = (place, layout, output.shape)
        self._calls.setdefault(place, []).append(_on(layout, output))

    def replace(self, output: Tensor) -> None:
        """Take what a batch norm put out in place of the last call, if it can be what that became."""
        if self._last is not None and output.shape == self._last[2]:
            place, layout, _ = self._last
            self._calls[place][-1] = _on(layout, output)

    def pending(self, place: int) -> npt.NDArray[np.bool_] | None:
        """What a product's calls noted since this was last asked, shape `(timesteps, samples, neurons)`."""
        calls, self._last = self._calls.pop(place, None), None
        return None if calls is None else np.concatenate(calls)


def _on(layout: Layout, output: Tensor) -> npt.NDArray[np.bool_]:
    return (layout.split(output) > 0).flatten(2).cpu().numpy()
