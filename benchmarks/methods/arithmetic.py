"""LNS-Madam with logarithmic activations, errors and gradients beside weights, three seeds.

`python -m benchmarks.methods.arithmetic` prints mean and deviation of the test accuracy, in per cent.
"""

from __future__ import annotations

from statistics import mean, stdev

import spareto
from benchmarks.methods.updates import DATA, SEEDS, dense_network, recipe_of
from spareto.compression import compress_and_train
from spareto.records import LogarithmicPlan, Recipe

WIDTHS = (None, 8, 6)


def with_width(recipe: Recipe, bits: int | None) -> Recipe:
    """The recipe whose training rounds everything to so many bits, beside the weights."""
    if bits is None:
        return recipe
    plan = LogarithmicPlan(activations=bits, errors=bits, gradients=bits)
    return recipe.replace(training=recipe.training.replace(logarithmic=plan))


def main() -> None:
    for name, (options, *_) in DATA.items():
        data = spareto.load_frames(name, **options)
        found: dict[int | None, list[float]] = {bits: [] for bits in WIDTHS}
        for seed in SEEDS:
            dense = dense_network(data, name, seed)
            for bits in WIDTHS:
                recipe = with_width(recipe_of("madam", 12, name), bits)
                trained = compress_and_train(dense, recipe, data, seed=seed, on_silence=lambda _: None)
                found[bits].append(100 * spareto.evaluate(trained, data.test_frames, data.test_labels))
        for bits, values in found.items():
            said = "weights alone" if bits is None else f"{bits} bits"
            print(f"{name}, {said}: {mean(values):.1f} ± {stdev(values):.1f}", flush=True)


if __name__ == "__main__":
    main()
