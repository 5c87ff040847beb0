"""The console of every command: names are shown as they are, whatever they hold."""

from __future__ import annotations

from typing import Any

from rich import console
from rich.text import Text

from spareto.core.text import visible


class Console(console.Console):
    """Rich's, which takes no text for markup or emoji, and lets no control character through."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"highlight": False, "markup": False, "emoji": False, **options})

    def render_str(self, text: str, **options: Any) -> Text:
        """The text without control characters or markup; every text and table cell comes by here."""
        return super().render_str(visible(text), **{**options, "markup": False, "emoji": False})
