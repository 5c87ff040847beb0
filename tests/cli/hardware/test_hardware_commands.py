"""The torch-free commands: tables that fit, JSON with units, mistakes in one line."""

import json
import os
import subprocess
import sys

import pytest
from cyclopts import App

import workloads
from spareto.cli.accelerators import accelerators
from spareto.cli.cost import cost
from spareto.hardware import accelerator_names

QUIET = {"result_action": "return_value", "exit_on_error": False}


def call(command, *words):
    app = App()
    app.default(command)
    return app([str(word) for word in words], **QUIET)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "workload.json"
    workloads.network().save(path)
    return path


def test_cost_as_json_has_units_in_its_keys(saved, capsys):
    call(cost, saved, "--json")
    row = json.loads(capsys.readouterr().out)
    assert row["mode"] == "physical"
    assert row["accelerator"] == "eyeriss_like"
    assert row["energy_pj"] == pytest.approx(sum(layer["energy_pj"] for layer in row["layers"]))
    assert row["energy_pj"] == pytest.approx(sum(row["energy_by_component_pj"].values()))
    assert {"latency_cycles", "stored_bytes"} <= set(row)


def test_cost_in_all_formats(saved, capsys):
    call(cost, saved, "--weight-format", "all", "--json")
    rows = json.loads(capsys.readouterr().out)
    assert {"none", "bitmask", "rle", "cp", "uop"} <= {row["weight_format"] for row in rows}


def test_cost_on_every_accelerator(saved, capsys):
    call(cost, saved, "--accelerator", "all", "--json")
    rows = json.loads(capsys.readouterr().out)
    assert tuple(row["accelerator"] for row in rows) == accelerator_names()
    assert len({row["energy_pj"] for row in rows}) == len(rows)
    assert {row["metrics"]["effective_acs"] for row in rows} == {rows[0]["metrics"]["effective_acs"]}


def test_a_searched_mapping_says_what_the_mapper_did(tmp_path, capsys):
    path = tmp_path / "small.json"
    workloads.network(workloads.layer("conv", channels=(8, 8), size=8)).save(path)
    call(cost, path, "--json")
    fixed = json.loads(capsys.readouterr().out)
    call(cost, path, "--mapper", "search", "--json")
    row = json.loads(capsys.readouterr().out)
    assert fixed["mapper"] is None
    assert set(row["mapper"]) == {layer["name"] for layer in row["layers"]}
    assert row["energy_pj"] < fixed["energy_pj"]


@pytest.mark.parametrize(
    "extra", [(), ("--weight-format", "all"), ("--statistic", "max"), ("--accelerator", "all")]
)
def test_cost_tables_fit_in_eighty_columns(saved, capsys, monkeypatch, extra):
    monkeypatch.setenv("COLUMNS", "80")
    call(cost, saved, *extra)
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert not any("…" in line for line in lines)


def test_accelerators_are_listed_and_described(capsys):
    call(accelerators, "--json")
    listed = json.loads(capsys.readouterr().out)
    assert "eyeriss_like" in [chip["name"] for chip in listed]
    call(accelerators, "eyeriss_like")
    assert "LPDDR4" in capsys.readouterr().out


def test_costing_never_imports_torch(saved):
    script = (
        "import sys; from spareto.cli.cost import cost; from pathlib import Path; "
        f"cost(Path({str(saved)!r}), json=True); assert 'torch' not in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ)
    assert result.returncode == 0, result.stderr


def test_the_command_line_never_imports_torch_to_cost(saved):
    script = (
        f"import sys; sys.argv = ['spareto', 'cost', {str(saved)!r}, '--json']\n"
        "from spareto.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "assert 'torch' not in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ)
    assert result.returncode == 0, result.stderr


def test_a_mistake_is_answered_without_traceback(saved):
    words = ["spareto", "cost", str(saved), "--weight-format", "rlee"]
    script = f"import sys; sys.argv = {words!r}; from spareto.cli import main; main()"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ)
    assert result.returncode == 2
    assert "Did you mean 'rle'?" in result.stderr
    assert "Traceback" not in result.stderr
