"""How each regime looks: in figures, on pages and in a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Look:
    """Colour and marker of a regime; either alone tells it apart.

    Args:
        color: In figures; pages have their own for a dark background.
        marker: matplotlib's name of the marker.
        symbol: plotly's name of the same marker.
        letter: In a terminal.
        text: What a legend says.

    Reference:
        Okabe and Ito, "Color universal design": a palette for all kinds of colour vision; its purple is
        darkened here, so that text in it can be read on white.
    """

    color: str
    marker: str
    symbol: str
    letter: str
    text: str


LOOKS: Final = {
    "dense": Look("#4d4d4d", "*", "star", "d", "dense"),
    "quantize": Look("#0072b2", "o", "circle", "q", "quantized"),
    "prune": Look("#d55e00", "s", "square", "p", "pruned"),
    "cumulative": Look("#009e73", "^", "triangle-up", "c", "cumulative"),
    "joint": Look("#b8578f", "D", "diamond", "j", "joint"),
    "epitome": Look("#8a6d00", "P", "cross", "e", "epitome"),
}


def look_of(regime: str) -> Look:
    """The look of a regime; regimes of steps that are not ours share all but their name."""
    return LOOKS.get(regime) or Look("#6b5b95", "X", "x", "x", regime)


def all_regimes(present: Iterable[str]) -> tuple[str, ...]:
    """Our regimes in their order, then those of `present` that are not ours."""
    return tuple(dict.fromkeys((*LOOKS, *present)))
