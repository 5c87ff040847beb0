"""`spareto reproduce tcja-energy`: rows, summary, figures, and mistakes."""

import json

import pytest
from cyclopts import App

from spareto.cli.reproduce_tcja import tcja_energy
from spareto.core.errors import DataError

TABLE = """mode,weight_sparsity_target,bits,spike_density_statistic,weight_format,energy_uJ,cycles,accuracy
joint,0.0,8,mean,uop,23000,15000000,0.97
cumulative,0.9,3,mean,rle,9500,9000000,
"""


@pytest.fixture
def call(monkeypatch, tmp_path):
    monkeypatch.setenv("SPARETO_REFERENCE", str(tmp_path / "nothing"))
    app = App()
    app.default(tcja_energy)
    return lambda *words: app(
        [str(word) for word in words], result_action="return_value", exit_on_error=False
    )


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def test_one_row_a_setting_and_format(call, capsys):
    call("--json")
    rows = json.loads(capsys.readouterr().out)
    keys = {(r["mode"], r["weight_sparsity_target"], r["bits"], r["weight_format"]) for r in rows}
    assert len(rows) == len(keys) == 320
    assert all(isinstance(row["cycles"], int) and row["energy_uJ"] > 0 for row in rows)


def test_a_given_table_stands_beside_ours(call, table, capsys):
    call(table, "--json")
    rows = json.loads(capsys.readouterr().out)
    known = [row for row in rows if row["published_energy_uJ"] is not None]
    assert [(row["published_cycles"], row["published_accuracy"], row["fitted"]) for row in known] == [
        (9000000, None, False),
        (15000000, 0.97, True),
    ]


def test_the_printed_table_fits_in_eighty_columns(call, table, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    call(table)
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    assert "formats, unpruned at 8 bits: uop < rle < cp < bitmask" in text
    assert "energy, RMS error of the other published rows" in text


def test_maximum_activity_costs_more(call, capsys):
    call("--json")
    mean = json.loads(capsys.readouterr().out)
    call("--json", "--statistic", "max")
    most = json.loads(capsys.readouterr().out)
    assert sum(row["energy_uJ"] for row in most) > sum(row["energy_uJ"] for row in mean)


def test_figures_are_drawn(call, table, tmp_path, capsys):
    call(table, "--out", tmp_path / "figures")
    assert "12 figures in" in capsys.readouterr().out
    paths = list((tmp_path / "figures").iterdir())
    assert sorted(path.suffix for path in paths) == [".png"] * 6 + [".svg"] * 6
    assert all(path.stat().st_size > 10_000 for path in paths)


def test_a_missing_table_is_refused(call, tmp_path):
    with pytest.raises(DataError, match="got no such file; expected a CSV of the study's rows"):
        call(tmp_path / "absent.csv")
