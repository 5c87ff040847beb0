"""Non-zero elements of one tensor over all batches: how many, when, where."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spareto.profiling.storage import Batch, Storage

DIGIT: Final = 1 << 8
CHUNK: Final = 1 << 16  # digits below 256 of so many elements add up exactly in single precision


class Stream:
    """Gathers a tensor call by call and batch by batch, as `(time, samples, channels, height, width)`.

    Args:
        effects: Whole numbers of 0 or more an element, shape `(elements, k)`; their sums over the non-zero
            elements are wanted.
        stored: Whether the sizes of its spikes in storage formats are wanted.
    """

    def __init__(self, effects: Tensor | None = None, *, stored: bool = True) -> None:
        self.shape: tuple[int, ...] = ()
        self.spikes_only = True
        self._digits = None if effects is None else _digits(effects)
        self._storage = Storage() if stored else None
        self._calls: list[Tensor] = []
        self._totals: list[npt.NDArray[np.float64]] = []
        self._by_step: npt.NDArray[np.float64] | None = None
        self._awake: list[npt.NDArray[np.float64]] = []

    def see(self, tensor: Tensor) -> None:
        """Note one call, shape `(timesteps, samples, channels, height, width)`; it may change afterwards."""
        ones = (tensor != 0).to(torch.float32)
        self.spikes_only = self.spikes_only and torch.equal(ones, tensor.to(torch.float32))
        self._calls.append(ones)

    def end_batch(self, sized: list[Batch] | None = None, *, before: int = 0, behind: int = 0) -> None:
        """Count one batch.

        Args:
            sized: What others sized of this batch.
            before: Empty timesteps before the first call.
            behind: Empty timesteps after the last.
        """
        if not self._calls:
            return
        empty = torch.zeros_like(self._calls[0][:1])
        self._calls[:0] = [empty] * before
        self._calls += [empty] * behind
        ones = torch.cat(self._calls) if len(self._calls) > 1 else self._calls[0]
        self._calls.clear()
        self.shape = tuple(ones.shape[2:])
        flat = ones.flatten(2)
        self._totals.append(self._sums(flat))
        by_step = flat.sum(1).double().numpy()
        self._by_step = by_step if self._by_step is None else self._by_step + by_step
        self._awake.append(flat.amax(0).sum(1).double().numpy())
        if self.spikes_only and self._storage is not None:
            self._storage.see(flat.flatten(0, 1) != 0, flat.shape[1])
            self._storage.end_batch(sized)

    @property
    def samples(self) -> int:
        """Samples seen."""
        return sum(totals.shape[1] for totals in self._totals)

    @property
    def steps(self) -> int:
        """Timesteps of an inference."""
        return self._totals[0].shape[0]

    @property
    def per_sample(self) -> npt.NDArray[np.float64]:
        """Non-zero elements of an inference, shape `(samples,)`."""
        return np.concatenate([totals[..., 0].sum(0) for totals in self._totals])

    @property
    def per_timestep(self) -> npt.NDArray[np.float64]:
        """Mean over the samples, shape `(time,)`."""
        return np.concatenate([totals[..., 0] for totals in self._totals], axis=1).mean(1)

    def effect(self, column: int) -> npt.NDArray[np.float64]:
        """Sum of one of the effects over the non-zero elements of an inference, shape `(samples,)`."""
        return np.concatenate([totals[..., 1 + column].sum(0) for totals in self._totals])

    @property
    def by_step(self) -> npt.NDArray[np.float64]:
        """Non-zero elements, summed over samples, shape `(time, elements)`."""
        if self._by_step is None:
            raise ValueError("nothing was seen")
        return self._by_step

    @property
    def by_place(self) -> npt.NDArray[np.float64]:
        """Non-zero elements, summed over samples and timesteps, shape `(channels, height, width)`."""
        return self.by_step.sum(0).reshape(self.shape)

    @property
    def awake(self) -> npt.NDArray[np.float64]:
        """Elements that are not zero at some timestep, shape `(samples,)`."""
        return np.concatenate(self._awake)

    @property
    def stored_bits(self) -> dict[str, tuple[float, float]]:
        """Mean and largest size over the samples, by storage format; nothing for numbers."""
        return self._storage.bits if self.spikes_only and self._storage is not None else {}

    @property
    def windows(self) -> tuple[tuple[float, float], ...]:
        """Elements in awake windows of 1, 2, ... timesteps: mean over the samples, and the largest."""
        return self._storage.windows if self.spikes_only and self._storage is not None else ()

    def _sums(self, live: Tensor) -> npt.NDArray[np.float64]:
        """Counts and effects, shape `(time, samples, 1 + k)`; exact, for every sum stays below 2 ** 24."""
        total = np.zeros((*live.shape[:2], 1 if self._digits is None else 1 + self._digits.shape[1]))
        for first in range(0, live.shape[2], CHUNK):
            part = live[..., first : first + CHUNK]
            total[..., 0] += part.sum(2).numpy()
            if self._digits is not None:
                columns = self._digits[first : first + CHUNK].flatten(1)
                total[..., 1:] += (part @ columns).unflatten(
                    2, self._digits.shape[1:]
                ).double().numpy() @ _POWERS
        return total


_POWERS: Final = np.array([1.0, DIGIT, DIGIT**2, DIGIT**3])


def _digits(effects: Tensor) -> Tensor:
    """Whole numbers by their digits to the base 256, shape `(elements, k, 4)`, single precision."""
    whole = effects.to(torch.int64)
    return torch.stack([(whole >> (8 * place)) % DIGIT for place in range(4)], dim=2).to(torch.float32)
