"""Tutorials as notebooks: the code of a page in cells, its text between them."""

import json
import re
from typing import Any

from mkdocs.structure.files import File, Files

TUTORIALS = "tutorials/"
CODE = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n.*?^```\n)?", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: Any) -> Files:
    """Add a notebook beside each tutorial; mkdocs calls this with the files it found."""
    for page in [page for page in files.documentation_pages() if page.src_uri.startswith(TUTORIALS)]:
        path = page.src_uri.replace(".md", ".ipynb")
        files.append(File.generated(config, path, content=notebook(page.content_string)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Offer a tutorial's notebook below its title."""
    if not page.file.src_uri.startswith(TUTORIALS):
        return markdown
    title, rest = markdown.split("\n", 1)
    name = page.file.src_uri.removeprefix(TUTORIALS).replace(".md", ".ipynb")
    return f"{title}\n\n[This page as a notebook]({name})\n{rest}"


def notebook(markdown: str) -> str:
    """A page as a notebook in the Jupyter format 4.5; what the page shows as output is left for the reader to see."""
    cells, at = list[dict[str, Any]](), 0
    for found in CODE.finditer(markdown):
        cells += [*_text(markdown[at : found.start()], len(cells))]
        cells.append(_cell("code", found[1], len(cells)) | {"execution_count": None, "outputs": []})
        at = found.end()
    cells += _text(markdown[at:], len(cells))
    facts = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": cells, "metadata": facts, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def _text(markdown: str, number: int) -> list[dict[str, Any]]:
    return [_cell("markdown", markdown.strip() + "\n", number)] if markdown.strip() else []


def _cell(kind: str, source: str, number: int) -> dict[str, Any]:
    lines = source.rstrip("\n").splitlines(keepends=True)
    return {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": lines}
