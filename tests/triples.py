"""Random accelerators, workloads and mappings: `python -m triples COUNT [FIRST] [--keep FILE]`, in `tests/`.

Each is refused with an error of ours, or has figures that obey the laws of `check`. Every seed stands for
itself: `--keep` writes the next one down, and the same command carries on there after a stop.
"""

import argparse
import sys
import time
import traceback
from collections import Counter
from copy import deepcopy
from pathlib import Path

import numpy as np

import workloads
from spareto import formats, hardware
from spareto.core.errors import ConfigError, InputError
from spareto.hardware.accelerators import parse_accelerator
from spareto.hardware.describing.accelerator import Accelerator
from spareto.hardware.describing.nest import Loop, Nest
from spareto.hardware.describing.problem import DIMS, LoopProblem
from spareto.hardware.mapping.checks import array_limits, overspread, uncovered

CHIPS = {name: hardware.load_accelerator(name).to_dict() for name in hardware.accelerator_names()}
WHOLE = ("instances", "bits", "words", "KiB", "MiB", "B")
SLACK = 1 + 1e-9
FORMATS = formats.on_chips()


def accelerator(rng, names=None):
    """A built-in chip with some of its numbers a few times larger or smaller."""
    data = deepcopy(CHIPS[rng.choice(names or sorted(CHIPS))])
    for part in data["components"]:
        for key, given in part.items():
            if isinstance(given, dict) and "value" in given and rng.random() < 0.25:
                value = given["value"] * float(rng.choice([0.25, 0.5, 2, 3]))
                whole = given["unit"] in WHOLE
                part[key] = given | {"value": max(1, round(value)) if whole else value}
    try:
        return parse_accelerator(data)
    except ConfigError:  # numbers that contradict each other
        return accelerator(rng, names)


def shape(rng):
    """Facts of a layer, as `workloads.layer` takes them."""
    size = int(rng.integers(1, 9))
    groups = int(rng.choice([1, 1, 1, 2]))
    return {
        "size": size,
        "kernel": int(rng.choice([1, 3, 5])) if size > 1 else 1,
        "stride": int(rng.integers(1, 3)),
        "groups": groups,
        "channels": (groups * int(rng.integers(1, 17)), groups * int(rng.integers(1, 33))),
        "timesteps": int(rng.integers(1, 6)),
        "bits": int(rng.choice([1, 2, 4, 8, 16, 32])),
        "sparsity": float(rng.random()),
        "rate": float(rng.random()),
        "analog": bool(rng.random() < 0.3),
        "neuron": [None, "iaf", "lif", "alif"][rng.integers(4)],
        "seed": int(rng.integers(99)),
    }


def mapping(rng, layer, chip):
    """Every dimension cut at random over the loops of the dataflow; some bounds are wrong now and then."""
    dims, slots = LoopProblem.of(layer).dims, []
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
    """Whether every figure is a number from 0."""
    figures = [cost.energy_pj, cost.latency_cycles, cost.interval_cycles, cost.footprint_bits]
    for layer in (*cost.layers, *cost.attributed):
        figures += [layer.latency_cycles, layer.stored_bits, layer.cores]
        figures += [x for action in layer.actions for x in (action.energy_pj, action.count, action.bits)]
    return np.isfinite(figures).all() and min(figures) >= 0


def dearer(chip, rng):
    """The same chip with one energy doubled."""
    data = chip.to_dict()
    energies = [(i, key) for i, part in enumerate(data["components"]) for key in part
                if key.endswith("energy") and part[key]]  # fmt: skip
    if not energies:
        return chip
    place, key = energies[rng.integers(len(energies))]
    given = data["components"][place][key]
    data["components"][place][key] = given | {"value": given["value"] * 2}
    try:
        return parse_accelerator(data)
    except ConfigError:
        return chip


def busier(layer):
    """Every input that is not zero a little more often, and so every operation."""
    mean, effectual = layer.input.nonzero_mean, layer.effectual_synops_mean
    rooms = [(layer.input.nonzero_max, mean), (layer.effectual_synops_max, effectual)]
    more = min(most / now if now else 1.0 for most, now in rooms)
    changes = {"effectual_synops_mean": effectual * more}
    changes["input"] = layer.input.model_copy(
        update={"nonzero_mean": mean * more, "nonzero_per_timestep": ()}
    )
    return layer.model_copy(update=changes)


def larger(rng, facts, nest):
    """A dense layer and one of twice the timesteps or channels, each with a mapping that covers it."""
    dense = facts | {"sparsity": 0.0, "rate": 1.0, "analog": False, "groups": 1}
    inputs, outputs = dense["channels"]
    dim = str(rng.choice(["T", "M", "C"]))
    more = {
        "T": {"timesteps": 2 * dense["timesteps"]},
        "M": {"channels": (inputs, 2 * outputs)},
        "C": {"channels": (2 * inputs, outputs)},
    }[dim]
    wider = None if nest is None else Nest(nest.levels, _doubled(nest, dim))
    return (workloads.layer(**dense), nest), (workloads.layer(**dense | more), wider)


def _doubled(nest, dim):
    """The loops with one that runs twice as long, outermost."""
    outer = nest.levels[0]
    loops = list(nest.loops)
    for place, loop in enumerate(loops):
        if (loop.level, loop.kind, loop.dim) == (outer, "temporal", dim):
            loops[place] = Loop.of(outer, "temporal", dim, 2 * loop.bound)
            return tuple(loops)
    return (Loop.of(outer, "temporal", dim, 2), *loops)


def variants(rng, chip, facts, nest):
    """Pairs of (workload, chip, mapping, statistic) of which the second takes no less; with their names."""
    layer = workloads.layer(**facts)
    plain = (workloads.network(layer), chip, nest, "mean")
    yield "energies", plain, (workloads.network(layer), dearer(chip, rng), nest, "mean")
    yield "spikes", plain, (workloads.network(busier(layer)), chip, nest, "mean")
    yield "largest", plain, (workloads.network(layer), chip, nest, "max")
    denser = facts | {"sparsity": facts["sparsity"] * rng.random()}
    yield "density", plain, (workloads.network(workloads.layer(**denser)), chip, nest, "mean")
    wider = facts | {"bits": facts["bits"] * 2 if facts["bits"] < 16 else facts["bits"]}  # 32 are floats
    yield "bits", plain, (workloads.network(workloads.layer(**wider)), chip, nest, "mean")
    if (
        chip.kind != "event_driven"
    ):  # there, more cores take less time: tests/unit/hardware/test_event_laws.py
        (small, fits), (large, covers) = larger(rng, facts, nest)
        yield (
            "sizes",
            (workloads.network(small), chip, fits, "mean"),
            (workloads.network(large), chip, covers, "mean"),
        )


def run(case, fmt):
    """The cost of one side; None if it was refused."""
    workload, chip, nest, statistic = case
    mappings = {layer.name: nest for layer in workload.layers} if nest else None
    try:
        return hardware.cost(workload, chip, mappings=mappings, weight_format=fmt, statistic=statistic)
    except InputError:
        return None


def check(seed, names=None):
    """One triple held to the laws; whether it could be costed.

    Every figure is a number from 0. Higher energies, more spikes, the largest activity, denser and wider
    weights and larger layers take no less energy and time, in any format.
    """
    rng = np.random.default_rng(seed)
    chip, facts = accelerator(rng, names), shape(rng)
    layer, fmt = workloads.layer(**facts), str(rng.choice(FORMATS))
    nest = mapping(rng, layer, chip) if isinstance(chip, Accelerator) else None
    wrong = [] if nest is None else [
        *uncovered(nest, LoopProblem.of(layer).dims, ""), *overspread(nest, array_limits(chip), "")
    ]  # fmt: skip
    costed = False
    for what, small, large in variants(rng, chip, facts, nest):
        before, after = run(small, fmt), run(large, fmt)
        costed = costed or before is not None
        assert before is None or not wrong, "a mapping that does not cover its layer was costed"
        for each in (before, after):
            assert each is None or sound(each), f"{what}: {each}"
        if before and after:
            rows = (before.energy_pj, before.latency_cycles), (after.energy_pj, after.latency_cycles)
            for quantity, less, more in zip(("energy", "latency"), *rows, strict=True):
                assert more * SLACK >= less, f"{what}, {fmt} on {chip.name}: {quantity} {less} to {more}"
    return costed


def main():
    """Run seeds; status 1 if one broke a law or raised what is no error of ours."""
    words = argparse.ArgumentParser()
    words.add_argument("count", type=int)
    words.add_argument("first", type=int, nargs="?", default=0)
    words.add_argument("--keep", type=Path)
    asked = words.parse_args()
    seed, last = asked.first, asked.first + asked.count
    if asked.keep and asked.keep.exists():
        seed = max(seed, int(asked.keep.read_text()))
    found, began = Counter(), time.time()
    while seed < last:
        try:
            found["costed" if check(seed) else "refused"] += 1
        except Exception:
            found["wrong"] += 1
            print(f"seed {seed}: {traceback.format_exc(limit=-2)}", flush=True)
        seed += 1
        if seed % 250 == 0 or seed == last:
            print(f"next seed {seed}: {dict(found)}, {time.time() - began:.0f} s", flush=True)
            if asked.keep:
                asked.keep.write_text(str(seed))
    sys.exit(1 if found["wrong"] else 0)


if __name__ == "__main__":
    main()
