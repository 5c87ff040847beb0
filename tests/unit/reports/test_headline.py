import math

import pytest

import factories
from spareto.reports.headline import headline, times_less
from spareto.study.front import mean_rows


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def pick(*recipes, **accuracies):
    trials = [factories.trial(recipe) for recipe in recipes]
    return [
        trial.model_copy(
            update=dict.fromkeys(("accuracy", "validation_accuracy"), accuracies[trial.recipe.regime])
        )
        if trial.recipe.regime in accuracies
        else trial
        for trial in trials
    ]


DENSE, JOINT = factories.recipe(), factories.recipe(4, 0.8)
QUANTIZED, PRUNED = factories.recipe(bits=4), factories.recipe(sparsity=0.8)


def test_the_cheapest_within_one_point_is_the_finding(one_seed) -> None:
    finding = headline(one_seed)
    close = [row for row in one_seed.means if row["accuracy"] >= one_seed.dense["accuracy"] - 0.01]
    assert finding.chosen["energy_pj"] == min(row["energy_pj"] for row in close)
    assert plain(finding.title) == (
        "joint 4 bit 80 % takes 16.7 times less energy than the dense network,"
        " at 97.3 % against 98.1 % accuracy."
    )


def test_quantized_against_pruned(one_seed) -> None:
    assert plain(headline(one_seed).details[0]) == (
        "Of one technique alone, prune 8 bit 80 % does best within one point of dense (0.812 µJ);"
        " the best network that is only quantized, quantize 4 bit, takes 2.14 times as much (1.74 µJ)."
    )


def test_a_technique_that_never_comes_close_is_told(make) -> None:
    finding = headline(make(pick(DENSE, QUANTIZED, PRUNED, dense=0.98, prune=0.9)))
    assert finding.details[0] == "No network that is only pruned stays within one point of dense."


def test_seeds_and_the_grain_of_the_test_split_are_told(three_seeds) -> None:
    assert headline(three_seeds).details[1:] == (
        "Every number is a mean over 3 seeds.",
        "One of the 898 test samples is worth 0.11 points of accuracy.",
    )


def test_a_loss_of_exactly_one_point_is_allowed(make) -> None:
    finding = headline(make(pick(DENSE, JOINT, dense=0.97, joint=0.96)))
    assert finding.chosen["regime"] == "joint"


def test_no_network_close_to_dense(make) -> None:
    finding = headline(make(pick(DENSE, JOINT, dense=0.98, joint=0.9)))
    assert finding.chosen is None
    assert plain(finding.title) == (
        "Against dense 98.0 %, every compressed network loses more than one point;"
        " the nearest, joint 4 bit 80 %, loses 8.0 points and takes 0.566 µJ instead of 9.46 µJ."
    )


def test_without_a_dense_reference_the_front_is_described(make) -> None:
    trials = pick(JOINT, QUANTIZED, joint=0.9, quantize=0.95)
    expected = "The front holds 2 of 2 networks, from 0.566 µJ at 90.0 % to 1.74 µJ at 95.0 % accuracy."
    assert plain(headline(make(trials)).title) == expected


def test_one_network_alone(make) -> None:
    expected = "The front is joint 4 bit 80 %: 566 nJ at 90.0 % accuracy."
    assert plain(headline(make(pick(JOINT, joint=0.9))).title) == expected


def test_no_trials(make) -> None:
    assert headline(make([])).title == "No trial has finished yet."


def test_odd_studies_have_a_finding(odd) -> None:
    assert headline(odd).title.endswith(".")


def test_a_ratio_of_several_seeds_has_their_spread() -> None:
    means = mean_rows(factories.study(seeds=3))
    dense = next(row for row in means if row["regime"] == "dense")
    for row in means:
        ratio = dense["energy_pj"] / row["energy_pj"]
        wide = ratio * math.hypot(*(each["energy_pj_std"] / each["energy_pj"] for each in (row, dense)))
        told, spread = times_less(row, dense).split(" ± ")
        assert float(told.replace(",", "")) == pytest.approx(ratio, rel=5e-3)
        assert abs(float(spread) - wide) <= 0.5 * 10 ** -len(told.partition(".")[2]) + 1e-12


def test_a_ratio_of_one_seed_has_none() -> None:
    means = mean_rows(factories.study())
    dense = next(row for row in means if row["regime"] == "dense")
    assert all("±" not in times_less(row, dense) for row in means)
