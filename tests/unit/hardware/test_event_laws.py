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
from spareto.hardware.placement import Placement, place

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


def cores_at_work(each, chip):
    """Cores that every layer is cut for; none of its own where the layers take turns."""
    placed = [place(layer, chip, 0.0) for layer in each.layers]
    if chip.layers == "in_turn" or Placement.of(placed, chip).one_core:
        return []
    return [one.slices.cores for one in placed]


def share(few, many):
    """How far more cores may shorten the time: by how many more the layer has that gains most."""
    if not few:
        return 1 / max(1, sum(many))
    return min(before / max(before, after) for before, after in zip(few, many, strict=False))


def check_rising(networks, chip, what):
    """Each takes no less energy than the one before, idle time aside, and on as many cores no less time.

    On more cores no layer takes less time times cores; what leaks goes with the time.
    """
    numbers = []
    for each in networks:
        cost = hardware.cost(each, chip, weight_format="none")
        idle = sum(action.energy_pj for layer in cost.attributed for action in layer.actions
                   if action.tensor == "idle")  # fmt: skip
        row = (cost.energy_pj - idle, cost.energy_pj, cost.latency_cycles, cost.interval_cycles)
        assert all(isfinite(value) and value >= 0 for value in row)
        assert sum(layer.energy_pj for layer in cost.attributed) == pytest.approx(cost.energy_pj)
        numbers.append((cores_at_work(each, chip), *row))
    for (few, *before), (many, *after) in pairwise(numbers):
        rows = zip(before, after, (1, *3 * (share(few, many),)), strict=True)
        assert all(b >= a * part * SLACK for a, b, part in rows), (chip.name, what, numbers)


def check_one(seed):
    draw = random.Random(seed)
    chip = some_chip(draw)
    shapes = [some_shape(draw, place) for place in range(draw.randint(1, 4))]
    dense = {"sparsity": 0.0, "rate": 1.0, "analog": False}
    sweeps = {
        "bits": [network(shapes, bits=bits) for bits in (1, 4, 9, 32)],
        "spikes": [network(shapes, rate=rate, analog=False) for rate in (0.0, 0.2, 1.0)],
        "layers": [network(shapes[:count]) for count in range(1, len(shapes) + 1)],
        "channels": [network(shapes, channels=(4, count), **dense) for count in (1, 3, 16, 100)],
        "planes": [network(shapes[:1], size=size, kernel=3, **dense) for size in (3, 4, 9, 17)],
    }
    for what, networks in sweeps.items():
        with suppress(InputError):  # refused by name
            check_rising(networks, chip, what)


def test_layers_that_no_longer_share_a_core_may_end_sooner():
    """One core takes two layers in turn; a third does not fit, and then all three run side by side."""
    chip = KINDS["odin"]
    shapes = [
        {"channels": (64, 128), "size": 1, "kernel": 1, "rate": 0.5, "sparsity": 0.0},
        {"channels": (128, 100), "size": 1, "kernel": 1, "rate": 0.5, "sparsity": 0.0},
        {"channels": (100, 100), "size": 1, "kernel": 1, "rate": 0.1, "sparsity": 0.0},
    ]
    two, three = (hardware.cost(network(shapes[:count]), chip, weight_format="none") for count in (2, 3))
    assert two.pipeline is None
    assert two.interval_cycles == sum(layer.latency_cycles for layer in two.layers)
    assert three.interval_cycles == max(layer.latency_cycles for layer in three.layers)
    assert three.interval_cycles < two.interval_cycles < 3 * three.interval_cycles
    assert three.energy_pj > two.energy_pj
    assert "one core" in two.notes[0]
    assert not three.notes


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
    for number, part in enumerate(data["components"]):
        for key, given in part.items():
            if isinstance(given, dict) and given.get("unit") in ("pJ", "pJ/bit", "mW", "uW"):
                other = deepcopy(data)
                changed = (key, "update_energy") if key == "idle_update_energy" else (key,)
                for each in changed:  # an update that does nothing takes no more than one that does
                    other["components"][number][each]["value"] *= 2
                after = hardware.cost(network([shape]), parse_accelerator(other))
                assert after.energy_pj >= before.energy_pj, key
                assert after.latency_cycles == before.latency_cycles, key
