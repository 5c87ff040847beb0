"""Numbers of the page, each recomputed from the stored trials another way."""

import math
from collections import defaultdict
from statistics import mean, stdev

import pytest

import factories
from report_pages import data_of
from spareto.reports.page import render
from spareto.reports.page.costs import metadata_bits, purposes
from spareto.reports.page.curves import crossings
from spareto.reports.page.points import number


@pytest.fixture(scope="module")
def page(three_seeds) -> dict:
    return data_of(render(three_seeds))


@pytest.fixture(scope="module")
def groups() -> dict:
    found = defaultdict(list)
    for trial in factories.study(seeds=3):
        found[trial.recipe.hash].append(trial)
    return found


def about(value):
    return pytest.approx(value, rel=2e-6)


@pytest.mark.parametrize("place", [0, 4, 9, 16, 22])
def test_means_and_spreads(page, groups, place) -> None:
    trials = groups[page["points"]["id"][place]]
    energies = [min(sum(a.energy_pj for y in c.layers for a in y.actions) for c in t.costs) for t in trials]
    accuracies = [t.accuracy for t in trials]
    points, spreads = page["points"], page["spreads"]
    assert points["energy_pj"][place] == about(mean(energies))
    assert spreads["energy_pj"][place] == about(stdev(energies))
    assert points["accuracy"][place] == about(mean(accuracies))
    assert spreads["accuracy"][place] == about(stdev(accuracies))
    assert points["seeds"][place] == 3
    cheapest = [min(t.costs, key=lambda c: c.energy_pj) for t in trials]
    cycles = [sum(layer.latency_cycles for layer in cost.layers) for cost in cheapest]
    assert points["latency_cycles"][place] == about(mean(cycles))
    assert points["energy_delay_pj_cycles"][place] == about(
        mean(e * c for e, c in zip(energies, cycles, strict=True))
    )
    assert points["synops"][place] == about(mean(sum(y.effectual_synops for y in t.layers) for t in trials))
    stored = [sum(layer.stored_bits for layer in cost.layers) / 8 for cost in cheapest]
    assert points["stored_bytes"][place] == about(mean(stored))


@pytest.mark.parametrize("place", [0, 7, 13, 20])
def test_energy_by_layer_and_component(page, groups, place) -> None:
    trials = groups[page["points"]["id"][place]]
    for row, layer in enumerate(page["layers"]):
        for column, component in enumerate(page["components"]):
            each = []
            for trial in trials:
                cost = min(trial.costs, key=lambda c: c.energy_pj)
                (own,) = [entry for entry in cost.layers if entry.name == layer]
                each.append(sum(a.energy_pj for a in own.actions if a.component == component))
            assert page["costs"][str(place)]["energy"][row][column] == about(mean(each))
    whole = sum(map(sum, page["costs"][str(place)]["energy"]))
    assert whole == about(page["points"]["energy_pj"][place])
    assert sum(map(sum, page["costs"][str(place)]["parts"])) == about(whole)
    assert sum(map(sum, page["costs"][str(place)]["purposes"])) == about(whole)


def test_nothing_on_a_front_is_beaten_and_all_else_is(page) -> None:
    assert set(page["fronts"]) >= {"energy_pj", "latency_cycles", "stored_bytes"}
    for key, entry in page["fronts"].items():
        pairs = list(zip(page["points"]["accuracy"], page["points"][key], strict=True))
        for place, (accuracy, amount) in enumerate(pairs):
            beaten = any(a >= accuracy and b <= amount and (a > accuracy or b < amount) for a, b in pairs)
            assert beaten == (place not in entry["front"])


def test_the_hypervolume_is_the_area_under_the_staircase(page) -> None:
    entry = page["fronts"]["energy_pj"]
    floor, edge = entry["reference"]
    corners = sorted((page["points"]["energy_pj"][p], page["points"]["accuracy"][p]) for p in entry["front"])
    area, last = 0.0, floor
    for energy, accuracy in corners:
        area += (accuracy - last) * (edge - energy)
        last = accuracy
    assert entry["hypervolume"] == about(area)


def test_the_marked_points_are_what_they_are_called(page) -> None:
    points, marks = page["points"], page["marks"]
    dense = points["accuracy"][marks["dense"]]
    close = [
        place
        for place in range(len(points["id"]))
        if place != marks["dense"] and points["accuracy"][place] >= dense - 0.01 - 1e-9
    ]
    assert marks["chosen"] == min(close, key=lambda place: points["energy_pj"][place])
    assert marks["knee"] in page["fronts"]["energy_pj"]["front"]


def test_lines_cross_where_they_are_equal() -> None:
    one, other = [(0, 4.0), (0.5, 3.0), (1, 0.0)], [(0, 2.0), (0.5, 2.0), (1, 2.0)]
    assert crossings(one, other) == [(pytest.approx(0.5 + 0.5 / 3), 2.0)]
    assert crossings(one, [(x, y + 9) for x, y in one]) == []


def test_metadata_is_its_share_of_what_the_outermost_memory_gives() -> None:
    plan = factories.recipe(4, 0.8)
    cost = factories.cost(plan, 0.8, 0, "cp").layers[1]
    bits = {a.tensor: a.count for a in cost.actions if a.component == "dram"}
    with_bits = cost.model_copy(
        update={"actions": tuple(a.model_copy(update={"bits": a.count}) for a in cost.actions)}
    )
    assert metadata_bits(with_bits) == about(bits["metadata"])
    assert sum(purposes(with_bits).values()) == about(cost.energy_pj)


def test_what_is_no_number_is_none() -> None:
    assert number(math.nan) is number(math.inf) is number(None) is None
    assert number(1 / 3) == 0.3333333


@pytest.mark.parametrize("tested", [False, True])
def test_an_accuracy_of_one_seed_spreads_as_a_count_of_its_own_samples(make, tested) -> None:
    """Compared points are alike within it: each accuracy on the samples of its own split."""
    trials = [
        each.model_copy(update={"validation_accuracy": 0.9 if tested else None}) for each in factories.study()
    ]
    meta = {"test_samples": "400", "validation_samples": "100"}
    told = data_of(render(make(trials, meta)))
    for place, accuracy in enumerate(told["points"]["test_accuracy" if tested else "accuracy"]):
        binomial = math.sqrt(accuracy * (1 - accuracy) / 400)
        assert told["sampling"]["test_accuracy"][place] == about(binomial)
        chosen = math.sqrt(0.9 * 0.1 / 100) if tested else binomial
        assert told["sampling"]["accuracy"][place] == about(chosen)


def test_the_quotient_spreads_by_two_thirds_of_the_accuracy(make) -> None:
    results = make(factories.study(), {"test_samples": "400"})
    told = data_of(render(results))
    for place, row in enumerate(results.means):
        (one,) = results.of(row)
        step, accuracy = 1e-6, one.accuracy
        higher = one.model_copy(update={"accuracy": accuracy + step})
        slope = (
            (higher.artificial_intelligence_quotient or 0) - (one.artificial_intelligence_quotient or 0)
        ) / step
        assert told["sampling"]["aiq"][place] == pytest.approx(
            slope * math.sqrt(accuracy * (1 - accuracy) / 400), rel=1e-4
        )
