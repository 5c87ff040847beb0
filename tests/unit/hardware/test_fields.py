"""Every number of every accelerator set to 0, -1, NaN, 1e30 and 0.5: refused by name, or effects in order."""

import math
from itertools import pairwise

import pytest

import workloads
from spareto import hardware
from spareto.core.errors import ConfigError, InputError
from spareto.hardware.accelerators import parse_accelerator

NETWORK = workloads.network(
    workloads.layer("conv", channels=(4, 8), size=6, analog=True),
    workloads.layer("fc", channels=(64, 10), size=1, kernel=1),
)
WRONG = (-1.0, math.nan, math.inf, 1e30)
POSITIVE = {
    "bits",
    "words",
    "instances",
    "iterations",
    "bits/cycle",
    "ops/cycle",
    "MHz",
    "nm",
    "timesteps",
    "mW",
}
WHOLE = {"bits", "words", "instances", "iterations", "timesteps"}
CANONICAL = {
    "bytes": "bits",
    "KiB": "bits",
    "MiB": "bits",
    "bytes/cycle": "bits/cycle",
    "GHz": "MHz",
    "W": "mW",
}


def numbers(data, place=()):
    """The place of every number of a description."""
    if isinstance(data, dict):
        if {"value", "unit", "source"} <= set(data):
            yield place
            return
        data = list(data.items())
    elif isinstance(data, (list, tuple)):
        data = list(enumerate(data))
    else:
        return
    for key, value in data:
        yield from numbers(value, (*place, key))


def at(data, place):
    for key in place:
        data = data[key]
    return data


def changed(data, place, value):
    """A copy with one value replaced."""
    if not place:
        return data | {"value": value}
    copy = dict(data) if isinstance(data, dict) else list(data)
    copy[place[0]] = changed(copy[place[0]], place[1:], value)
    return copy


def path(place):
    return "accelerator" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)


DESCRIPTIONS = {name: hardware.load_accelerator(name).to_dict() for name in hardware.accelerator_names()}
EVERY = [(name, place) for name, data in DESCRIPTIONS.items() for place in numbers(data)]


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_numbers_out_of_range_are_refused_where_they_stand(name):
    data = DESCRIPTIONS[name]
    for place in numbers(data):
        unit = at(data, place)["unit"]
        canonical = CANONICAL.get(unit, unit)
        wrong = [*WRONG, *([0.0] if canonical in POSITIVE else []), *([0.3] if unit in WHOLE else [])]
        for value in wrong:
            with pytest.raises(ConfigError) as error:
                parse_accelerator(changed(data, place, value))
            assert path(place) in str(error.value)
        if canonical in POSITIVE:
            with pytest.raises(ConfigError, match="greater than 0"):
                parse_accelerator(changed(data, place, 0.0))


def cost_with(data, place, value):
    try:
        return hardware.cost(NETWORK, parse_accelerator(changed(data, place, value)))
    except InputError:
        return None


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_what_is_not_whole_has_an_effect_in_order(name):
    """Energies, rates, powers and latencies: more of it never turns the effect round."""
    data = DESCRIPTIONS[name]
    for place in numbers(data):
        given = at(data, place)
        if CANONICAL.get(given["unit"], given["unit"]) in WHOLE:
            continue
        values = sorted({0.0, 0.5, given["value"], 2 * given["value"] + 1, 1e9})
        found = [cost for value in values if (cost := cost_with(data, place, value))]
        for number in ("energy_pj", "latency_cycles"):
            row = [getattr(cost, number) for cost in found]
            assert all(math.isfinite(each) and each >= 0 for each in row), path(place)
            rising = all(b >= a * (1 - 1e-12) for a, b in pairwise(row))
            falling = all(b <= a * (1 + 1e-12) for a, b in pairwise(row))
            assert rising or falling, f"{path(place)}: {number} {row}"


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_whole_numbers_of_any_size_give_a_finite_cost_or_an_error_that_says_why(name):
    data = DESCRIPTIONS[name]
    for place in numbers(data):
        given = at(data, place)
        if given["unit"] not in WHOLE:
            continue
        for value in (1, 2, given["value"] + 1, 10 * given["value"], 1000):
            cost = cost_with(data, place, value)
            if cost is not None:
                assert math.isfinite(cost.energy_pj)
                assert cost.energy_pj > 0
                assert cost.latency_cycles > 0
