"""Non-zero elements of one tensor over all batches: how many, when, where."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spareto.hardware.formats import Sizes
from spareto.profiling.storage import Trains

DIGIT: Final = 1 << 8
CHUNK: Final = 1 << 16  # digits below 256 of so many elements add up exactly in single precision

Amounts = npt.NDArray[np.float64]


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
        self._effects = None if effects is None else _Effects(effects)
        self._stored = stored
        self._calls: list[Tensor] = []
        self._counts: list[Amounts] = []
        self._met: list[Amounts] = []
        self._by_step: Amounts | None = None
        self._awake: list[Amounts] = []
        self._windows: list[npt.NDArray[np.int64]] = []
        self._sizes: list[dict[str, Sizes]] = []

    def see(self, tensor: Tensor) -> None:
        """Note one call, shape `(timesteps, samples, channels, height, width)`; it may change afterwards."""
        self._calls.append(tensor.detach().to(torch.float32, copy=True))

    def pending(self) -> Tensor | None:
        """What was noted since the last batch ended, calls joined along time."""
        return torch.cat(self._calls) if self._calls else None

    def end_batch(self, known: list[Trains] | None = None, *, before: int = 0, behind: int = 0) -> None:
        """Count one batch.

        Args:
            known: Trains of this batch that others counted: what neurons emit is often what the next layer is
                given.
            before: Empty timesteps before the first call.
            behind: Empty timesteps after the last.
        """
        if not self._calls:
            return
        values = self._together(before, behind)
        self.shape = tuple(values.shape[2:])
        flat = values.flatten(2)
        live = flat != 0
        self.spikes_only = self.spikes_only and torch.equal(flat == 1, live)
        ones = flat if self.spikes_only else live.to(torch.float32)
        trains = _same_or_new(Trains.pack(live), ones, [] if known is None else known)
        self._counts.append(trains.counts)
        self._by_step = trains.by_step if self._by_step is None else self._by_step + trains.by_step
        self._awake.append(trains.awake)
        if self._effects is not None:
            self._met.append(self._effects.sums(ones))
        if self.spikes_only and self._stored:
            self._windows.append(trains.windows)
            self._sizes.append(trains.sizes)

    def _together(self, before: int, behind: int) -> Tensor:
        empty = torch.zeros_like(self._calls[0][:1])
        calls = [*[empty] * before, *self._calls, *[empty] * behind]
        self._calls.clear()
        return torch.cat(calls) if len(calls) > 1 else calls[0]

    @property
    def samples(self) -> int:
        """Samples seen."""
        return sum(counts.shape[1] for counts in self._counts)

    @property
    def steps(self) -> int:
        """Timesteps of an inference."""
        return self._counts[0].shape[0]

    @property
    def per_sample(self) -> Amounts:
        """Non-zero elements of an inference, shape `(samples,)`."""
        return np.concatenate([counts.sum(0) for counts in self._counts])

    @property
    def per_timestep(self) -> Amounts:
        """Mean over the samples, shape `(time,)`."""
        return np.concatenate(self._counts, axis=1).mean(1)

    def effect(self, column: int) -> Amounts:
        """Sum of one of the effects over the non-zero elements of an inference, shape `(samples,)`."""
        return np.concatenate([met[..., column].sum(0) for met in self._met])

    @property
    def by_step(self) -> Amounts:
        """Non-zero elements, summed over samples, shape `(time, elements)`."""
        if self._by_step is None:
            raise ValueError("nothing was seen")
        return self._by_step

    @property
    def by_place(self) -> Amounts:
        """Non-zero elements, summed over samples and timesteps, shape `(channels, height, width)`."""
        return self.by_step.sum(0).reshape(self.shape)

    @property
    def awake(self) -> Amounts:
        """Elements that are not zero at some timestep, shape `(samples,)`."""
        return np.concatenate(self._awake)

    @property
    def stored_bits(self) -> dict[str, tuple[float, float]]:
        """Mean and largest size over the samples, by storage format; nothing for numbers."""
        if not self.spikes_only or not self._sizes:
            return {}
        joined = {name: np.concatenate([each[name] for each in self._sizes]) for name in self._sizes[0]}
        return {name: (float(sizes.mean()), float(sizes.max())) for name, sizes in joined.items()}

    @property
    def windows(self) -> tuple[tuple[float, float], ...]:
        """Elements in awake windows of 1, 2, ... timesteps: mean over the samples, and the largest."""
        if not self.spikes_only or not self._windows:
            return ()
        counts = np.concatenate(self._windows, axis=1)
        return tuple(zip(counts.mean(1).tolist(), counts.max(1).astype(float).tolist(), strict=True))


def _same_or_new(packed: npt.NDArray[np.uint8], ones: Tensor, known: list[Trains]) -> Trains:
    """The trains if somebody counted them already; else new ones, which are then known."""
    found = next((each for each in known if each.are(packed, ones.shape[2])), None)
    if found is None:
        found = Trains(packed, ones.shape[2], ones)
        known.append(found)
    return found


class _Effects:
    """Sums of whole numbers over non-zero elements, exact in single precision: digit by digit.

    Args:
        effects: Whole numbers of 0 or more, shape `(elements, k)`.
    """

    def __init__(self, effects: Tensor) -> None:
        whole, columns = effects.to(torch.int64), list[tuple[Tensor, Amounts]]()
        for place in range(4):
            for column in range(whole.shape[1]):
                digits = (whole[:, column] >> (8 * place)) % DIGIT
                if bool(digits.any()):
                    weights = np.zeros(whole.shape[1])
                    weights[column] = float(DIGIT**place)
                    columns.append((digits, weights))
        self._width = whole.shape[1]
        self._digits = torch.stack([digits for digits, _ in columns], 1).float() if columns else None
        self._weights = np.array([weights for _, weights in columns])

    def sums(self, ones: Tensor) -> Amounts:
        """Shape `(time, samples, k)`; every sum of digits stays below 2 ** 24.

        Args:
            ones: 1 where an element is not zero, shape `(time, samples, elements)`.
        """
        total = np.zeros((*ones.shape[:2], self._width))
        if self._digits is None:
            return total
        for first in range(0, ones.shape[2], CHUNK):
            part = ones[..., first : first + CHUNK] @ self._digits[first : first + CHUNK]
            total += part.double().numpy() @ self._weights
        return total
