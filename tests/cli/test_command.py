"""The command as a program: quick to answer, and quiet when nobody reads on."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

import factories
from spareto import __version__
from spareto.study.store import STORE_NAME, TrialStore

COMMAND = Path(sys.executable).with_name("spareto")
HEAVY = {"torch", "numpy", "matplotlib", "pydantic", "yaml", "sklearn", "jinja2"}


@pytest.mark.parametrize("page", [["--help"], ["study", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(page) -> None:
    timed = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run([COMMAND, *page], env=timed, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "spareto.core.errors" in imported
    assert imported & HEAVY == set()


@pytest.mark.parametrize("command", [["front", "RUN"], ["front", "RUN", "--json"], ["--help"]])
def test_a_reader_who_leaves_early_ends_it_quietly(tmp_path, command) -> None:
    """As in `spareto front RUN | head -1`: the pipe is closed before the command writes."""
    with TrialStore(tmp_path / STORE_NAME) as store:
        for index, trial in enumerate(factories.study()):
            store.put(str(index), trial)
    arguments = [str(tmp_path) if part == "RUN" else part for part in command]
    process = subprocess.Popen([COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    with process.stderr as told:
        assert told.read() == b""
    assert process.wait() == 1


def test_the_package_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "spareto", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, __version__)


@pytest.mark.parametrize("command", ["cost", "compress", "profile"])
def test_a_help_page_breaks_lines_only_where_they_end(command) -> None:
    """A word that would have fitted on the line before stands there."""
    narrow = {**os.environ, "COLUMNS": "80"}
    page = subprocess.run(
        [COMMAND, command, "--help"], env=narrow, capture_output=True, text=True, check=True
    )
    lines = [line for line in page.stdout.splitlines() if line.startswith("│")]
    column = max(len(line) - len(line.lstrip("│ ")) for line in lines)
    for line, after in pairwise(lines):
        goes_on = not after[1:column].strip()
        first = after[1:-1].split()[0]
        if goes_on:
            assert len(line[:-1].rstrip()) + 1 + len(first) > 78, (line, after)
