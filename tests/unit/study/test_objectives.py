"""Objectives, constraints, front, hypervolume and knee for any number of objectives."""

import moocore
import numpy as np
import pytest

import factories
from spareto.core.config import Record
from spareto.core.errors import ConfigError
from spareto.study.front import front, hypervolume, knee
from spareto.study.metrics import METRICS, value_of
from spareto.study.objectives import (
    AnyConstraint,
    AnyObjective,
    Constraint,
    Objective,
    excesses,
    point_of,
    reference_point,
)


class _Wanted(Record):
    constraints: tuple[AnyConstraint, ...] = ()
    objectives: tuple[AnyObjective, ...] = ()


def random_set(number: int):
    """Points of 2 to 4 objectives; every other set lies on a coarse grid: ties and duplicates."""
    rng = np.random.default_rng(number)
    count, size = 2 + number % 3, int(rng.integers(1, 60))
    points = rng.integers(0, 5, (size, count)) / 4.0 if number % 2 else rng.random((size, count))
    return points, rng.choice(["max", "min"], count).tolist(), rng


@pytest.mark.parametrize("number", range(200))
def test_front_and_hypervolume_agree_with_moocore(number) -> None:
    points, senses, rng = random_set(number)
    larger = [sense == "max" for sense in senses]
    outside = np.where(larger, -0.25, 1.25)
    reference = outside if number % 4 < 2 else np.where(larger, rng.random(len(senses)) / 2, 0.75)
    theirs = moocore.is_nondominated(points, maximise=larger, keep_weakly=True)
    assert front(points.tolist(), senses) == theirs.tolist()
    volume = moocore.hypervolume(points, ref=reference, maximise=larger)
    assert hypervolume(points.tolist(), reference, senses) == pytest.approx(volume, rel=1e-9, abs=1e-12)


def test_the_knee_is_the_member_nearest_to_the_best_of_all() -> None:
    points = [(1.0, 100.0), (0.95, 20.0), (0.5, 10.0), (0.94, 21.0)]
    assert knee(points) == 1
    assert knee([(value, 1e6 * energy) for value, energy in points]) == 1  # units say nothing
    assert knee([]) is None
    assert knee([(0.5, 1.0), (0.5, 1.0)]) == 0
    assert knee([(1.0, 0.0, 1.0), (0.0, 1.0, 1.0), (0.2, 0.2, 0.0)], ["min"] * 3) == 2


def test_constraints_as_they_are_written() -> None:
    words = [
        "accuracy >= dense - 0.01",
        "stored<=2 MB",
        "energy <= 0.5*dense",
        "energy <= dense * .25 + 1 nJ",
    ]
    assert _Wanted(constraints=words).constraints == (
        Constraint(metric="accuracy", relation=">=", factor=1, number=-0.01),
        Constraint(metric="stored", relation="<=", number=2e6),
        Constraint(metric="energy", relation="<=", factor=0.5),
        Constraint(metric="energy", relation="<=", factor=0.25, number=1e3),
    )


@pytest.mark.parametrize(
    "words",
    ["acc >= 1", "accuracy > 3", "accuracy >=", "stored <= 2 parsecs", "stored <= dense 3",
     "energy <= 3 * 4", "accuracy >= dense - 1 MB", ""],
)  # fmt: skip
def test_a_constraint_that_means_nothing_is_refused_with_examples(words) -> None:
    with pytest.raises(ConfigError, match=r"x\.constraints\[0\].*Write 'accuracy >= dense - 0\.01'"):
        _Wanted.parse({"constraints": [words]}, "x")


def test_an_unknown_metric_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"x\.objectives\[0\].*Did you mean 'energy'"):
        _Wanted.parse({"objectives": ["enrgy"]}, "x")


def test_how_far_beyond_a_constraint() -> None:
    dense, small = factories.trial(factories.recipe()), factories.trial(factories.recipe(4, 0.8))
    half = Constraint(metric="energy", relation="<=", factor=0.5)
    (beyond,) = excesses(dense, dense, [half])
    assert beyond == pytest.approx(1.0)  # the dense network takes twice what is allowed
    assert excesses(small, dense, [half])[0] == pytest.approx(small.energy_pj / dense.energy_pj / 0.5 - 1)
    drop = Constraint(metric="accuracy", relation=">=", factor=1, number=-0.01)
    assert excesses(dense, dense, [drop])[0] < 0


def test_points_and_the_reference_point() -> None:
    dense = factories.trial(factories.recipe())
    wanted = (
        Objective(metric="accuracy"),
        Objective(metric="stored"),
        Objective(metric="cycles", reference=5),
    )
    assert point_of(dense, wanted) == (
        dense.validation_accuracy, dense.best_cost.footprint_bits / 8, dense.best_cost.latency_cycles
    )  # fmt: skip
    assert reference_point(dense, wanted) == (0.0, dense.best_cost.footprint_bits / 8, 5)
    assert [objective.sense for objective in wanted] == ["max", "min", "min"]
    assert Objective(metric="sparsity", direction="min").sense == "min"


def test_the_accuracy_of_the_test_split_is_no_metric() -> None:
    trial = factories.trial(factories.recipe()).replace(accuracy=0.123, validation_accuracy=0.5)
    assert value_of(trial, "accuracy") == 0.5
    others = [name for name, metric in METRICS.items() if metric.of(trial) == 0.123]
    assert others == []


def test_a_metric_that_was_not_recorded_is_refused() -> None:
    with pytest.raises(ConfigError, match="metric 'bops' of trial 'dense float': got nothing"):
        value_of(factories.trial(factories.recipe()), "bops")
