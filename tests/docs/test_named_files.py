"""Files and commands that a page names are there."""

import re

import pytest

from pages import ROOT

PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (*(ROOT / "docs").rglob("*.md"), *(ROOT / name for name in ("README.md", "ARCHITECTURE.md")))
)
FOLDERS = ("src", "tests", "benchmarks", "examples", "docs")
NAMED = re.compile(r"`([\w.-]+(?:/[\w.-]+)+\.(?:py|c|h|yaml|j2|js|cff))`")
RUN = re.compile(r"python -m (benchmarks(?:\.\w+)*)")
FILES = {
    f"/{path.relative_to(ROOT).as_posix()}"
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if path.is_file()
}


def missing(text: str) -> list[str]:
    named = [name for name in NAMED.findall(text) if not any(each.endswith(f"/{name}") for each in FILES)]
    modules = [name for name in RUN.findall(text) if not FILES & set(_files_of(name))]
    return named + modules


def _files_of(module: str) -> tuple[str, str]:
    path = module.replace(".", "/")
    return f"/{path}.py", f"/{path}/__main__.py"


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page) -> None:
    assert missing((ROOT / page).read_text(encoding="utf-8")) == []


def test_what_is_not_there_is_found() -> None:
    assert missing("`kernels/nothing.py`, `python -m benchmarks.nothing`") == [
        "kernels/nothing.py",
        "benchmarks.nothing",
    ]
    assert missing("`kernels/decision_log.py`, `python -m benchmarks.training`, `python -m benchmarks`") == []
