"""The console and the tables of every command: names are shown as they are, whatever they hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter
from rich import box, console
from rich.padding import PaddingDimensions
from rich.table import Table
from rich.text import Text

from spareto.core.text import visible

Flag = Annotated[bool, Parameter(negative="")]
"""An option that is there or not; without a `--no-` of its own."""


class Console(console.Console):
    """Rich's, which takes no text for markup or emoji, and lets no control character through."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"highlight": False, "markup": False, "emoji": False, **options})

    def render_str(self, text: str, **options: Any) -> Text:
        """The text without control characters or markup; every text and table cell comes by here."""
        return super().render_str(visible(text), **{**options, "markup": False, "emoji": False})


def print_json(data: Any) -> None:
    """Data for other programs, on stdout."""
    print(json.dumps(data, indent=1))


def table_of(
    words: Sequence[str] = (), numbers: Sequence[str] = (), padding: PaddingDimensions = (0, 1, 0, 0)
) -> Table:
    """A table without a frame.

    Args:
        words: Heads of the first columns, whose cells fold where a line ends.
        numbers: Heads of the columns behind, which stand at the right and never fold.
        padding: Of the cells, as rich counts it.
    """
    made = Table(box=box.SIMPLE_HEAD, padding=padding, pad_edge=False, show_edge=False)
    for head in words:
        made.add_column(head, overflow="fold")
    for head in numbers:
        made.add_column(head, justify="right", no_wrap=True)
    return made


def framed(words: Sequence[str], numbers: Sequence[str], title: str | None = None) -> Table:
    """A table with a frame: columns of words, then of numbers, which stand at the right."""
    made = Table(*words, title=title, title_justify="left")
    for head in numbers:
        made.add_column(head, justify="right")
    return made
