"""Text of others on its way to people: what could move a cursor or turn a line around is replaced."""

from __future__ import annotations

import re
from typing import Final

INSTEAD: Final = "\ufffd"
"""What stands for a character that is not shown."""

_HIDDEN: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters: C0 without tab and line feed, delete, C1
    r"\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"  # line ends and turns of direction
    r"\ud800-\udfff]"  # halves of a character
)
_BREAKS: Final = re.compile("[\t\n]")


def visible(text: str) -> str:
    r"""The text with control characters and lone surrogates replaced; line breaks and tabs stay.

    >>> visible("a\x1b[31m b")
    'a�[31m b'
    """
    return text if text.isprintable() else _HIDDEN.sub(INSTEAD, text)


def component(name: str, most: int = 80) -> str:
    """A name as one part of a path: small letters, digits and hyphens, never empty.

    >>> component("../Würfel 2")
    'w-rfel-2'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:most].strip("-") or "unnamed"


def one_line(text: str, most: int = 80) -> str:
    """The text in one line of at most so many characters, for a table, a title or a legend.

    >>> one_line("a\nb" + "c" * 90, 8)
    'a bcccc…'
    """
    shown = _BREAKS.sub(" ", visible(text))
    return shown if len(shown) <= most else shown[: most - 1] + "…"
