"""Spike trains as bits, and what is counted of them: in C, or in numpy where there is no compiler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spareto.kernels.library import backend, function

GRAIN: Final = 1 << 20  # elements that one thread counts in less time than it takes to wake others

Words = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
Amounts = npt.NDArray[np.float64]


def pack(x: Tensor) -> tuple[Words, bool]:
    """Which elements are not zero.

    Args:
        x: Any real type, shape `(rows, elements)`; a NaN is not zero.

    Returns:
        64 elements a word, the first in the lowest bit, shape `(rows, words)`; and whether all that are not
        zero are 1.
    """
    if backend() != "c":
        return _pack(x)
    ones, x = True, x.cpu()
    if x.dtype != torch.float32:
        live = x != 0
        ones, x = bool((x == live).all()), live.to(torch.float32)
    x = x.contiguous()
    words, other = np.empty((x.shape[0], -(-x.shape[1] // 64)), np.uint64), np.zeros((), np.int64)
    run = function("spareto_pack_rows", "pppqqqqqi")
    run(x.data_ptr(), _at(words), _at(other), *x.shape, 1, x.shape[1], 0, _threads(x.numel()))
    return words, ones and not other


def _pack(x: Tensor) -> tuple[Words, bool]:
    x = x.cpu()
    live = x != 0
    packed = np.packbits(live.numpy(), axis=1, bitorder="little")
    words = np.zeros((len(packed), -(-packed.shape[1] // 8) * 8), np.uint8)
    words[:, : packed.shape[1]] = packed
    return words.view(np.uint64), bool((x == live).all())


def unpack(words: Words, elements: int) -> npt.NDArray[np.bool_]:
    """Whether an element is not zero, shape `(..., elements)`; the inverse of `pack`."""
    bits = np.unpackbits(words.view(np.uint8), axis=-1, bitorder="little", count=elements)
    return bits.view(np.bool_)


def gaps(words: Words, elements: int, levels: int) -> tuple[Counts, Counts, Counts]:
    """What is counted of each sample's train: all timesteps in a row.

    Args:
        words: Shape `(time, samples, words)`.
        elements: Elements of a timestep.
        levels: Largest k below.

    Returns:
        Non-zero elements, shape `(time, samples)`; for k from 1 to `levels` the sum of `zeros before it >> k`
        over them, and blocks of 2^k elements that are not all zero, both of shape `(samples, levels)`.
    """
    time, samples, _ = words.shape
    live, padding, blocks = (
        np.zeros(shape, np.int64) for shape in ((time, samples), (samples, levels), (samples, levels))
    )
    run = function("spareto_train_gaps", "ppppqqqqi")
    run(
        *(_at(words), _at(live), _at(padding), _at(blocks), time, samples, elements, levels),
        _threads(64 * words.size),
    )
    return live, padding, blocks


def rows(bits: Tensor, channels: int) -> Words:
    """Channels-last bits of spiking layers in the order of `pack`; only where the backend is `c`.

    Args:
        bits: Shape `(images, pixels, words of channels)`, int64.
        channels: How many there are.

    Returns:
        Element `channel x pixels + pixel`, shape `(images, words)`.
    """
    images, pixels, _ = bits.shape
    if pixels == 1:
        return bits.squeeze(1).numpy().view(np.uint64)
    words = np.empty((images, -(-channels * pixels // 64)), np.uint64)
    run = function("spareto_train_rows", "ppqqqi")
    run(bits.data_ptr(), _at(words), images, pixels, channels, _threads(64 * words.size))
    return words


def add_places(counts: Counts, words: Words) -> None:
    """Add the non-zero elements, summed over samples.

    Args:
        counts: Of each element so far, shape `(time, elements)`, in one piece.
        words: Shape `(time, samples, words)`.
    """
    elements = counts.shape[1]
    if backend() != "c":
        counts += unpack(words, elements).sum(1, dtype=np.int64)
        return
    run = function("spareto_train_places", "ppqqqi")
    run(_at(words), _at(counts), *words.shape[:2], elements, _threads(64 * words.size))


def windows(words: Words) -> Counts:
    """Elements of all timesteps in whose window they are not silent; only where the backend is `c`.

    Args:
        words: Shape `(time, samples, words)`.

    Returns:
        For windows of 1, 2, ... timesteps, cut from the first on; shape `(time, samples)`.
    """
    counts = np.empty(words.shape[:2], np.int64)
    run = function("spareto_train_windows", "ppqqqi")
    run(_at(words), _at(counts), *words.shape, _threads(64 * words.size))
    return counts


class Effects:
    """Two numbers of each element, to be summed over the non-zero ones.

    Args:
        each: Whole numbers below 2^53, shape `(elements, 2)`.
    """

    def __init__(self, each: Amounts) -> None:
        self.each = np.ascontiguousarray(each, np.float64)
        self._usual = self.each[len(each) // 2] if len(each) else np.zeros(2)
        others = (self.each != self._usual).any(1)
        self._others, _ = pack(torch.from_numpy(others)[None])
        self.alike = not others.any()

    def sums(self, words: Words) -> Amounts:
        """The sums of each row.

        Args:
            words: Shape `(time, samples, words)`.

        Returns:
            Shape `(time, samples, 2)`.
        """
        if backend() != "c":
            return unpack(words, len(self.each)).astype(np.float64) @ self.each
        sums = np.empty((*words.shape[:2], 2))
        run = function("spareto_train_effects", "pppppqqi")
        arrays = (words, self.each, self._usual, self._others, sums)
        rows = words.shape[0] * words.shape[1]
        run(*(_at(array) for array in arrays), rows, len(self.each), _threads(64 * words.size))
        return sums


@dataclass(frozen=True)
class Spread:
    """Where the inputs of a layer lead; mirrors `spread_shape` in `csrc/trains.c`.

    Args:
        inputs: Channels, height and width of what enters.
        outputs: Height and width of what leaves.
        kernel: Height and width, as all pairs below.
        stride: Steps between two outputs.
        padding: Zeros before the first place.
        dilation: Steps between two taps.
        transposed: Whether it is the transpose of such a convolution.
    """

    inputs: tuple[int, int, int]
    outputs: tuple[int, int] = (1, 1)
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    transposed: bool = False

    def array(self, classes: int, size: int) -> Counts:
        """The numbers in their order in C, for masks of so many classes and words."""
        pairs = (self.outputs, self.kernel, self.stride, self.padding, self.dilation)
        return np.array(
            [*self.inputs, *(n for pair in pairs for n in pair), classes, size, self.transposed], np.int64
        )


def reached(words: Words, masks: Words, class_of: Counts, weights: Counts, spread: Spread) -> Counts:
    """Outputs that the non-zero elements of each row reach; only where the backend is `c`.

    Args:
        words: Shape `(rows, words)`.
        masks: Outputs that an element of each class reaches by each tap, `(classes, *kernel, output words)`.
        class_of: Class of each input channel.
        weights: How often each output counts, shape `(64 x output words,)`.
        spread: Where taps lead.

    Returns:
        Shape `(rows,)`.
    """
    counts, size = np.empty(len(words), np.int64), masks.shape[-1]
    shape, classes = spread.array(len(masks), size), class_of.astype(np.int32)
    masks, weights = np.ascontiguousarray(masks), np.ascontiguousarray(weights, np.int64)
    run = function("spareto_train_reached", "ppppppqi")
    arrays = (words, masks, classes, weights, counts, shape)
    run(*(_at(array) for array in arrays), len(words), _threads(64 * words.size))
    return counts


def _threads(elements: int) -> int:
    """Threads worth waking."""
    return torch.get_num_threads() if elements >= GRAIN else 1


def _at(array: npt.NDArray[Any]) -> int:
    return torch.from_numpy(array).data_ptr()  # `ctypes.data` takes longer
