"""`spareto reproduce chips`: tables that fit, JSON, rows of one's own, mistakes without a traceback."""

import json

import pytest
from cyclopts import App, ValidationError

import workloads
from spareto.cli.cost import cost
from spareto.cli.reproduce_chips import chips
from spareto.core.errors import InputError, UnknownName

ROW = """
rows:
  - id: own
    about: a dense layer on one core
    source: "our bench"
    mark: read
    census: full
    chip: odin
    network:
      timesteps: 10
      layers:
        - {name: fc, inputs: [256, 1, 1], outputs: 10, bits: 4, rate: 0.5}
    measured: {dynamic_uj: 2.76}
"""


def call(*words, command=chips):
    app = App()
    app.default(command)
    return app([str(word) for word in words], result_action="return_value", exit_on_error=False)


def test_one_chip_as_json(capsys):
    call("--chip", "truenorth", "--json")
    rows = json.loads(capsys.readouterr().out)
    assert {row["accelerator"] for row in rows if "row" in row} == {"truenorth"}
    assert {"ours", "measured", "relative_error", "verdict", "idle_mw", "why", "mark"} <= set(rows[0])
    assert any("slope" in row for row in rows)


def test_the_tables_fit_in_eighty_columns_and_end_with_what_counts(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    call()
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown
    assert "energies of rows with all events, within 25 %: " in shown
    assert "not modelled" in shown
    assert "A19: " in shown


def test_rows_of_ones_own(tmp_path, capsys):
    file = tmp_path / "own.yaml"
    file.write_text(ROW)
    call(file, "--json")
    (row,) = json.loads(capsys.readouterr().out)
    assert row["ours"] == pytest.approx(10 * 128 * 256 * 8.43e-6)
    assert row["verdict"] == "within"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("id: own", "id: own\n    colour: red"), "rows\\[0\\].colour: got an unknown key"),
        (("dynamic_uj: 2.76", "dynamic_uj: 0"), "rows\\[0\\].measured.dynamic_uj: got 0"),
        (("chip: odin", "chip: odi"), "accelerator: got 'odi'; expected one of .* Did you mean 'odin'?"),
        (("outputs: 10", "outputs: 10, groups: 3"), "own.fc: got kernel .* groups that fit the input"),
        (("rate: 0.5", "rate: 0.5, events: 9999"), "got 9999; expected at most 2560"),
        (("outputs: 10", "outputs: 90000"), "got a network of 352 cores; expected at most 256"),
        (("census: full", "census: full\n    volts: -1"), "rows\\[0\\].volts: got -1"),
        (
            ("census: full", "census: full\n    overrides: {components: {cor: {}}}"),
            "overrides.components.cor: got an unknown part; expected one of core, supply",
        ),
        (
            (
                "rows:",
                "slopes: [{id: s, rows: [own, other], along: [1, 2], quantity: total_mw, unit: Hz}]\nrows:",
            ),
            "slope 's': got row 'other'; expected one of own",
        ),
        (
            (
                "rows:",
                "slopes: [{id: s, rows: [own, own], along: [1, 1], quantity: total_mw, unit: Hz}]\nrows:",
            ),
            "slope 's': got along \\(1.0, 1.0\\); expected 2 numbers, not all the same",
        ),
    ],
)
def test_a_mistake_in_a_row_is_named(tmp_path, change, message):
    file = tmp_path / "own.yaml"
    file.write_text(ROW.replace(*change))
    with pytest.raises(InputError, match=message):
        call(file)


def test_an_unknown_chip_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean 'loihi_like'"):
        call("--chip", "loihi_lik")


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "workload.json"
    workloads.network().save(path)
    return path


def test_cost_at_another_node_and_voltage_and_in_a_batch(saved, capsys):
    rows = []
    for words in ((), ("--node", 14, "--volts", 0.4), ("--batch", 10)):
        call(saved, "--accelerator", "truenorth", *words, "--json", command=cost)
        rows.append(json.loads(capsys.readouterr().out))
    plain, small, many = rows
    assert small["energy_by_component_pj"]["cores"] == pytest.approx(
        plain["energy_by_component_pj"]["cores"] / 8
    )
    assert small["energy_by_component_pj"]["leakage"] == pytest.approx(
        plain["energy_by_component_pj"]["leakage"] / 16
    )
    assert (plain["batch"], many["batch"]) == (1, 10)
    assert many["latency_us"] == pytest.approx(1000 * (50 + 2) / 10)
    assert plain["step_cycles"] == 1e6
    assert plain["interval_cycles"] == 5e6
    assert {action["action"] for action in plain["shared"]} == {"leak"}
    assert all(layer["cores"] >= 1 for layer in plain["layers"])


def test_a_chip_without_a_voltage_does_not_stop_a_comparison(saved, capsys):
    call(saved, "--compare", "truenorth", "eyeriss_like", "--volts", 0.7, "--json", command=cost)
    costed, refused = json.loads(capsys.readouterr().out)
    assert costed["energy_pj"] > 0
    assert "a chip that says its own; 'eyeriss_like' does not" in refused["problems"][0]


@pytest.mark.parametrize("words", [("--batch", 0), ("--node", 0), ("--node", -3), ("--volts", "nan")])
def test_sizes_that_make_no_sense_are_refused(saved, words):
    with pytest.raises(ValidationError, match=r"Expected an? (integer from|number above)"):
        call(saved, "--accelerator", "truenorth", *words, command=cost)


def test_the_pace_of_a_pipeline_is_printed(saved, capsys):
    call(saved, "--accelerator", "loihi_like", command=cost)
    shown = capsys.readouterr().out
    for text in ("cycles of a timestep", "cycles of its barrier", "slowest layer", "cores wait", "leakage"):
        assert text in shown
