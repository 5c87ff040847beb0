import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import factories
from spareto.cli.compare import compare
from spareto.cli.front import front
from spareto.cli.report import report
from spareto.core.errors import StoreError
from spareto.reports.page.content import unpacked
from spareto.study.front import front_rows, mean_rows
from spareto.study.store import STORE_NAME, TrialStore


def stored(folder: Path, seeds: int = 1) -> Path:
    with TrialStore(folder / STORE_NAME) as store:
        store.set_meta(study="demo")
        for index, trial in enumerate(factories.study(seeds)):
            store.put(str(index), trial)
    return folder


@pytest.mark.parametrize("where", ["", STORE_NAME])
def test_json_gives_every_trial_in_order(tmp_path, capsys, where) -> None:
    front(stored(tmp_path) / where, json=True)
    assert json.loads(capsys.readouterr().out) == front_rows(factories.study())


def test_json_of_means(tmp_path, capsys) -> None:
    front(stored(tmp_path, seeds=2), mean=True, json=True)
    assert json.loads(capsys.readouterr().out) == mean_rows(factories.study(seeds=2))


@pytest.mark.parametrize(("seeds", "mean"), [(1, False), (3, False), (3, True)])
def test_the_table_fits_80_columns_and_marks_the_front(tmp_path, capsys, monkeypatch, seeds, mean) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    front(stored(tmp_path, seeds), mean=mean, plot=False)
    lines = capsys.readouterr().out.splitlines()
    trials = factories.study(seeds)
    rows = mean_rows(trials) if mean else front_rows(trials)
    assert max(map(len, lines)) <= 80
    assert len(lines) == len(rows) + 4  # no label is wrapped
    assert sum(line.startswith("●") for line in lines) == sum(row["on_front"] for row in rows) + 1
    assert "µJ" in lines[1]


def test_the_last_line_counts(tmp_path, capsys) -> None:
    front(stored(tmp_path, seeds=3), mean=True)
    expected = "● on the front: 8 of 23 recipes of study demo, each the mean over 3 seeds"
    assert capsys.readouterr().out.splitlines()[-1] == expected


def test_an_empty_study_says_so(tmp_path, capsys) -> None:
    TrialStore(tmp_path / STORE_NAME).close()
    front(tmp_path)
    assert capsys.readouterr().out == "No trial has finished yet.\n"


def test_report_prints_the_paths_it_wrote(tmp_path, capsys) -> None:
    report(stored(tmp_path))
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert paths[0] == tmp_path / "report.html"
    assert {tmp_path / "front.png", tmp_path / "front.svg"} <= set(paths)
    assert all(path.stat().st_size > 1000 for path in paths)


def test_a_missing_run_is_told(tmp_path) -> None:
    expected = (
        "got no such file; expected a study database. Check the path, or run 'spareto study run' first."
    )
    for command in (front, report):
        with pytest.raises(StoreError) as caught:
            command(tmp_path / "none")
        assert str(caught.value) == f"{tmp_path / 'none' / STORE_NAME}: {expected}"
    assert list(tmp_path.iterdir()) == []


def test_neither_command_loads_torch() -> None:
    script = "import sys, spareto.cli.front, spareto.cli.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_two_studies_are_compared_in_80_columns(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    one, other = stored(tmp_path / "one", seeds=2), stored(tmp_path / "other")
    compare(one, other)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "demo (1) beside demo (2): 23 recipes of both."
    assert max(map(len, lines)) <= 80
    assert "alike" in lines[-1]
    compare(one, other, json=True)
    assert len(json.loads(capsys.readouterr().out)["pairs"]) == 23


def test_a_report_beside_another_study_holds_it(tmp_path) -> None:
    one, other = stored(tmp_path / "one"), stored(tmp_path / "other")
    report(one, beside=other)
    held = re.search(r'id="data">([^<]+)<', (one / "report.html").read_text())
    assert held is not None
    assert unpacked(held[1])["beside"]["titles"] == ["demo (1)", "demo (2)"]
