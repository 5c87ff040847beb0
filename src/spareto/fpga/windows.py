"""Windows of dense layers and convolutions, and of sums of windows that a convolution reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spareto.fpga.circuit import Grid, Window
from spareto.integer.network import Ints, Pair, Shape


@dataclass(frozen=True)
class BitLayout:
    """How a wire's bits lie.

    Args:
        shape: Channels, height, width.
        pixels: Pixel after pixel, channels innermost; else channel after channel.
    """

    shape: Shape
    pixels: bool = True

    @property
    def size(self) -> int:
        """Bits of the wire."""
        return int(np.prod(self.shape))

    @property
    def strides(self) -> tuple[int, int, int]:
        """Bits from one channel, row and column to the next."""
        channels, height, width = self.shape
        return (1, width * channels, channels) if self.pixels else (height * width, width, 1)

    def order(self) -> Ints:
        """Of each of its bits, the place in channel after channel."""
        numbers = np.arange(self.size).reshape(self.shape)
        return (numbers.transpose(1, 2, 0) if self.pixels else numbers).reshape(-1)


def dense(inputs: int) -> Window:
    """All inputs, in order."""
    every = np.arange(inputs)
    return Window(inputs, every, every, np.zeros(1, np.int64))


def sliding(
    layout: BitLayout,
    kernel: Pair,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    pool: Pair = (1, 1),
    pool_stride: Pair = (1, 1),
    pooled: Pair | None = None,
) -> Window:
    """A convolution's windows, maybe over sums of windows: each sum is a tap for each of its inputs.

    Columns of the weights are channels, then rows, then columns of the kernel, as in (outputs, channels,
    kernel height, kernel width).

    Args:
        layout: Of the wire that is read.
        kernel: Rows and columns.
        stride: Of the kernel.
        padding: Of the kernel.
        dilation: Of the kernel.
        pool: Rows and columns of a sum.
        pool_stride: From one sum to the next.
        pooled: Rows and columns of the map of sums; None without sums.
    """
    channels, height, width = layout.shape
    sides = (height, width) if pooled is None else pooled
    by_channel, by_row, by_column = layout.strides
    size = [(n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, p, d, k, s in zip(sides, padding, dilation, kernel, stride, strict=True)]  # fmt: skip
    c, ky, kx, qy, qx = (axis.reshape(-1) for axis in np.indices((channels, *kernel, *pool)))
    columns = (c * kernel[0] + ky) * kernel[1] + kx
    rows, cols = ky * dilation[0], kx * dilation[1]
    offsets = (
        c * by_channel + (rows * pool_stride[0] + qy) * by_row + (cols * pool_stride[1] + qx) * by_column
    )
    order = np.argsort(offsets, kind="stable")
    first = (-padding[0], -padding[1])
    step, line = stride[1] * pool_stride[1] * by_column, stride[0] * pool_stride[0] * by_row
    begin = first[0] * pool_stride[0] * by_row + first[1] * pool_stride[1] * by_column
    y, x = (axis.reshape(-1) for axis in np.indices(size))
    at = [first[0] + y[:, None] * stride[0] + rows[order], first[1] + x[:, None] * stride[1] + cols[order]]
    inside = (at[0] >= 0) & (at[0] < sides[0]) & (at[1] >= 0) & (at[1] < sides[1])
    grid = Grid(rows[order], cols[order], first, stride, (size[0], size[1]), (sides[0], sides[1]), step, line)
    origins = begin + y * line + x * step
    valid = None if inside.all() else inside
    return Window(layout.size, offsets[order], columns[order], origins, valid, grid)
