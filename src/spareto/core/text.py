"""Text from outside, made safe to print: control and direction characters are replaced."""

from __future__ import annotations

import re
from typing import Any, Final

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


def shown(value: Any, most: int = 80) -> str:
    """What `repr` says of a value, shortened; also of a whole number of thousands of digits.

    >>> shown(10**5000)
    'an integer of 16,610 bits'
    """
    if isinstance(value, (str, bytes)):
        value = value[: most + 20]
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        whole = isinstance(value, int)
        return f"an integer of {value.bit_length():,} bits" if whole else f"a {type(value).__name__}"
    return text if len(text) <= most else text[: most - 3] + "..."
