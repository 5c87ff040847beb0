"""Studies of local learning: results that repeat, carry on after a stop, and belong to one study."""

import json

import numpy as np
import pytest

from spareto.cli import app
from spareto.core.errors import ConfigError, StoreError
from spareto.plasticity import LocalStudy, run_local_study
from spareto.plasticity.pictures import baselines, load_pictures
from spareto.plasticity.results import rows

PLAN = {
    "name": "small",
    "neurons": [10, 20],
    "epochs": 1,
    "seeds": [0],
    "networks": [{"variant": "diehl_cook"}, {"variant": "fspinn", "label": "ours"}],
    "changes": {
        "coding": {"frequency_hz": 600.0, "size": None, "duration_ms": 60},
        "excitatory": {"offset_mv": 0.2, "threshold_mv": -60.0, "reset_mv": -65.0},
        "learning": {"post_rate": 0.05},
    },
}


@pytest.fixture(scope="module")
def data():
    return load_pictures(LocalStudy.parse(PLAN, "study"))


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    return run_local_study(LocalStudy.parse(PLAN, "study"), data, tmp_path_factory.mktemp("whole"))


def test_parts_are_disjoint_and_whole(data):
    assert not set(data.train.numbers) & set(data.validation.numbers)
    assert len(data.train) + len(data.validation) == 1442
    assert len(data.test) == 355


def test_it_learns_more_than_chance(finished):
    assert all(result.test_all > 0.2 for result in finished), [result.test_all for result in finished]
    best = [max(r.test_all for r in finished if r.neurons == neurons) for neurons in (10, 20)]
    assert best[1] > best[0]


class StoppedError(Exception):
    pass


def test_a_run_that_was_stopped_ends_with_the_same_numbers(data, finished, tmp_path):
    study, stops = LocalStudy.parse(PLAN, "study"), []

    def stop(name, done, of):
        if name not in stops:
            stops.append(name)
            raise StoppedError

    for _ in range(4):
        with pytest.raises(StoppedError):
            run_local_study(study, data, tmp_path, stop)
    assert run_local_study(study, data, tmp_path, stop) == finished
    assert run_local_study(study, data, tmp_path, stop) == finished  # read, not trained
    assert len(stops) == 4


def test_results_of_another_study_are_refused(data, tmp_path):
    small = PLAN | {"neurons": [2], "networks": PLAN["networks"][:1]}
    run_local_study(LocalStudy.parse(small, "study"), data, tmp_path)
    other = LocalStudy.parse(small | {"epochs": 2}, "study")
    with pytest.raises(StoreError, match="a result of another study"):
        run_local_study(other, data, tmp_path)
    for left in tmp_path.glob("*.json"):
        left.unlink()
    with pytest.raises(StoreError, match="a training of another plan"):
        run_local_study(other, data, tmp_path)


def test_ranking_weighs_memory_and_energy_against_the_first_network(finished):
    study = LocalStudy.parse(PLAN | {"score": {"memory_weight": 0.5, "energy_weight": 0.0}}, "study")
    made = rows(finished, "diehl_cook", study.score, "all")
    assert [row.label for row in made] == ["diehl_cook", "ours"] * 2
    for first, last in (made[:2], made[2:]):
        assert first.score == pytest.approx(first.accuracy("validation", "all") - 0.5)
        price = 0.5 * last.memory_bits / first.memory_bits
        assert last.score == pytest.approx(last.accuracy("validation", "all") - price)


def test_baselines_are_those_of_the_images(data):
    found = baselines(data)
    commonest = np.bincount(data.train.labels).argmax()
    assert found["majority"] == pytest.approx((data.test.labels == commonest).mean())
    assert found["linear"] > 0.9


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"networks": [{"variant": "fspin"}]}, "Did you mean 'fspinn'"),
        ({"networks": [{"variant": "fspinn"}, {"variant": "fspinn"}]}, "different labels"),
        ({"changes": {"learning": {"rate": 1}}}, "learning.rate"),
        ({"seeds": [1, 1]}, "each value once"),
        ({"neurons": [0]}, "an integer from 1 to 100,000"),
        ({"changes_at": {50: {}}}, "one of neurons"),
        ({"changes_at": {10: {"learning": {"post_rate": 2.0}}}}, "a number from 0 to 1"),
    ],
)
def test_studies_that_cannot_be_carried_out_are_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        LocalStudy.parse(PLAN | changes, "study")


def test_recordings_are_no_images():
    with pytest.raises(ConfigError, match="still images"):
        load_pictures(LocalStudy.parse(PLAN | {"data": {"name": "digits"}}, "study"))


def test_the_command_prints_tables_and_json(tmp_path, capsys):
    config = tmp_path / "small.yaml"
    config.write_text(json.dumps(PLAN | {"neurons": [8]}))
    arguments = ["learn", str(config), "--out", str(tmp_path / "run"), "--quiet"]
    with pytest.raises(SystemExit, match="0"):
        app(arguments)
    shown = capsys.readouterr().out
    assert "a linear classifier" in shown
    assert "memory, inhibition stored" in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
    with pytest.raises(SystemExit, match="0"):
        app([*arguments, "--json"])
    facts = json.loads(capsys.readouterr().out)
    assert {row["label"] for row in facts["networks"]} == {"diehl_cook", "ours"}
    assert facts["results"][0]["learning_operations"]["weights_written"] > 0
