"""Memories: bits of an address, and how many blocks of a family of devices a memory takes."""

from __future__ import annotations

from typing import Final

BLOCK_BITS: Final = 4096
"""Bits from which on a memory of `BLOCK_ROWS` rows or more is a block memory: the generator asks for it."""

BLOCK_ROWS: Final = 64

_HALVES: Final = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
"""Rows and bits of half a block (RAMB18), as a memory with one port to read and one to write."""

_WHOLE: Final = ((512, 72), (1024, 36), (2048, 18), (4096, 9), (8192, 4), (16384, 2), (32768, 1))
"""Rows and bits of a block (RAMB36)."""


def index_bits(count: int) -> int:
    """Bits of an index below `count`; at least 1.

    >>> index_bits(1), index_bits(8), index_bits(9)
    (1, 3, 4)
    """
    return max(1, (count - 1).bit_length())


def in_blocks(rows: int, bits: int) -> bool:
    """Whether a memory lies in blocks, not in logic."""
    return rows >= BLOCK_ROWS and rows * bits >= BLOCK_BITS


def block_rams(rows: int, bits: int, *, written: bool = False) -> float:
    """Blocks of Xilinx' seventh series that yosys takes, halves included; 0 where it lies in logic.

    Rows beyond a block's depth fill bits that are left over in other blocks: each bit on its own in a memory
    that is only read, nine together in one that is written (a byte and its parity share a write enable).

    >>> block_rams(784, 512), block_rams(32, 512), block_rams(4308, 64), block_rams(4160, 48, written=True)
    (14.5, 0.0, 8.0, 7.0)
    """
    if not in_blocks(rows, bits):
        return 0.0

    def blocks(depth: int, width: int) -> int:
        lane = min(9, width) if written else 1
        return -(-(-(-rows // depth) * -(-bits // lane) * lane) // width)

    halves, whole = (min(blocks(*shape) for shape in shapes) for shapes in (_HALVES, _WHOLE))
    return float(min(halves / 2, whole))
