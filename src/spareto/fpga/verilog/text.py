"""Templates and memory files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, StrictUndefined

from spareto.hardware.fabric.memories import in_blocks

_JINJA: Final = Environment(
    trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
)


@cache
def _template(name: str) -> Any:
    folder = resources.files("spareto.fpga") / "templates"
    return _JINJA.from_string(folder.joinpath(name).read_text(encoding="utf-8"))


def rendered(template: str, /, **values: Any) -> str:
    """A template's text."""
    return _template(template).render(**values)


def told(text: str) -> str:
    """A name for a comment: one line of printable ASCII, whatever it holds.

    >>> print(told("schicht ü\\nendmodule"))
    schicht \\xfc\\nendmodule
    """
    return text.encode("unicode_escape").decode("ascii")


def packed(values: Sequence[int], bits: int) -> int:
    """Numbers of `bits` in two's complement side by side, the first one lowest.

    >>> hex(packed([1, -1], 4))
    '0xf1'
    """
    mask, word = (1 << bits) - 1, 0
    for value in reversed(values):
        word = word << bits | (value & mask)
    return word


def memory(words: Iterable[int], bits: int) -> str:
    """A file for `$readmemh`."""
    width = -(-bits // 4)
    return "".join(f"{word:0{width}x}\n" for word in words)


def fields(parts: list[tuple[int, int]]) -> int:
    """Fields of stated widths side by side, the first one lowest."""
    word, at = 0, 0
    for value, bits in parts:
        word |= (value & ((1 << bits) - 1)) << at
        at += bits
    return word


def style(rows: int, bits: int, kind: str = "rom") -> str:
    """The attribute that says where a memory lies, with a blank behind it: a rule, so that sizes are known.

    Small constants become logic; small memories that are written, what the family has for them.
    """
    if in_blocks(rows, bits):
        return f'(* {kind}_style = "block" *) '
    return '(* rom_style = "logic" *) ' if kind == "rom" else ""
