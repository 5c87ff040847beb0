"""Reads a report page without a browser: its tags, and the data that stand in it."""

import re
from html.parser import HTMLParser

from spareto.reports.page.content import unpacked

VOID = {"meta", "path", "line", "circle", "br"}
DATA = re.compile(r'<script type="application/octet-stream" id="data"[^>]*>([^<]*)</script>')


class Page(HTMLParser):
    """Checks that tags close in order, and keeps all attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


def data_of(text: str) -> dict:
    """The data of a page; a packed point has text for a key, as JSON has."""
    (packed,) = DATA.findall(text)
    return unpacked(packed)


def without_scripts(text: str) -> str:
    """The page without the code of its two scripts, which is long and ours."""
    return re.sub(r"<script>.*?</script>", "<script></script>", text, flags=re.DOTALL)
