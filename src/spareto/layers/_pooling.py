"""Which poolings the kernels do behind neurons."""

from __future__ import annotations

from typing import Final, NamedTuple

from torch import nn

from spareto.layers._geometry import pair


class Window(NamedTuple):
    """Pooling windows side by side: of the maximum, then of the average; one of them is a single pixel."""

    max_height: int = 1
    max_width: int = 1
    height: int = 1
    width: int = 1


ONE_PIXEL: Final = Window()


def window(pool: nn.Module | None, height: int, width: int) -> Window | None:
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
        return Window(1, 1, height, width) if whole else None
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
    return Window(*sides) if type(pool) is nn.MaxPool2d else Window(1, 1, *sides)
