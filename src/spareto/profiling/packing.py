"""Pack each tensor once: what neurons emit is often what the next layer is given."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from spareto.kernels.spikes import Spikes
from spareto.kernels.trains import Words, pack, rows
from spareto.profiling.axes import Layout

Pack = Callable[[Layout, Tensor], tuple[Words, bool]]
"""Gives a tensor as bits; see `Layout.words`."""


class LastPacked:
    """Remembers the tensor that was packed last, until something may have changed it."""

    def __init__(self) -> None:
        self._last: tuple[Tensor, Layout, tuple[Words, bool]] | None = None
        self._bits: tuple[Tensor, Words] | None = None

    def words(self, layout: Layout, tensor: Tensor) -> tuple[Words, bool]:
        """`tensor` as bits; see `Layout.words`."""
        if self._last is None or self._last[0] is not tensor or self._last[1] != layout:
            self._last = tensor, layout, layout.words(tensor)
        return self._last[2]

    def of_layer(self, sequence: Tensor | Spikes) -> tuple[Words, bool]:
        """What a fused layer is given or gives, `(time, samples, ...)`, as `(time, samples, 1, words)`."""
        if isinstance(sequence, Tensor):
            words, ones = pack(sequence.reshape(sequence.shape[0] * sequence.shape[1], -1))
            return words.reshape(*sequence.shape[:2], 1, -1), ones
        if self._bits is None or self._bits[0] is not sequence.bits:
            words = rows(sequence.bits, sequence.channels)
            self._bits = sequence.bits, words.reshape(*sequence.shape[:2], 1, -1)
        return self._bits[1], True

    def forget(self) -> None:
        """An operator has changed some tensor, or a module ran of which nothing was seen."""
        self._last = None
