"""The torch-free commands: tables that fit, JSON with units, mistakes in one line."""

import json
import os
import subprocess
import sys
from itertools import groupby

import pytest
from cyclopts import App

import workloads
from spareto import formats
from spareto.cli.accelerators import accelerators
from spareto.cli.cost import cost
from spareto.core.errors import ConfigError, InputError, UnknownName
from spareto.hardware import accelerator_names, load_accelerator

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


def test_a_comparison_of_the_ones_that_are_named(saved, capsys):
    call(cost, saved, "--compare", "loihi_like", "loas_like", "--weight-format", "best", "--json")
    rows = json.loads(capsys.readouterr().out)
    assert [row["accelerator"] for row in rows] == ["loihi_like", "loas_like"]
    assert {row["weight_format"] for row in rows} == {"best"}
    assert all(row["latency_us"] > 0 for row in rows)
    assert {layer["weight_format"] for layer in rows[1]["layers"]} <= set(formats.registry.names())


def test_without_names_all_are_compared(saved, capsys):
    call(cost, saved, "--compare", "--json")
    rows = json.loads(capsys.readouterr().out)
    assert tuple(row["accelerator"] for row in rows) == accelerator_names()


def test_one_that_cannot_run_the_network_does_not_stop_the_others(tmp_path, capsys):
    path = tmp_path / "large.json"
    workloads.network(workloads.layer(channels=(2, 64), size=64)).save(path)
    words = ("--compare", "loihi_like", "sne_like")
    call(cost, path, *words, "--json")
    refused, costed = json.loads(capsys.readouterr().out)
    assert refused == {
        "accelerator": "loihi_like",
        "problems": [
            "loihi_like.cores: got a network of 256 cores; expected at most 128 (over by 128). "
            "Use a smaller network or narrower weights."
        ],
    }
    assert costed["energy_pj"] > 0
    call(cost, path, *words)
    assert "loihi_like cannot run it: loihi_like.cores: a network of 256" in capsys.readouterr().out


def test_where_none_can_run_it_every_reason_is_given(tmp_path):
    path = tmp_path / "large.json"
    workloads.network(workloads.layer(channels=(2, 64), size=64)).save(path)
    with pytest.raises(InputError) as error:
        call(cost, path, "--compare", "loihi_like", "microcontroller")
    assert [problem.where for problem in error.value.problems] == ["loihi_like.cores", "microcontroller.sram"]


def test_an_unknown_accelerator_stops_the_comparison(saved):
    with pytest.raises(UnknownName, match="Did you mean 'loihi_like'"):
        call(cost, saved, "--compare", "loihi_lik", "sne_like")


def test_spikes_in_a_format_of_their_own(saved, capsys):
    call(cost, saved, "--json")
    plain = json.loads(capsys.readouterr().out)
    call(cost, saved, "--spike-format", "aer", "--json")
    events = json.loads(capsys.readouterr().out)
    assert (plain["spike_format"], events["spike_format"]) == ("none", "aer")
    assert (
        plain["metrics"]["memory_traffic_bytes"]["dram"] > events["metrics"]["memory_traffic_bytes"]["dram"]
    )


def test_own_numbers_replace_those_of_the_accelerator(saved, tmp_path, capsys):
    file = tmp_path / "own.yaml"
    file.write_text("components: {dram: {read_energy: {value: 5120, unit: pJ, source: measured}}}\n")
    call(cost, saved, "--json")
    before = json.loads(capsys.readouterr().out)
    call(cost, saved, "--overrides", file, "--json")
    after = json.loads(capsys.readouterr().out)
    assert after["energy_by_component_pj"]["dram"] > 5 * before["energy_by_component_pj"]["dram"]
    assert after["energy_by_component_pj"]["mac"] == before["energy_by_component_pj"]["mac"]


def test_units_may_wait_for_the_busiest(saved, capsys):
    cycles = []
    for lanes in ("mean", "largest"):
        call(cost, saved, "--lanes", lanes, "--json")
        cycles.append(json.loads(capsys.readouterr().out)["latency_cycles"])
    assert cycles == sorted(cycles)


def test_a_comparison_is_drawn_the_same_every_time(saved, tmp_path, capsys):
    for name in ("one", "two"):
        call(cost, saved, "--compare", "--figure", tmp_path / name)
    for suffix in (".png", ".svg"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
    assert "loihi_like" in capsys.readouterr().out


@pytest.mark.parametrize(
    "extra",
    [
        (),
        ("--weight-format", "all"),
        ("--weight-format", "best"),
        ("--statistic", "max"),
        ("--compare",),
        ("--compare", "--weight-format", "all"),
    ],
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
    assert [chip["name"] for chip in listed] == list(accelerator_names())
    for chip in listed:
        assert {"kind", "technology", "clock", "principle", "memory_bytes", "peak_ops_per_cycle"} <= set(chip)
    call(accelerators, "eyeriss_like")
    assert "LPDDR4" in capsys.readouterr().out


@pytest.mark.parametrize("name", accelerator_names())
def test_every_number_of_an_accelerator_is_shown_with_its_source(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    call(accelerators, name, "--json")
    sources = capsys.readouterr().out.count('"source"')
    call(accelerators, name)
    assert (
        sum(" │ " in line for line in capsys.readouterr().out.splitlines()) >= sources - 1
    )  # of the dataflow


def test_the_list_of_accelerators_fits_in_eighty_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    call(accelerators)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown
    assert all(name in shown for name in accelerator_names())


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


def test_accelerators_of_one_kind_stand_together(saved, capsys):
    call(cost, saved, "--compare", "loihi_like", "eyeriss_like", "sne_like", "loas_like", "microcontroller")
    lines = capsys.readouterr().out.splitlines()
    names = accelerator_names()
    shown = [line.split()[1] for line in lines if line.startswith("│") and len(line.split()) > 1]
    kinds = [load_accelerator(name).kind for name in shown if name in names]
    assert len(kinds) == 5
    assert len(list(groupby(kinds))) == len(set(kinds)) > 1
    assert all(any(f"{kind.replace('_', ' ')}:" in line for line in lines) for kind in kinds)


def test_a_goal_without_a_search_is_refused(saved):
    with pytest.raises(ConfigError, match=r"^--objective: got no search; .* Add --mapper search"):
        call(cost, saved, "--objective", "edp")
