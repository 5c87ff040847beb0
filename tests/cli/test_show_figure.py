"""The commands that show one recipe and draw for papers, on a stored study."""

import csv
import json
from pathlib import Path
from typing import get_args

import pytest

import factories
from spareto.cli.figure import figure
from spareto.cli.front import front
from spareto.cli.show import show
from spareto.cli.textplot import plot
from spareto.core.errors import ConfigError
from spareto.reports.across import Quantity
from spareto.reports.papers import FIGURES, MEASURED, STYLES, latex, markdown
from spareto.study.store import STORE_NAME, TrialStore


@pytest.fixture
def run(tmp_path):
    with TrialStore(tmp_path / STORE_NAME) as store:
        store.set_meta(study="demo", test_samples="898")
        for index, trial in enumerate(factories.study()):
            store.put(str(index), trial)
    return tmp_path


def test_a_recipe_is_shown_in_80_columns(run, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show(run, "joint 4 bit 80 %")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    for words in ("accuracy", "dram", "conv2", "Energy by component", "times as much"):
        assert words in text


def test_json_holds_the_recipe_and_its_parts(run, capsys) -> None:
    show(run, "joint 4 bit 80 %", json=True)
    found = json.loads(capsys.readouterr().out)
    trial = next(t for t in factories.study() if t.recipe.label == "joint 4 bit 80 %")
    assert found["recipe"] == trial.recipe.to_dict()
    assert sum(found["energy_by_component_pj"].values()) == pytest.approx(trial.energy_pj)
    show(run, trial.recipe.hash[:10], json=True)
    assert json.loads(capsys.readouterr().out) == found


@pytest.mark.parametrize(("name", "cure"), [("joint 4 bit 81 %", "Did you mean"), ("", "See spareto front.")])
def test_an_unknown_recipe_is_refused(run, name, cure) -> None:
    with pytest.raises(ConfigError, match=cure):
        show(run, name)


def test_the_plot_fits_and_marks_the_front(run, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    front(run)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "validation accuracy, %"
    assert max(map(len, lines)) <= 80
    drawn = "".join(line.partition("|")[2] for line in lines[1:17])
    assert set(drawn.lower().replace(" ", "")) == set("dqpcj")
    assert any(letter.isupper() for letter in drawn)


def test_a_plot_of_one_point_and_of_equal_points() -> None:
    for points in ([(1.0, 0.5, "joint", True)], [(0.0, 1.0, "dense", False)] * 2):
        assert len(list(plot(points, "µJ", "accuracy"))) == 20


@pytest.mark.parametrize("kind", sorted(FIGURES))
def test_every_figure_is_drawn_in_every_style(run, capsys, kind) -> None:
    for style in STYLES:
        figure(kind, run, style=style, out=run / "out" / f"{kind}-{style}")
        paths = capsys.readouterr().out.splitlines()
        assert {path.rpartition(".")[2] for path in paths} >= {"pdf", "svg", "png", "csv"}
        pdf = (run / "out" / f"{kind}-{style}.pdf").read_bytes()
        assert pdf.startswith(b"%PDF")
        assert b"/Type3" not in pdf  # journals refuse letters that are drawings


def test_the_csv_is_what_the_figure_shows(run) -> None:
    figure("breakdown", run, out=run / "parts")
    rows = list(csv.DictReader((run / "parts.csv").read_text().splitlines()))
    trial = next(t for t in factories.study() if t.recipe.label == rows[0]["network"])
    told = sum(float(value) for name, value in rows[0].items() if name != "network")
    assert told == pytest.approx(trial.energy_pj / 1e6, rel=1e-3)


def test_tables_keep_hostile_names_as_text() -> None:
    rows = [["network", "%"], ["a_b & 50 % | \\x", "1 ± 2"]]
    assert r"a\_b \& 50 \% | \textbackslash{}x & 1 $\pm$ 2 \\" in latex(rows)
    assert r"| a_b & 50 % \| \x | 1 ± 2 |" in markdown(rows)


def test_nothing_to_draw_is_said(tmp_path) -> None:
    TrialStore(tmp_path / STORE_NAME).close()
    with pytest.raises(ConfigError, match="no finished trial"):
        figure("front", tmp_path)


@pytest.mark.parametrize("metric", get_args(Quantity))
@pytest.mark.parametrize("kind", MEASURED)
def test_figures_over_any_quantity(run, capsys, kind, metric) -> None:
    """Drawn, and the CSV holds the quantity as the trials do; what they do not know is refused."""
    trials, formats = factories.study(), kind in ("formats", "sparsity")
    unknown = metric in ("area", "time", "bops")  # the accelerator has no clock, the inputs no widths
    if unknown or (formats and metric == "synops"):
        with pytest.raises(ConfigError, match=f"--metric: got {metric}"):
            figure(kind, run, metric=metric)
        return
    figure(kind, run, metric=metric)
    (path,) = (Path(line) for line in capsys.readouterr().out.splitlines() if line.endswith(".csv"))
    assert path.name == (f"{kind}-ieee.csv" if metric == "energy" else f"{kind}-{metric}-ieee.csv")
    _heads, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
    column = 2 if metric == "energy" or formats else 3
    told = {row[0]: float(row[column]) for row in rows}
    expected = {t.recipe.label: _quantity(t, metric, 0 if formats else None) for t in trials}
    assert told.keys() == expected.keys()
    for name, value in told.items():
        share = expected[name] / max(expected.values())
        assert value / max(told.values()) == pytest.approx(share, rel=2e-3)


def _quantity(trial, metric, place):
    cost = trial.best_cost if place is None else trial.costs[place]
    actions = [action for layer in cost.layers for action in layer.actions]
    energy, cycles = sum(action.energy_pj for action in actions), sum(y.latency_cycles for y in cost.layers)
    return {
        "energy": energy,
        "cycles": cycles,
        "edp": energy * cycles,
        "stored": sum(layer.stored_bits for layer in cost.layers),
        "synops": sum(layer.effectual_synops for layer in trial.layers),
    }[metric]


@pytest.mark.parametrize("kind", sorted(set(FIGURES) - set(MEASURED)))
def test_a_figure_of_one_thing_only_refuses_another(run, kind) -> None:
    with pytest.raises(ConfigError, match="shows one thing only"):
        figure(kind, run, metric="edp")


def test_the_front_is_that_of_the_quantity(run) -> None:
    """No network off the front beats one on it; a constant quantity leaves the most accurate."""
    figure("front", run, metric="stored")
    _heads, *rows = csv.reader((run / "figures" / "front-stored-ieee.csv").read_text("utf-8").splitlines())
    trials = {t.recipe.label: (t.chosen_by, _quantity(t, "stored", None)) for t in factories.study()}
    for name, *_, flag in rows:
        accuracy, stored = trials[name]
        others = [pair for pair in trials.values() if pair != (accuracy, stored)]
        beaten = any(a >= accuracy and s <= stored for a, s in others)
        assert (flag == "yes") is not beaten
