"""The TCJA study from files to figures, on tiny recordings in the real format."""

import json

import pytest

import recorded_sets as sets
from spareto.cli.reproduce_training import GridWords, tcja
from spareto.core.errors import ConfigError, DataError
from spareto.reproduction.tcja.chip import FORMATS
from spareto.reproduction.tcja.network import StudyPoint
from spareto.reproduction.tcja.reproduce import GRID
from spareto.reproduction.tcja.table import Published
from spareto.study import tcja as study
from spareto.study.store import TrialStore

TINY = {
    "bits": "2,8",
    "sparsity": "0.5",
    "epochs": 1,
    "recipe_epochs": 2,
    "channels": "4,4,4,4",
    "hidden": "16",
    "timesteps": 2,
}
QUIET = {"threads": 1, "quiet": True}


@pytest.mark.filterwarnings("ignore")
def test_the_whole_study_from_aedat_files_to_figures(tmp_path, capsys, monkeypatch):
    people = {"train": ("user01_led", "user02_lab", "user03_led"), "test": ("user24_natural",)}
    data, out = sets.write_gestures(tmp_path / "data", people, events=300), tmp_path / "run"
    monkeypatch.setenv("SPARETO_CACHE", str(tmp_path / "cache"))
    tcja(data=data, out=out, json=True, words=GridWords(**TINY), **QUIET)
    rows = json.loads(capsys.readouterr().out)
    settings = {(row["mode"], row["weight_sparsity_target"], row["bits"]) for row in rows}
    assert settings == {(mode, s, b) for mode in ("joint", "cumulative") for s in (0.0, 0.5) for b in (2, 8)}
    assert len(rows) == len(settings) * len(FORMATS)
    assert all(row["energy_uJ"] > 0 and row["cycles"] > 0 and 0 <= row["accuracy"] <= 1 for row in rows)
    assert all(row["published_energy_uJ"] is None for row in rows)  # another network than the published one
    drawn = {path.name for path in (out / "figures").iterdir()}
    assert drawn == {f"tcja-{name}.{suffix}" for name in study.FIGURES for suffix in ("png", "svg")}
    with TrialStore(out / "study.sqlite", read_only=True) as store:
        trials = store.trials()
    assert len(trials) == 7
    quantized = [trial.recipe.steps[-1] for trial in trials if trial.recipe.steps]
    assert {(step.quantizer, step.rounding) for step in quantized} == {("duq", "ewgs")}

    point = StudyPoint("joint", 0.5, 8)
    table = {(point, name, "mean"): Published(1.0, 2.0, 0.5) for name in FORMATS}
    grid = study.TcjaGrid((2, 8), (0.5,), 1, 2, 2, (4, 4, 4, 4), (16,), (3, 4))
    beside = [row for row in study.rows_of(trials, grid, table) if row["published_cycles"] is not None]
    assert [(row["bits"], row["published_accuracy"]) for row in beside] == [(8, 0.5)] * 4


def test_the_published_grid_and_training():
    grid = study.TcjaGrid()
    made = grid.recipes()
    assert set(made) | {StudyPoint("cumulative", 0.0, bits) for bits in grid.bits} == set(GRID)
    alone, together = made[StudyPoint("joint", 0.0, 4)].training, made[StudyPoint("joint", 0.8, 4)].training
    assert (alone.epochs, alone.learning_rate, alone.warmup_epochs) == (50, 1e-4, 5)
    assert (together.epochs, together.learning_rate, together.warmup_epochs) == (50, 1e-3, 2)
    assert grid.is_published
    assert not study.TcjaGrid(channels=(4, 4)).is_published


def test_what_cannot_be_shown_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"--bits: got 3,4; expected 2 and 8 among them"):
        tcja(data=tmp_path, words=GridWords(bits="3,4"))
    with pytest.raises(ConfigError, match=r"--sparsity: got '0\.5;1'; expected numbers with commas"):
        tcja(data=tmp_path, words=GridWords(sparsity="0.5;1"))
    with pytest.raises(ConfigError, match=r"--bits: got '2,8,8'; expected every number once"):
        tcja(data=tmp_path, words=GridWords(bits="2,8,8"))


def test_missing_recordings_say_where_to_get_them(tmp_path):
    with pytest.raises(DataError, match=r"Get it from https://research\.ibm\.com"):
        tcja(data=tmp_path, out=tmp_path / "run", words=GridWords(**TINY), **QUIET)
