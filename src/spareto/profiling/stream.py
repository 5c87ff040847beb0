"""Non-zero elements of one tensor over all batches: how many, when, where."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Final

import numpy as np
import numpy.typing as npt
from torch import Tensor

from spareto.formats import Format, Gaps, Sizes, measured_formats
from spareto.kernels.trains import Counts, Effects, add_places, pack
from spareto.profiling.storage import Trains, Words, joined

Amounts = npt.NDArray[np.float64]
TOGETHER: Final = 128
"""Samples whose elements are added up in one pass: the sums of all elements leave the caches."""
MOST_WAITING: Final = 32 << 20
"""Bytes of bits that wait for it at most."""


class TensorStream:
    """Gathers a tensor call by call and batch by batch, as `(time, samples, channels, height, width)`.

    Args:
        effects: Whole numbers of 0 or more an element, shape `(elements, 2)`; their sums over the non-zero
            elements are wanted.
        stored: Whether the sizes of its spikes in storage formats are wanted.
    """

    def __init__(self, effects: Tensor | None = None, *, stored: bool = True) -> None:
        self.shape: tuple[int, ...] = ()
        self.spikes_only = True
        self._effects = None if effects is None else Effects(effects.double().numpy())
        self._formats: Mapping[str, Format] = measured_formats() if stored else {}
        self._calls: list[Words] = []
        self._counts: list[Amounts] = []
        self._met: list[Amounts] = []
        self._by_step: Counts | None = None
        self._waiting: list[Words] = []
        self._awake: list[Amounts] = []
        self._windows: list[npt.NDArray[np.int64]] = []
        self._gaps: list[Gaps] = []
        self._sizes: dict[str, list[Sizes]] = {}

    def see(self, tensor: Tensor) -> None:
        """Note one call, shape `(timesteps, samples, channels, height, width)`; it may change afterwards."""
        words, ones = pack(tensor.reshape(tensor.shape[0] * tensor.shape[1], -1))
        self.see_words(words.reshape(*tensor.shape[:2], -1), ones, tuple(tensor.shape[2:]))

    def see_words(self, words: Words, ones: bool, shape: tuple[int, ...]) -> None:
        """Note one call that is packed already.

        Args:
            words: Which elements are not zero, shape `(timesteps, samples, words)`.
            ones: Whether they are all 1.
            shape: Channels, height and width.
        """
        self.shape = shape
        self.spikes_only = self.spikes_only and ones
        self._calls.append(words)

    def pending(self) -> npt.NDArray[np.bool_] | None:
        """What was not zero since the last batch ended, shape `(time, samples, elements)`; None: nothing."""
        if not self._calls:
            return None
        words = np.ascontiguousarray(np.concatenate(self._calls))
        bits = np.unpackbits(words.view(np.uint8), axis=-1, bitorder="little", count=prod(self.shape))
        return bits.astype(np.bool_)

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
        trains = _same_or_new(
            self._together(before, behind), prod(self.shape), [] if known is None else known
        )
        if self.spikes_only and self._formats:
            self._windows.append(trains.windows)
            self._see_gaps(trains)
        self._counts.append(trains.counts)
        self._awake.append(trains.awake)
        if self._effects is not None:
            self._met.append(_sums_of(trains, self._effects))
        self._waiting.append(trains.words)
        if (
            sum(words.shape[1] for words in self._waiting) >= TOGETHER
            or sum(words.nbytes for words in self._waiting) >= MOST_WAITING
        ):
            self._add_places()

    def _see_gaps(self, trains: Trains) -> None:
        if not self._gaps:
            settled = {
                name: fmt.sizes_of(trains.gaps, fmt.spike_width) for name, fmt in self._formats.items()
            }
            self._sizes = {name: [] for name, sizes in settled.items() if sizes is None}
        self._gaps.append(trains.gaps)
        for name, sizes in self._sizes.items():
            sizes.append(trains.sizes(self._formats[name]))

    def _add_places(self) -> None:
        if not self._waiting:
            return
        words = self._waiting[0] if len(self._waiting) == 1 else np.concatenate(self._waiting, axis=1)
        self._waiting.clear()
        if self._by_step is None:
            self._by_step = np.zeros((len(words), prod(self.shape)), np.int64)
        add_places(self._by_step, words)

    def _together(self, before: int, behind: int) -> Words:
        empty = np.zeros_like(self._calls[0][:1])
        calls = [*[empty] * before, *self._calls, *[empty] * behind]
        self._calls.clear()
        return np.concatenate(calls) if len(calls) > 1 else calls[0]

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
    def by_step(self) -> Counts:
        """Non-zero elements, summed over samples, shape `(time, elements)`."""
        self._add_places()
        if self._by_step is None:
            raise ValueError("nothing was seen")
        return self._by_step

    @property
    def by_place(self) -> Amounts:
        """Non-zero elements, summed over samples and timesteps, shape `(channels, height, width)`."""
        return self.by_step.sum(0).astype(np.float64).reshape(self.shape)

    @property
    def awake(self) -> Amounts:
        """Elements that are not zero at some timestep, shape `(samples,)`."""
        return np.concatenate(self._awake)

    @property
    def stored_bits(self) -> dict[str, tuple[float, float]]:
        """Mean and largest size over the samples, by storage format; nothing for numbers."""
        if not self.spikes_only or not self._gaps:
            return {}
        gaps, found = joined(self._gaps), dict[str, tuple[float, float]]()
        for name, fmt in self._formats.items():
            early = self._sizes.get(name)
            sizes = fmt.sizes_of(gaps, fmt.spike_width) if early is None else np.concatenate(early)
            assert sizes is not None, "it was settled in the first batch"
            found[name] = float(sizes.mean()), float(sizes.max())
        return found

    @property
    def windows(self) -> tuple[tuple[float, float], ...]:
        """Elements in awake windows of 1, 2, ... timesteps: mean over the samples, and the largest."""
        if not self.spikes_only or not self._windows:
            return ()
        counts = np.concatenate(self._windows, axis=1)
        return tuple(zip(counts.mean(1).tolist(), counts.max(1).astype(float).tolist(), strict=True))


def _sums_of(trains: Trains, effects: Effects) -> Amounts:
    if effects.alike:  # a dense layer that is not pruned
        return trains.counts[..., None] * effects.each[0]
    return effects.sums(trains.words)


def _same_or_new(words: Words, elements: int, known: list[Trains]) -> Trains:
    """The trains if somebody counted them already; else new ones, which are then known."""
    found = next((each for each in known if each.are(words, elements)), None)
    if found is None:
        found = Trains(words, elements)
        known.append(found)
    return found
