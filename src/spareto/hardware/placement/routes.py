"""How far spikes travel between the cores of a mesh.

Layers lie in compact blocks beside each other, in the order they run. A spike goes from anywhere in the
block of its layer and the one before it to anywhere in it; the mean distance of two places of a square of n
stops is 2 (n - 1) / (3 sqrt n). A brute-force walk over placed blocks is the test.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import Literal


@dataclass(frozen=True)
class Route:
    """What the network does for one spike.

    Args:
        deliveries: Cores it is handed to.
        hops: Hops between stops, over all its copies.
        links: Times it leaves its chip.
    """

    deliveries: float
    hops: float
    links: float


def route(
    copies: float,
    blocks: tuple[int, int],
    chip_cores: int,
    *,
    cores_per_stop: int = 1,
    distance: float | None = None,
    routing: Literal["unicast", "multicast"] = "unicast",
) -> Route:
    """Where a spike for several cores goes.

    Args:
        copies: Cores it is for.
        blocks: Cores of the layer it comes from, and of the layer it goes to.
        chip_cores: Cores of one chip.
        cores_per_stop: Cores that share a stop of the mesh.
        distance: Hops to a core; None if they follow from the blocks.
        routing: Whether each copy travels by itself, or one spike branches on its way.
    """
    both = sum(blocks)
    if distance is None:
        distance = mean_distance(ceil(min(both, chip_cores) / cores_per_stop))
    hops, links = copies * distance, max(0.0, 1.0 - chip_cores / both)
    if routing == "multicast":
        branches = max(0.0, copies / cores_per_stop - 1.0)
        hops = min(hops, distance + branches)
    else:
        links *= copies
    return Route(copies, hops, links)


def mean_distance(stops: int) -> float:
    """Mean hops between two stops of a square of so many.

    >>> mean_distance(64 * 64)
    42.65625
    """
    return 2.0 * (stops - 1) / (3.0 * sqrt(stops))
