"""Which poolings the kernels do behind neurons."""

from __future__ import annotations

from functools import reduce
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from spareto.kernels import c_layers
from spareto.kernels.c_layers import BlockShape, padded
from spareto.kernels.spikes import Spikes, no_carrier
from spareto.layers._geometry import pair


class PoolingWindow(NamedTuple):
    """Pooling windows side by side: of the maximum, then of the average; one of them is a single pixel."""

    max_height: int = 1
    max_width: int = 1
    height: int = 1
    width: int = 1


ONE_PIXEL: Final = PoolingWindow()


def pooled(spikes: Spikes, window: PoolingWindow) -> Spikes | Tensor:
    """What kernels with that pooling give of spikes `(time, batch, channels, height, width)`."""
    if window == ONE_PIXEL:
        return spikes
    time, batch, channels, height, width = spikes.shape
    images, averages = time * batch, window.height * window.width > 1
    tall, wide = window[2:] if averages else window[:2]
    high, across = height // tall, width // wide
    whole = spikes.bits.unflatten(1, (height, width))[:, : high * tall, : across * wide]
    if averages:
        shape = BlockShape(time, batch, high * tall, across * wide, padded(channels), channels, *window)
        return c_layers.average(whole.contiguous(), shape).movedim(-1, 1).unflatten(0, (time, batch))
    rows = reduce(torch.bitwise_or, (whole[:, first::tall] for first in range(tall)))
    bits = reduce(torch.bitwise_or, (rows[:, :, first::wide] for first in range(wide)))
    carrier = no_carrier(images, high, across, channels)
    return Spikes(bits.flatten(1, 2).contiguous(), carrier, time, batch, channels, (high, across))


def window(pool: nn.Module | None, height: int, width: int) -> PoolingWindow | None:
    """The windows of a pooling; None for one the kernels cannot do.

    Args:
        pool: The pooling, or None.
        height: Rows of what it pools.
        width: Columns of what it pools.
    """
    if pool is None or type(pool) is nn.Identity:
        return ONE_PIXEL
    if type(pool) is nn.AdaptiveAvgPool2d:
        whole = pool.output_size in (1, (1, 1))
        return PoolingWindow(1, 1, height, width) if whole else None
    if type(pool) is nn.MaxPool2d:
        plain = pool.dilation in (1, (1, 1)) and not pool.return_indices
    elif type(pool) is nn.AvgPool2d:
        plain = pool.divisor_override is None
    else:
        return None
    sides = pair(pool.kernel_size)
    side_by_side = sides == pair(pool.stride) and pool.padding in (0, (0, 0)) and not pool.ceil_mode
    if not (plain and side_by_side) or sides[0] > height or sides[1] > width:
        return None  # also where a window does not fit: torch says what is wrong with it
    return PoolingWindow(*sides) if type(pool) is nn.MaxPool2d else PoolingWindow(1, 1, *sides)
