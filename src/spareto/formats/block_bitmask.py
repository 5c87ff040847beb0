"""Block bitmask: one bit a block says whether anything in it is left, and only such blocks have a mask."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from spareto.formats._base import (
    Bools,
    Encoded,
    Format,
    Size,
    Sizes,
    Train,
    Values,
    expected_live_groups,
    width_of,
)


class BlockBitmask(Format):
    """Blocks of 2^k elements: a mask of blocks, then the masks of blocks that are not empty, then values.

    k is part of the layer's configuration; the last block is filled up with zeros.

    Args:
        block_bits: k; None takes the k that makes this tensor smallest.

    Reference:
        wu2022: a B rank over a B rank.
    """

    locates_zeros = True
    implies_ones = True

    def __init__(self, block_bits: int | None = None) -> None:
        self.block_bits = block_bits

    def encode(self, tensor: Values, bits: int) -> Encoded:
        """Masks of blocks, masks inside them, non-zero values."""
        flat = tensor.reshape(-1)
        width = self._width(flat != 0)
        blocks = _blocks(flat != 0, width)
        kept = blocks.any(axis=1)
        return Encoded(tensor.shape, flat[flat != 0], np.concatenate([kept, blocks[kept].reshape(-1)]), width)

    def decode(self, encoded: Encoded) -> Values:
        """Values put back where both masks say."""
        flat = np.zeros(int(np.prod(encoded.shape)), encoded.values.dtype)
        blocks = _blocks(np.zeros(flat.size, np.bool_), encoded.width)
        kept = encoded.metadata[: len(blocks)]
        blocks[kept] = encoded.metadata[len(blocks) :].reshape(-1, 1 << encoded.width)
        flat[blocks.reshape(-1)[: flat.size]] = encoded.values
        return flat.reshape(encoded.shape)

    def size(self, mask: Bools, bits: int) -> Size:
        """One bit a block, 2^k bits a block that is not empty, `bits` a non-zero element."""
        flat = mask.reshape(-1)
        return Size(int(flat.sum()) * bits, _metadata(flat, self._width(flat)))

    def sizes(self, masks: Bools, bits: int) -> Sizes:
        """Bits of every tensor, all tensors one level of blocks after the other."""
        if self.block_bits is not None:
            return super().sizes(masks, bits)
        flat = masks.reshape(len(masks), -1)
        return np.min(list(_all_metadata(flat)), axis=0) + _live(flat) * bits

    def expected_bits(self, train: Train, bits: int) -> float:
        """Blocks kept in expectation."""
        widths = _widths(train.elements) if self.block_bits is None else [self.block_bits]
        masks = min(
            -(-train.elements // (1 << k))
            + expected_live_groups(train.elements, train.live, 1 << k) * (1 << k)
            for k in widths
        )
        return masks + train.live * bits

    def compatible_metadata(self, elements: float, density: float, width: int, fibres: int = 1) -> float:
        """A bitmask rank over a bitmask rank, a fibre a block; a word for every element of both."""
        kept = expected_live_groups(round(elements), elements * density, round(elements / fibres))
        return (fibres + kept * elements / fibres) * width

    def _width(self, flat: Bools) -> int:
        if self.block_bits is not None:
            return self.block_bits
        return 1 + int(np.argmin([metadata[0] for metadata in _all_metadata(flat[None])]))


def _widths(elements: int) -> range:
    return range(1, max(1, width_of(elements - 1)) + 1)


def _metadata(flat: Bools, width: int) -> int:
    kept = int(_blocks(flat, width).any(axis=1).sum())
    return -(-flat.size // (1 << width)) + (kept << width)


def _all_metadata(flat: Bools) -> Iterator[npt.NDArray[np.int64]]:
    """Metadata of tensors, shape (samples, elements), for every block size.

    Each level of blocks is made of pairs of the one before, two bytes compared at once.
    """
    blocks = np.ascontiguousarray(flat)
    for width in _widths(flat.shape[1]):
        if blocks.shape[1] % 2:
            blocks = np.pad(blocks, ((0, 0), (0, 1)))
        blocks = blocks.view(np.uint16) != 0
        yield blocks.shape[1] + (_live(blocks) << width)


def _live(rows: Bools) -> npt.NDArray[np.int64]:
    """Non-zero elements of each row."""
    return np.array([np.count_nonzero(row) for row in rows], np.int64)


def _blocks(flat: Bools, width: int) -> Bools:
    size = 1 << width
    return np.pad(flat, (0, -flat.size % size)).reshape(-1, size)
