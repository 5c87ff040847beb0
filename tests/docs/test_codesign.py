"""The page on co-design walks the eleven points of the overview, each with a command that runs."""

import re
import shlex

import pytest

import workloads
from pages import ROOT, blocks_of
from spareto.cli import app

QUIET = {"result_action": "return_value", "exit_on_error": False, "print_error": False}
TEXT = (ROOT / "docs/codesign.md").read_text()
POINTS = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
COMMANDS = [
    line for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()
]


def test_it_has_the_eleven_points_in_order():
    assert [int(point.split(".")[0]) for point in POINTS] == list(range(1, 12))


def test_every_point_shows_code_and_what_it_prints():
    blocks = blocks_of("docs/codesign.md")
    assert len(blocks) == 1 + len(POINTS)
    assert all(block.shown and block.shown.strip() for block in blocks)
    assert all("```python" in point for point in POINTS)


@pytest.mark.parametrize("command", COMMANDS)
def test_its_commands_run(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    workloads.network().save("workload.json")
    words = shlex.split(command)
    assert words[0] == "spareto"
    app(words[1:], **QUIET)
    assert "snn_dse_like" in capsys.readouterr().out
