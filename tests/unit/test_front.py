import pytest
from hypothesis import given
from hypothesis import strategies as st

import factories
from spareto.core.errors import InputError
from spareto.study.front import Sense, front, front_rows, hypervolume, mean_rows

# A coarse grid makes ties and duplicates, where dominance is easy to get wrong, common.
GRID = st.integers(-3, 3).map(float)
PAIRS = st.lists(st.tuples(GRID, GRID), max_size=30)
SENSES = st.sampled_from(["max", "min"])


def slow_front(points: list[tuple[float, ...]], senses: list[Sense]) -> list[bool]:
    """The definition, word for word."""

    def better(a: float, b: float, sense: Sense) -> bool:
        return a > b if sense == "max" else a < b

    def dominates(p: tuple[float, ...], q: tuple[float, ...]) -> bool:
        never_worse = not any(better(b, a, sense) for a, b, sense in zip(p, q, senses, strict=True))
        return never_worse and any(better(a, b, sense) for a, b, sense in zip(p, q, senses, strict=True))

    return [not any(dominates(p, q) for p in points) for q in points]


@given(PAIRS, st.tuples(SENSES, SENSES))
def test_two_objectives_equal_the_definition(points, senses) -> None:
    assert front(points, senses) == slow_front(points, list(senses))


@given(st.lists(st.tuples(GRID, GRID, GRID), max_size=20), st.tuples(SENSES, SENSES, SENSES))
def test_three_objectives_equal_the_definition(points, senses) -> None:
    assert front(points, senses) == slow_front(points, list(senses))


@given(st.lists(st.tuples(GRID), min_size=1, max_size=20))
def test_one_objective_keeps_exactly_the_best(points) -> None:
    assert front(points, ["min"]) == [point == min(points) for point in points]


@given(PAIRS)
def test_the_front_of_the_front_is_the_front(points) -> None:
    members = [point for point, flag in zip(points, front(points), strict=True) if flag]
    assert all(front(members))


@given(PAIRS, st.randoms())
def test_the_order_of_points_does_not_matter(points, random) -> None:
    shuffled = random.sample(points, len(points))
    assert set(zip(points, front(points), strict=True)) == set(zip(shuffled, front(shuffled), strict=True))


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], []),
        ([(0.9, 1.0)], [True]),
        ([(0.9, 1.0), (0.9, 1.0)], [True, True]),  # exact duplicates stay together
        ([(0.9, 1.0), (0.9, 2.0)], [True, False]),  # equal accuracy, more energy: goes
        ([(0.9, 1.0), (0.8, 1.0)], [True, False]),  # equal energy, less accuracy: goes
        ([(0.9, 2.0), (0.8, 1.0)], [True, True]),
    ],
)
def test_accuracy_is_more_and_energy_is_less(points, expected) -> None:
    assert front(points) == expected


def test_bad_points_are_named_all_at_once() -> None:
    with pytest.raises(InputError) as caught:
        front([(0.9, 1.0), (0.9,), (0.5, float("nan"))])
    assert str(caught.value).splitlines() == [
        "points[1]: got (0.9,); expected 2 finite numbers.",
        "points[2]: got (0.5, nan); expected 2 finite numbers.",
    ]


@pytest.mark.parametrize(
    ("points", "area"),
    [
        ([], 0.0),
        ([(0.5, 4.0)], 0.5 * 6.0),
        ([(0.5, 4.0), (0.5, 4.0)], 0.5 * 6.0),
        ([(0.5, 4.0), (0.4, 5.0)], 0.5 * 6.0),  # a dominated point adds nothing
        ([(0.5, 4.0), (1.0, 8.0)], 0.5 * 6.0 + 0.5 * 2.0),
        ([(0.5, 11.0)], 0.0),  # no better than the reference
        ([(1.0, 10.0)], 0.0),
    ],
)
def test_hypervolume_of_rectangles(points, area) -> None:
    assert hypervolume(points, (0.0, 10.0)) == pytest.approx(area, abs=1e-12)


def test_hypervolume_of_a_staircase_of_n_steps() -> None:
    """The steps (i, i), i = 1..n, seen from (0, n + 1), cover n + (n - 1) + ... + 1 unit squares."""
    points = [(float(i), float(i)) for i in range(1, 51)]
    assert hypervolume(points, (0.0, 51.0)) == pytest.approx(50 * 51 / 2)


@given(PAIRS, st.tuples(GRID, GRID))
def test_hypervolume_counts_covered_cells(points, reference) -> None:
    """On an integer grid the area is the number of unit cells that some point covers."""
    cells = {
        (x, y)
        for accuracy, energy in points
        for x in range(int(reference[0]), int(accuracy))
        for y in range(int(energy), int(reference[1]))
    }
    assert hypervolume(points, reference) == len(cells)


def test_rows_say_what_the_trials_say() -> None:
    trials = factories.study()
    rows = front_rows(trials)
    assert [row["trial"] for row in rows] == [trial.recipe.label for trial in trials]
    for row, trial in zip(rows, trials, strict=True):
        assert row["accuracy"] == trial.accuracy
        assert row["energy_pj"] == min(cost.energy_pj for cost in trial.costs)
        assert row["stored_bytes"] == trial.best_cost.footprint_bits / 8
        assert row["weight_sparsity"] == trial.weight_sparsity
        assert row["weight_sparsity_target"] == trial.recipe.sparsity


def test_row_keys_are_the_public_ones() -> None:
    keys = "trial recipe_hash regime seed weight_bits weight_sparsity weight_sparsity_target accuracy"
    assert list(front_rows(factories.study())[0]) == [
        *keys.split(),
        "validation_accuracy",
        "energy_pj",
        "latency_cycles",
        "stored_bytes",
        "weight_format",
        "on_front",
    ]


def test_means_over_seeds() -> None:
    """Three seeds of accuracy a - d, a, a + d have mean a and sample standard deviation d."""
    base = factories.trial(factories.recipe(bits=4))
    trials = [
        base.model_copy(update={"accuracy": value, "validation_accuracy": value})
        for value in (0.90, 0.92, 0.94)
    ]
    (row,) = mean_rows(trials)
    assert row["seeds"] == 3
    assert row["accuracy"] == pytest.approx(0.92)
    assert row["accuracy_std"] == pytest.approx(0.02)
    assert row["energy_pj"] == pytest.approx(base.energy_pj)
    assert row["energy_pj_std"] == 0.0
    assert row["on_front"]


def test_one_seed_gives_the_rows_of_the_trials() -> None:
    trials = factories.study()
    for row, mean in zip(front_rows(trials), mean_rows(trials), strict=True):
        assert {key: mean[key] for key in row if key != "seed"} == {
            k: v for k, v in row.items() if k != "seed"
        }
        assert mean["accuracy_std"] == 0.0


def test_the_front_of_means_is_taken_among_means() -> None:
    rows = mean_rows(factories.study(seeds=3))
    points = [(row["accuracy"], row["energy_pj"]) for row in rows]
    assert [row["on_front"] for row in rows] == slow_front(points, ["max", "min"])


def test_no_trials_no_rows() -> None:
    assert front_rows([]) == []
    assert mean_rows([]) == []
