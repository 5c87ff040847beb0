"""Pruned ternary weights in a package against the entropy of their codes, format by format.

python -m benchmarks.entropy [--sparsity 0.8]

The bound is that of codes drawn independently: n (H(live) + live) bits, places and a sign each.
"""

from __future__ import annotations

import argparse
from math import log2
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

import spareto
from spareto.formats import measured_formats
from spareto.lowering import lower
from spareto.package import write_package
from spareto.records import PruneStep, QuantizeStep, Recipe

SHAPES = ((32, 16, 3, 3), (128, 128, 3, 3), (100, 2048))


def bound(live: float) -> float:
    """Bits a weight, at least."""
    dead = 1.0 - live
    return -(live * log2(live) + dead * log2(dead)) + live


def main(arguments: list[str] | None = None) -> None:
    """Print bits a weight of each format, then the bytes of a whole package."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.entropy")
    parser.add_argument("--sparsity", type=float, default=0.8)
    live = 1.0 - parser.parse_args(arguments if arguments is not None else []).sparsity
    draw = np.random.default_rng(0)
    print(f"bound {bound(live):.3f} bits a weight")
    for shape in SHAPES:
        places = draw.random(shape) < live
        codes = np.where(places, draw.choice([-1, 1], shape), 0)
        for width in (1, 2):  # bits of a live value: its sign, or a code
            sizes = {
                name: form.encode(codes, width).size(width).bits / codes.size
                for name, form in measured_formats().items()
            }
            order = sorted(sizes, key=sizes.__getitem__)[:4]
            print(
                f"{shape}, {width} bits a value: " + ", ".join(f"{name} {sizes[name]:.3f}" for name in order)
            )
    torch.manual_seed(0)
    network = spareto.networks.build("conv", sensor=(2, 34, 34), classes=10, channels=(32, 64), votes=1)
    recipe = Recipe(steps=(PruneStep(sparsity=1.0 - live, scope="per_layer"), QuantizeStep(bits=2)))
    small = spareto.compress(network, recipe).eval()
    with TemporaryDirectory() as folder:
        package = write_package(Path(folder) / "network.spareto", lower(small).network)
        size = (Path(folder) / "network.spareto").stat().st_size
    least = 0.0
    for _, synapses in package.network.synapses:
        _, counts = np.unique(synapses.weights, return_counts=True)
        least -= float((counts * np.log2(counts / counts.sum())).sum())
    stored = f"weights {package.weight_bytes} ({', '.join(package.formats)})"
    print(f"package {size} bytes: header {package.header_bytes}, {stored}")
    times = 8 * package.weight_bytes / least
    print(f"entropy of its codes {least / 8:.0f} bytes; weights take {times:.2f} times that")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
