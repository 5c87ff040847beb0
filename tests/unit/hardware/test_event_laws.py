"""Random event-driven chips under random networks: refused by name, or finite, and more takes no less."""

import random
from contextlib import suppress
from copy import deepcopy
from itertools import pairwise
from math import isfinite

import pytest

import workloads
from spareto import hardware
from spareto.core.errors import InputError
from spareto.hardware.accelerators import parse_accelerator

KINDS = {name: hardware.load_accelerator(name) for name in hardware.accelerator_names()}
CHIPS = {name: chip.to_dict() for name, chip in KINDS.items() if chip.kind == "event_driven"}
SLACK = 1 - 1e-9


def number(value, unit="instances"):
    return {"value": value, "unit": unit, "source": "a test"}


def some_chip(draw):
    """A chip that comes with spareto, with limits, routes and modes of its own."""
    data = deepcopy(CHIPS[draw.choice(sorted(CHIPS))])
    for part in data["components"]:
        if part["kind"] == "cores":
            for key, sizes in (
                ("axons", (4, 64, 4096)),
                ("fan_in", (4, 64, 256)),
                ("neurons", (7, 256, 5000)),
            ):
                if draw.random() < 0.4:
                    part[key] = number(draw.choice(sizes))
            part["kernels"] = draw.choice(["shared", "unrolled"])
            part["absent_zeros"] = draw.random() < 0.5
        elif part["kind"] == "router":
            part["routing"] = draw.choice(["unicast", "multicast"])
            part["mean_hops"] = draw.choice([None, number(3, "hops")])
            part["link_energy"] = draw.choice([None, number(100, "pJ")])
    data["wide_neurons"] = draw.choice(["split", "refuse"])
    data["chips"] = draw.choice([None, number(4), number(1000)])
    return parse_accelerator(data)


def some_shape(draw, place):
    size = draw.choice([1, 4, 8])
    return {
        "channels": (draw.choice([2, 8, 64] if size == 1 else [2, 8]), draw.choice([4, 16])),
        "size": size,
        "kernel": 1 if size == 1 else draw.choice([1, 3]),
        "sparsity": draw.choice([0.0, 0.5, 0.9]),
        "rate": draw.choice([0.0, 0.1, 0.5]),
        "analog": place == 0 and draw.random() < 0.3,
    }


def network(shapes, **changes):
    return workloads.network(
        *(workloads.layer(f"layer{place}", **{**shape, **changes}) for place, shape in enumerate(shapes))
    )


def check_rising(networks, chip, what):
    """Each takes at least the energy and the time of the one before; what is shared adds up."""
    numbers = []
    for each in networks:
        cost = hardware.cost(each, chip, weight_format="none")
        row = (cost.energy_pj, cost.latency_cycles, cost.interval_cycles)
        assert all(isfinite(value) and value >= 0 for value in row)
        assert sum(layer.energy_pj for layer in cost.attributed) == pytest.approx(cost.energy_pj)
        numbers.append(row)
    for before, after in pairwise(numbers):
        assert all(b >= a * SLACK for a, b in zip(before, after, strict=True)), (chip.name, what, numbers)


def check_one(seed):
    draw = random.Random(seed)
    chip = some_chip(draw)
    shapes = [some_shape(draw, place) for place in range(draw.randint(1, 4))]
    sweeps = {
        "bits": [network(shapes, bits=bits) for bits in (1, 4, 9, 32)],
        "spikes": [network(shapes, rate=rate, analog=False) for rate in (0.0, 0.2, 1.0)],
        "layers": [network(shapes[:count]) for count in range(1, len(shapes) + 1)],
    }
    for what, networks in sweeps.items():
        with suppress(InputError):  # refused by name
            check_rising(networks, chip, what)


@pytest.mark.parametrize("seed", range(40))
def test_more_never_takes_less(seed):
    check_one(seed)


@pytest.mark.slow
def test_more_never_takes_less_on_a_thousand_chips():
    for seed in range(1000, 2000):
        check_one(seed)


@pytest.mark.parametrize("name", sorted(CHIPS))
def test_higher_energies_and_powers_take_no_less(name):
    """Every energy and power of a chip doubled in turn."""
    data, shape = CHIPS[name], {"channels": (4, 16), "size": 8, "rate": 0.3}
    before = hardware.cost(network([shape]), parse_accelerator(data))
    for place, part in enumerate(data["components"]):
        for key, given in part.items():
            if isinstance(given, dict) and given.get("unit") in ("pJ", "pJ/bit", "mW", "uW"):
                other = deepcopy(data)
                other["components"][place][key]["value"] *= 2
                after = hardware.cost(network([shape]), parse_accelerator(other))
                assert after.energy_pj >= before.energy_pj, key
                assert after.latency_cycles == before.latency_cycles, key
