"""Fronts behind fronts, and few points that stand for many; never imports torch."""

from __future__ import annotations

from collections.abc import Sequence

from spareto.study.front import front, hypervolume
from spareto.study.metrics import Sense

Points = Sequence[tuple[float, ...]]


def first_fronts(points: Points, senses: Sequence[Sense], count: int) -> list[int]:
    """The first `count` points, front by front: those of one front as they add to the hypervolume.

    Args:
        points: n points of k objectives.
        senses: For each objective, whether more (`max`) or less (`min`) is better.
        count: How many are wanted; fewer if there are fewer different points.

    Returns:
        Their indices.
    """
    different: dict[tuple[float, ...], int] = {}
    for index, point in enumerate(points):
        different.setdefault(point, index)
    left = list(different.values())
    chosen: list[int] = []
    while left and len(chosen) < count:
        flags = front([points[index] for index in left], senses)
        members = [index for index, flag in zip(left, flags, strict=True) if flag]
        picked = largest([points[index] for index in members], senses, count - len(chosen))
        chosen += [members[place] for place in picked]
        left = [index for index, flag in zip(left, flags, strict=True) if not flag]
    return chosen


def largest(points: Points, senses: Sequence[Sense], count: int) -> list[int]:
    """At most `count` of the points, each adding most hypervolume to those before it.

    Objectives are scaled to 0..1 between the best and the worst of the points; the reference point lies a
    tenth beyond the worst.
    """
    if len(points) <= count:
        return list(range(len(points)))
    lows = [min(values) for values in zip(*points, strict=True)]
    highs = [max(values) for values in zip(*points, strict=True)]
    spans = [(high - low) or 1.0 for low, high in zip(lows, highs, strict=True)]
    scaled = [
        tuple((value - low) / span for value, low, span in zip(point, lows, spans, strict=True))
        for point in points
    ]
    reference = [-0.1 if sense == "max" else 1.1 for sense in senses]
    chosen: list[int] = []
    for _ in range(count):
        taken = [scaled[index] for index in chosen]
        rest = [index for index in range(len(points)) if index not in chosen]
        gains = [hypervolume([*taken, scaled[index]], reference, senses) for index in rest]
        chosen.append(rest[gains.index(max(gains))])
    return chosen
