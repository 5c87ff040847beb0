"""From sound to events: a bank of band-pass filters, and thresholds on the loudness of each band."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from spareto.core.config import Record, Rule
from spareto.data.readers import EventStream

Count = Annotated[int, Field(ge=1, le=512, strict=True), Rule("an integer from 1 to 512")]
Hertz = Annotated[float, Field(gt=0, le=1e6), Rule("a frequency above 0, at most 1e6 Hz")]
Milliseconds = Annotated[float, Field(gt=0, le=1000), Rule("milliseconds above 0, at most 1000")]
Decibels = Annotated[float, Field(gt=0, le=200), Rule("decibels above 0, at most 200")]


class Hearing(Record):
    """An ear that sends an event whenever the loudness of a band crosses a threshold.

    The power of the short-time spectrum is summed in triangular bands that are equally wide on the mel scale.
    In decibels below the loudest band of the recording it crosses `levels` thresholds, spread evenly over
    `range_db`: upwards it sends an ON event, downwards an OFF event, at the time that linear interpolation
    gives. The column of an event is its band, its row its threshold.

    Args:
        bands: Filters, low to high.
        levels: Thresholds a band has.
        range_db: Loudness that the thresholds span, decibels below the loudest.
        lowest_hz: Lower edge of the lowest band; the highest one ends at half the sampling rate.
        window_ms: Length of the window of a spectrum.
        hop_ms: Time between two spectra.

    Reference:
        stevens1937 (mel scale); miskowicz2006 (events on levels).
    """

    bands: Count = 32
    levels: Count = 6
    range_db: Decibels = 42.0
    lowest_hz: Hertz = 100.0
    window_ms: Milliseconds = 32.0
    hop_ms: Milliseconds = 8.0

    def hear(self, samples: npt.NDArray[np.number], rate: float, where: str) -> EventStream:
        """The events of a sound.

        Args:
            samples: Shape (samples,).
            rate: Samples a second.
            where: Where it comes from, for messages.

        Returns:
            Events in order of time; none of silence.
        """
        loudness = self._loudness(np.asarray(samples, np.float64), rate)
        steps = loudness / (self.range_db / self.levels)
        before = np.concatenate((np.zeros((1, self.bands)), steps[:-1]))  # silence comes first
        low, high = np.minimum(before, steps), np.maximum(before, steps)
        # thresholds lie at 0.5, 1.5, ... steps, so that silence is below all of them
        counts = (np.floor(high + 0.5) - np.floor(low + 0.5)).astype(np.int64)
        spectrum, band = np.nonzero(counts)
        each = counts[spectrum, band]
        spectrum, band = np.repeat(spectrum, each), np.repeat(band, each)
        first = np.repeat(np.cumsum(each) - each, each)
        level = np.floor(low[spectrum, band] + 0.5).astype(np.int64) + np.arange(len(first)) - first
        start, end = before[spectrum, band], steps[spectrum, band]
        share = (level + 0.5 - start) / (end - start)
        times = np.rint((spectrum + share) * self.hop_ms * 1000).astype(np.int64)
        rising = (end > start).astype(np.uint8)
        stream = EventStream(
            where, band.astype(np.uint16), level.astype(np.uint16), rising, times, (self.levels, self.bands)
        )
        return stream.take(np.argsort(times, kind="stable"))

    def _loudness(self, samples: npt.NDArray[np.float64], rate: float) -> npt.NDArray[np.float64]:
        """Decibels above the lowest threshold's zero, 0 to `range_db`, shape (spectra, bands)."""
        window = max(4, round(self.window_ms * 1e-3 * rate))
        hop = max(1, round(self.hop_ms * 1e-3 * rate))
        padded = np.pad(samples, (window // 2, window))
        pieces = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
        pieces = pieces[: len(samples) // hop + 1] * np.hanning(window + 1)[:-1]
        power = np.abs(np.fft.rfft(pieces)) ** 2
        in_bands = power @ self._filters(np.fft.rfftfreq(window, 1 / rate), rate).T
        loudest = in_bands.max(initial=0.0)
        if loudest <= 0:
            return np.zeros((len(power), self.bands))
        with np.errstate(divide="ignore"):
            below = 10 * np.log10(in_bands / loudest)
        return np.clip(below + self.range_db, 0, self.range_db)

    def _filters(self, frequencies: npt.NDArray[np.floating], rate: float) -> npt.NDArray[np.float64]:
        """Weight of each frequency in each band, shape (bands, frequencies)."""
        edges = _hertz(np.linspace(_mel(self.lowest_hz), _mel(rate / 2), self.bands + 2))
        left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
        rising, falling = (frequencies - left) / (middle - left), (right - frequencies) / (right - middle)
        weights = np.clip(np.minimum(rising, falling), 0, None)
        nearest = np.abs(frequencies - middle).argmin(1)  # a band narrower than the spectrum's step has one
        empty = weights.sum(1) == 0
        weights[empty, nearest[empty]] = 1.0
        return weights


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def _hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 700 * (10 ** (mel / 2595) - 1)
