"""Real records for tests: a plausible study of about twenty recipes, built by closed formulas."""

from __future__ import annotations

from collections.abc import Iterator

from spareto.records import (
    ActionCost,
    Cost,
    LayerCost,
    LayerSummary,
    Manifest,
    PruneStep,
    QuantizeStep,
    Recipe,
    Trial,
)

WEIGHTS = {"conv1": 288, "conv2": 9216, "fc": 16000}
SYNOPS = {"conv1": 60_000.0, "conv2": 1_900_000.0, "fc": 48_000.0}
FORMATS = ("none", "bitmask", "rle", "cp", "uop")
TEST_SAMPLES = 898


def recipe(bits: int | None = None, sparsity: float | None = None, *, together: bool = True) -> Recipe:
    """A recipe of any regime; pruned-only networks store 8-bit weights."""
    start = 0.0 if together or sparsity is None else 0.5
    prune = () if sparsity is None else (PruneStep(sparsity=sparsity),)
    quantize = () if bits is None else (QuantizeStep(bits=bits, start=start),)
    storage = 8 if prune and not quantize else 32
    return Recipe(steps=prune + quantize, storage_bits=storage)


def recipes() -> Iterator[Recipe]:
    """Dense, five bit widths, five sparsities, and both together in two ways."""
    yield recipe()
    yield from (recipe(bits=bits) for bits in (8, 5, 4, 3, 2))
    yield from (recipe(sparsity=share) for share in (0.4, 0.6, 0.8, 0.9, 0.95))
    for together in (False, True):
        for bits in (4, 2):
            for share in (0.6, 0.8, 0.9):
                yield recipe(bits, share, together=together)


def trial(plan: Recipe, seed: int = 0) -> Trial:
    """A trial whose accuracy falls with fewer bits and live weights, on the grid of the test samples."""
    sparsity = measured_sparsity(plan)
    return Trial(
        recipe=plan,
        accuracy=accuracy(plan, seed),
        validation_accuracy=accuracy(plan, seed),
        weight_sparsity=sparsity,
        layers=tuple(layer(name, plan, sparsity) for name in WEIGHTS),
        costs=tuple(cost(plan, sparsity, seed, weight_format) for weight_format in FORMATS),
        seconds=3.25,
        manifest=Manifest(
            seed=seed,
            recipe_hash=plan.hash,
            data_hash="5f0c1b6de2a94a10",
            base_hash=f"base-{seed}",
            versions={"python": "3.11.9", "spareto": "0.1.0", "torch": "2.13.0"},
        ),
    )


def study(seeds: int = 1) -> list[Trial]:
    """All recipes, each with every seed."""
    return [trial(plan, seed) for plan in recipes() for seed in range(seeds)]


def odd_studies() -> dict[str, list[Trial]]:
    """Studies that are hard to draw."""
    dense, joint = trial(recipe()), trial(recipe(4, 0.8))
    hopeless = trial(recipe(2, 0.9)).model_copy(update={"accuracy": 0.1, "validation_accuracy": 0.1})
    perfect = dense.model_copy(update={"accuracy": 1.0, "validation_accuracy": 1.0})
    free = joint.model_copy(update={"costs": (joint.costs[0].model_copy(update={"layers": ()}),)})
    hostile = joint.recipe.model_copy(update={"name": "</script><b>&\"'{{ 7 * 7 }}"})
    long = joint.recipe.model_copy(
        update={"name": "a name far too long for any figure, yet nobody forbids it"}
    )
    return {
        "one trial": [joint],
        "dense only": [dense],
        "no dense": [joint, hopeless],
        "identical points": [
            joint,
            joint.model_copy(update={"recipe": recipe(4, 0.8, together=False)}),
        ],
        "one far below": [dense, joint, hopeless],
        "perfect": [perfect, joint],
        "costs nothing": [dense, free],
        "hostile name": [dense, joint.model_copy(update={"recipe": hostile})],
        "long name": [dense, joint.model_copy(update={"recipe": long})],
    }


def measured_sparsity(plan: Recipe) -> float:
    """Quantizing to few bits sets weights to zero as well."""
    rounded = {2: 0.42, 3: 0.2, 4: 0.08}.get(plan.weight_bits, 0.0)
    return round(1 - (1 - plan.sparsity) * (1 - rounded), 6)


def accuracy(plan: Recipe, seed: int) -> float:
    """Accuracy as a whole number of right answers out of the test samples."""
    lost = 9 * 4.0 ** (3 - plan.weight_bits) + 160 * plan.sparsity**14
    lost *= 0.8 if plan.regime == "joint" else 1.0
    wobble = (plan.weight_bits + round(10 * plan.sparsity) + 2 + 7 * seed) % 5 - 2
    return round(0.979 * TEST_SAMPLES - lost + wobble) / TEST_SAMPLES


def layer(name: str, plan: Recipe, sparsity: float) -> LayerSummary:
    """Small layers keep more of their weights."""
    share = min(0.99, sparsity * {"conv1": 0.45, "conv2": 1.0, "fc": 1.04}[name])
    return LayerSummary(
        name=name,
        weights=WEIGHTS[name],
        weight_bits=plan.weight_bits,
        weight_sparsity=share,
        firing_rate_in=0.06,
        firing_rate_out=0.11,
        effectual_synops=SYNOPS[name] * (1 - share),
    )


def cost(plan: Recipe, sparsity: float, seed: int, weight_format: str) -> Cost:
    """Bits moved and operations done, priced per layer; formats trade stored zeros for metadata."""
    layers = tuple(_layer_cost(name, plan, sparsity, seed, weight_format) for name in WEIGHTS)
    return Cost(accelerator="eyeriss_like", mode="physical", weight_format=weight_format, layers=layers)


def _layer_cost(name: str, plan: Recipe, sparsity: float, seed: int, weight_format: str) -> LayerCost:
    weights, synops, bits = WEIGHTS[name], SYNOPS[name] * (1 - sparsity) * (1 + 0.01 * seed), plan.weight_bits
    live = weights * (1 - sparsity)
    data = (weights if weight_format == "none" else live) * bits
    metadata = {"none": 0.0, "bitmask": 1.0 * weights, "rle": 4 * live, "cp": 5 * live, "uop": 0.6 * weights}
    total = metadata[weight_format]
    priced = [
        ("dram", "weights", "read", data, 8.0),
        ("dram", "metadata", "read", total, 8.0),
        ("dram", "inputs", "read", 0.002 * SYNOPS[name], 8.0),
        ("shared_glb", "weights", "read", 4 * (data + total), 0.35),
        ("shared_glb", "inputs", "read", 0.02 * SYNOPS[name], 1.7),
        ("weights_spad", "weights", "read", synops * bits / 16, 0.27),
        ("ifmap_spad", "inputs", "read", 0.3 * SYNOPS[name], 0.02),
        ("psum_spad", "outputs", "read", synops, 0.25),
        ("mac", "", "accumulate", synops, 0.043),
    ]
    actions = tuple(
        ActionCost(component=component, tensor=tensor, action=action, count=count, energy_pj=count * price)
        for component, tensor, action, count, price in priced
        if count
    )
    return LayerCost(name=name, latency_cycles=round(synops / 96), stored_bits=data + total, actions=actions)
