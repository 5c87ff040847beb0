"""Networks that write down what enters each weight and what each neuron emits: plain lists, no hooks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass
class Site:
    """One use of a weight, as a network tells of it.

    Args:
        name: Name of the layer in the workload.
        layer: The module, or `twin.Weights`.
        inputs: What entered, `(T, N, places..., features...)`.
        outputs: What its neurons emitted, `(T, N, places..., channels, ...)`; None without neurons.
        places: Axes of the input between the samples and the features, such as tokens.
        out_places: The same of the output.
        pooled: Whether pooling stands between the layer and its neurons.
        driven: Output channels that a constant reaches in every timestep; None: those with a bias.
        held: Timesteps in which its result is taken, if it is computed once; such a layer has no bias here.
    """

    name: str
    layer: object
    inputs: np.ndarray
    outputs: np.ndarray | None = None
    places: int = 0
    out_places: int = 0
    pooled: bool = False
    driven: object = None
    held: int = 1


class Book:
    """What a network wrote down; nothing while it is closed, so that a profile sees the network alone."""

    def __init__(self):
        self.open = False
        self._pages = defaultdict(list)

    def note(self, name: str, tensor: Tensor, form: str = "step", samples: int = 0) -> Tensor:
        """Write a tensor down.

        Args:
            name: What it is.
            tensor: Left alone.
            form: `step` `(N, ...)`; `TB` `(T, N, ...)`; `BT` `(N, T, ...)`; `T*B` and `B*T` merged.
            samples: N, for the merged forms.
        """
        if self.open:
            values = tensor.detach().cpu().numpy().copy()
            if form == "BT":
                values = values.swapaxes(0, 1)
            elif form == "T*B":
                values = values.reshape(-1, samples, *values.shape[1:])
            elif form == "B*T":
                values = values.reshape(samples, -1, *values.shape[1:]).swapaxes(0, 1)
            self._pages[name].append(values[None] if form == "step" else values)
        return tensor

    def __getitem__(self, name: str) -> np.ndarray:
        """All timesteps of what has this name."""
        return np.concatenate(self._pages[name])

    def __contains__(self, name):
        return name in self._pages

    def clear(self):
        """Forget everything."""
        self._pages.clear()
