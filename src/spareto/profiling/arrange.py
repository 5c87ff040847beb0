"""Tell calls of one site apart: which timestep, and which of several uses in a timestep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Turn:
    """What one call of a site is.

    Args:
        use: Its number among the uses of the site, from 0.
        step: Its timestep; None for a call that holds all timesteps, or runs once an inference.
    """

    use: int
    step: int | None


def arrange(
    sites: Sequence[Hashable],
    steps: int,
    looped: set[Hashable],
    short: Collection[Hashable] = (),
    shown: Callable[[Hashable], Literal["steps", "uses"] | None] = lambda _: None,
) -> list[Turn] | Hashable:
    """The turn of every call.

    Calls of a looped site are the timesteps, in order. Where such a site is called several times a timestep,
    the calls of all looped sites must repeat, timestep for timestep; or it must be shown which calls are of
    one timestep.

    Args:
        sites: The site of every call, in the order they ran.
        steps: Timesteps of an inference.
        looped: Sites that are called at least once a timestep.
        short: Looped sites that are called once in every timestep but the first ones.
        shown: What is known of a site that is called several times a timestep: calls of one timestep follow
            each other (`steps`), or calls of one use (`uses`).

    Returns:
        A turn a call; or a site whose calls cannot be told apart.
    """
    calls: defaultdict[Hashable, list[int]] = defaultdict(list)
    for index, site in enumerate(sites):
        calls[site].append(index)
    block = _blocks(sites, steps, looped.difference(short))
    turns: dict[int, Turn] = {}
    for site, indices in calls.items():
        if site in short:
            missing = steps - len(indices)
            turns.update({index: Turn(0, missing + place) for place, index in enumerate(indices)})
            continue
        own = _own_turns(indices, steps, site in looped, block, lambda site=site: shown(site))
        if own is None:
            return site
        turns.update(zip(indices, own, strict=True))
    return [turns[index] for index in range(len(sites))]


def _own_turns(
    indices: list[int],
    steps: int,
    looped: bool,
    block: dict[int, int] | None,
    shown: Callable[[], Literal["steps", "uses"] | None],
) -> list[Turn] | None:
    if not looped:
        return [Turn(use, None) for use in range(len(indices))]
    if len(indices) == steps:
        return [Turn(0, step) for step in range(steps)]
    if block is not None:
        seen: defaultdict[int, int] = defaultdict(int)
        turns: list[Turn] = []
        for index in indices:
            turns.append(Turn(seen[block[index]], block[index]))
            seen[block[index]] += 1
        return turns
    each = len(indices) // steps
    match shown():
        case "steps":
            return [Turn(place % each, place // each) for place in range(len(indices))]
        case "uses":
            return [Turn(place // steps, place % steps) for place in range(len(indices))]
        case _:
            return None


def _blocks(sites: Sequence[Hashable], steps: int, looped: set[Hashable]) -> dict[int, int] | None:
    """The timestep of every looped call, if their sequence is one block repeated a timestep."""
    indices = [index for index, site in enumerate(sites) if site in looped]
    if not indices or len(indices) % steps:
        return None
    length = len(indices) // steps
    pattern = [sites[index] for index in indices[:length]]
    repeats = all(sites[index] == pattern[place % length] for place, index in enumerate(indices))
    return {index: place // length for place, index in enumerate(indices)} if repeats else None
