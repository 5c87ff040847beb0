"""Help pages whose lines break where the terminal ends, not where the source does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cyclopts.help import DefaultFormatter
from typing_extensions import override

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions


class Flowing(DefaultFormatter):
    """The usual panels; single line breaks in a text are spaces."""

    @override
    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        for entry in panel.entries:
            _flow(entry.description)
        super().__call__(console, options, panel)


def _flow(description: Any) -> None:
    text = getattr(description, "primary_renderable", None)
    if text is not None and hasattr(text, "plain"):
        text.plain = re.sub(r"(?<!\n)\n(?!\n)", " ", text.plain)
