"""Random accelerators, workloads and mappings: an error that says why, or figures that obey the laws."""

import numpy as np
import pytest

import workloads
from spareto import hardware
from spareto.core.errors import InputError
from spareto.hardware.accelerators import parse_accelerator
from spareto.hardware.describing.accelerator import Accelerator
from spareto.hardware.describing.nest import Loop, Nest
from spareto.hardware.describing.problem import DIMS, Problem
from spareto.hardware.mapping.checks import array_limits, overspread, uncovered
from spareto.hardware.mapping.fixed import fixed_nest

ARRAYS = {name: chip.to_dict() for name in hardware.accelerator_names()
          if isinstance(chip := hardware.load_accelerator(name), Accelerator)}  # fmt: skip
COUNTS = (
    "instances",
    "depth",
    "width",
    "read_energy",
    "write_energy",
    "read_bandwidth",
    "write_bandwidth",
    "lanes",
)


def accelerator(rng):
    """A built-in array with some of its numbers a few times larger or smaller."""
    name = rng.choice(list(ARRAYS))
    parts = [dict(part) for part in ARRAYS[name]["components"]]
    for part in parts:
        for key in COUNTS:
            if part.get(key) and rng.random() < 0.3:
                value = part[key]["value"] * float(rng.choice([0.25, 0.5, 2, 3]))
                whole = key in ("instances", "depth", "width")
                part[key] = part[key] | {"value": max(1, round(value)) if whole else value}
    return parse_accelerator(ARRAYS[name] | {"components": parts})


def workload(rng):
    size = int(rng.integers(1, 9))
    shape = {"kernel": int(rng.choice([1, 3, 5])) if size > 1 else 1, "stride": int(rng.integers(1, 3))}
    facts = {"timesteps": int(rng.integers(1, 6)), "bits": int(rng.choice([1, 2, 4, 8, 16, 32]))}
    facts |= {
        "sparsity": float(rng.random()),
        "rate": float(rng.random()),
        "analog": bool(rng.random() < 0.3),
    }
    channels = int(rng.integers(1, 17)), int(rng.integers(1, 33))
    neuron = str(rng.choice(["if", "lif", "alif"]))
    facts |= {"channels": channels, "size": size, "neuron": neuron, "seed": int(rng.integers(99))}
    return workloads.network(workloads.layer(**shape, **facts))


def mapping(rng, layer, chip):
    """Every dimension cut at random over the loops of the dataflow; some bounds are wrong now and then."""
    dims, slots = Problem.of(layer).dims, []
    for level in chip.levels:
        order = next((each.dims for each in chip.dataflow.order if each.level == level.name), ())
        slots += [(level.name, "temporal", dim) for dim in order]
        fills = [
            each.dims for each in chip.dataflow.fill if (each.level, each.kind) == (level.name, "spatial")
        ]
        slots += [(level.name, "spatial", dim) for each in fills for dim in each]
    bounds = dict.fromkeys(slots, 1)
    for dim in DIMS:
        left, own = dims.get(dim, 1), [slot for slot in slots if slot[2] == dim]
        for slot in rng.permutation(len(own)) if own else ():
            share = int(rng.integers(1, left + 1)) if rng.random() < 0.5 else 1
            bounds[own[slot]], left = share, -(-left // share)
        if own and left > 1 and rng.random() < 0.95:
            bounds[own[0]] *= left
    return Nest(tuple(x.name for x in chip.levels), tuple(Loop.of(*s, b) for s, b in bounds.items() if b > 1))


def sound(cost):
    figures = [cost.energy_pj, cost.latency_cycles, cost.footprint_bits]
    figures += [action.energy_pj for layer in cost.layers for action in layer.actions]
    figures += [action.count for layer in cost.layers for action in layer.actions]
    return np.isfinite(figures).all() and min(figures) >= 0


def dearer(chip, rng):
    """The same chip with one energy doubled."""
    data = chip.to_dict()
    energies = [(i, key) for i, part in enumerate(data["components"]) for key in part
                if key.endswith("energy") and part[key]]  # fmt: skip
    place, key = energies[rng.integers(len(energies))]
    given = data["components"][place][key]
    data["components"][place][key] = given | {"value": given["value"] * 2}
    return parse_accelerator(data)


def wider(layer):
    return layer.model_copy(update={"weight_bits": 2 * layer.weight_bits})


def busier(layer):
    """Every input that is not zero a little more often, and so every operation."""
    mean, effectual = layer.input.nonzero_mean, layer.effectual_synops_mean
    rooms = [(layer.input.nonzero_max, mean), (layer.effectual_synops_max, effectual)]
    more = min(most / now if now else 1.0 for most, now in rooms)
    changes = {"effectual_synops_mean": effectual * more}
    changes["input"] = layer.input.model_copy(update={"nonzero_mean": mean * more})
    return layer.model_copy(update=changes)


def check(seed):
    """One triple; whether it could be costed."""
    rng = np.random.default_rng(seed)
    chip, network = accelerator(rng), workload(rng)
    layer = network.layers[0]
    nest = mapping(rng, layer, chip)
    wrong = [*uncovered(nest, Problem.of(layer).dims, ""), *overspread(nest, array_limits(chip), "")]
    try:
        cost = hardware.cost(network, chip, mappings={layer.name: nest}, weight_format="none")
    except InputError:
        return False
    assert not wrong
    assert sound(cost)
    frozen = {"mappings": {layer.name: nest}, "weight_format": "none"}
    for changed, on in (
        (network, dearer(chip, rng)),
        (network.model_copy(update={"layers": (busier(layer),)}), chip),
    ):
        more = hardware.cost(changed, on, **frozen)
        assert more.energy_pj >= cost.energy_pj * (1 - 1e-12)
        assert more.latency_cycles >= cost.latency_cycles
    if layer.weight_bits < 16:
        try:
            more = hardware.cost(network.model_copy(update={"layers": (wider(layer),)}), chip, **frozen)
        except InputError:
            return True
        assert more.energy_pj >= cost.energy_pj * (1 - 1e-12)
    return True


@pytest.mark.parametrize("block", range(4))
def test_random_triples(block):
    costed = [check(seed) for seed in range(block * 100, block * 100 + 100)]
    assert sum(costed) > 10


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_ten_thousand_random_triples(block):
    costed = [check(seed) for seed in range(1000 + block * 500, 1000 + block * 500 + 500)]
    assert sum(costed) > 50


@pytest.mark.parametrize("seed", range(12))
def test_a_search_is_no_worse_than_the_fixed_mapping_and_random_ones(seed):
    rng = np.random.default_rng(seed)
    chip, network = accelerator(rng), workload(rng)
    layer = network.layers[0]
    try:
        fixed_nest(layer, chip)
    except InputError:
        return
    best = hardware.find_mappings(network, chip, weight_format="none")[layer.name]
    assert best.energy_pj <= hardware.cost(network, chip, weight_format="none").energy_pj * (1 + 1e-9)
    for _ in range(30):
        nest = mapping(rng, layer, chip)
        try:
            given = hardware.cost(network, chip, mappings={layer.name: nest}, weight_format="none")
        except InputError:
            continue
        assert best.energy_pj <= given.energy_pj * (1 + 1e-9)
