"""Block bitmask: one bit per block says whether anything in it is left, and only such blocks have a mask."""

from __future__ import annotations

import numpy as np

from spareto.formats._base import (
    Bools,
    Encoded,
    Format,
    Size,
    Sizes,
    Train,
    Values,
    expected_live_groups,
)
from spareto.formats._gaps import Gaps, levels


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
        """One bit per block, 2^k bits per block that is not empty, `bits` per non-zero element."""
        flat = mask.reshape(-1)
        return Size(int(flat.sum()) * bits, _metadata(flat, self._width(flat)))

    def sizes_of(self, gaps: Gaps, bits: int) -> Sizes | None:
        """One bit per block, 2^k bits per block that is not empty, `bits` per non-zero element."""
        widths = _widths(gaps.elements) if self.block_bits is None else [self.block_bits]
        masks = [-(-gaps.elements // (1 << k)) + (gaps.kept(k) << k) for k in widths]
        return np.min(masks, axis=0) + gaps.live * bits

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
        """A bitmask rank over a bitmask rank, a fibre per block; a word for every element of both."""
        kept = expected_live_groups(round(elements), elements * density, round(elements / fibres))
        return (fibres + kept * elements / fibres) * width

    def _width(self, flat: Bools) -> int:
        if self.block_bits is not None:
            return self.block_bits
        return min(_widths(flat.size), key=lambda width: _metadata(flat, width))


def _widths(elements: int) -> range:
    return range(1, levels(elements) + 1)


def _metadata(flat: Bools, width: int) -> int:
    kept = int(_blocks(flat, width).any(axis=1).sum())
    return -(-flat.size // (1 << width)) + (kept << width)


def _blocks(flat: Bools, width: int) -> Bools:
    size = 1 << width
    return np.pad(flat, (0, -flat.size % size)).reshape(-1, size)
