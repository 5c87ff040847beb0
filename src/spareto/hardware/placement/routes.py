"""How far spikes travel between the cores of a mesh.

Layers lie in compact blocks beside each other, in the order they run. A spike goes from anywhere in the
block of its layer and the one before it to anywhere in it; the mean distance of two places of a square of n
stops is 2 (n - 1) / (3 sqrt n). A brute-force walk over placed blocks is the test.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import Literal

Span = tuple[int, int]


@dataclass(frozen=True)
class Route:
    """What the network does for one spike.

    Args:
        deliveries: Cores it is handed to.
        hops: Hops between stops, over all its copies.
    """

    deliveries: float
    hops: float


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
    if distance is None:
        distance = mean_distance(ceil(min(sum(blocks), chip_cores) / cores_per_stop))
    hops = copies * distance
    if routing == "multicast":
        branches = max(0.0, copies / cores_per_stop - 1.0)
        hops = min(hops, distance + branches)
    return Route(copies, hops)


def links(
    copies: float, source: Span, target: Span, chip_cores: int, routing: Literal["unicast", "multicast"]
) -> float:
    """Times a spike from anywhere in one layer leaves its chip for cores anywhere in another.

    Args:
        copies: Cores it is for.
        source: First core of the layer it comes from and the core behind its last, over all chips in a row.
        target: The same of the layer it goes to.
        chip_cores: Cores of one chip.
        routing: Whether each copy crosses by itself, or one spike for all cores of a chip.
    """
    from_, to = _by_chip(source, chip_cores), _by_chip(target, chip_cores)
    crossing = copies * (1.0 - sum(share * to.get(chip, 0.0) for chip, share in from_.items()))
    if routing == "unicast":
        return crossing
    return min(crossing, sum(share * (len(to) - (chip in to)) for chip, share in from_.items()))


def _by_chip(span: Span, chip_cores: int) -> dict[int, float]:
    """The share of a layer's cores that lies on each chip."""
    first, behind = span
    chips = range(first // chip_cores, (behind - 1) // chip_cores + 1)
    return {
        chip: (min(behind, (chip + 1) * chip_cores) - max(first, chip * chip_cores)) / (behind - first)
        for chip in chips
    }


def mean_distance(stops: int) -> float:
    """Mean hops between two stops of a square of so many.

    >>> mean_distance(64 * 64)
    42.65625
    """
    return 2.0 * (stops - 1) / (3.0 * sqrt(stops))
