"""Counts of non-zero elements, per sample and timestep."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spareto.profiling.places import Places
from spareto.profiling.storage import Storage


class Activity:
    """Non-zero elements of one tensor, gathered batch by batch.

    A layer may see all timesteps in one call (`time x batch` samples) or one timestep a call; both are put
    together as `(time, batch)`.
    """

    def __init__(self) -> None:
        self.places = Places()
        self.storage = Storage()
        self.shape: tuple[int, ...] = ()
        self.spikes_only = True
        self._calls: list[Tensor] = []
        self._batches: list[Tensor] = []

    def see(self, tensor: Tensor, counts: Tensor | None = None, *, batch: int = 0) -> None:
        """Note one call.

        Args:
            tensor: Shape `(samples, ...)`; samples are a batch, or time x batch.
            counts: What to count, shape `(samples,)`; by default the tensor's non-zero elements.
            batch: Samples of the batch, to note the places of the non-zero elements too.
        """
        self.shape = tuple(tensor.shape[1:])
        self.spikes_only = self.spikes_only and bool(((tensor == 0) | (tensor == 1)).all())
        if batch:
            self._locate(tensor != 0, batch)
        self._calls.append((tensor != 0).flatten(1).sum(1).double() if counts is None else counts)

    def _locate(self, live: Tensor, batch: int) -> None:
        """Note where non-zero elements are, and keep spikes until their train is complete."""
        self.places.see(live, batch)
        if self.spikes_only:
            self.storage.see(live, batch)

    def end_batch(self, samples: int) -> None:
        """Put the calls of one batch together as `(time, samples)`."""
        if self._calls:
            self._batches.append(torch.cat(self._calls).reshape(-1, samples))
            self._calls.clear()
            self.places.end_batch()
            self.storage.end_batch()

    @property
    def per_sample(self) -> npt.NDArray[np.float64]:
        """Totals over time, shape `(samples,)`."""
        return torch.cat([batch.sum(0) for batch in self._batches]).numpy()

    @property
    def per_timestep(self) -> npt.NDArray[np.float64]:
        """Means over samples, shape `(time,)`."""
        return torch.cat(self._batches, dim=1).mean(1).numpy()
