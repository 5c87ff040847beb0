"""Pruned weights in a package against the entropy of their codes, format by format.

python -m benchmarks.entropy [--sparsity 0.8]

The bound of a layer is the entropy of its codes, zero among them: as many bits as an ideal coder takes that
knows how often each code occurs and nothing else. No format that stores places and values apart can beat it
on weights drawn independently.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
import torch

import spareto
from spareto import formats
from spareto.lowering import lower
from spareto.package import read_package, write_package
from spareto.records import PruneStep, QuantizeStep, Recipe
from spareto.runtime import Engine

SHAPES = ((32, 16, 3, 3), (128, 128, 3, 3), (100, 2048))


def entropy(codes: Any) -> float:
    """Bits of all codes, at least."""
    counts = np.unique(codes, return_counts=True)[1]
    return -float((counts * np.log2(counts / counts.sum())).sum())


def drawn(shape: tuple[int, ...], bits: int, live: float) -> Any:
    """Codes of a normal distribution of which a share is not zero; of 2 bits, signs."""
    draw, most = np.random.default_rng(0), 2 ** (bits - 1) - 1
    codes = np.clip(np.rint(draw.normal(0, most / 3, shape)), -most, most).astype(np.int32)
    codes = draw.choice([-1, 1], shape) if bits == 2 else codes
    return np.where(draw.random(shape) < live, codes, 0)


def tensors(live: float) -> None:
    """Print bits a weight of each format."""
    for shape in SHAPES:
        for bits in (2, 4, 8):
            codes = drawn(shape, bits, live)
            sizes = {
                name: formats.registry.make(name).encode(codes, bits).size(bits).bits / codes.size
                for name in formats.registry.names()
            }
            order = sorted(sizes, key=sizes.__getitem__)[:4]
            told = ", ".join(f"{name} {sizes[name]:.3f}" for name in order)
            print(f"{shape}, {bits} bits: entropy {entropy(codes) / codes.size:.3f} a weight; {told}")


def packages(sparsity: float) -> None:
    """Print the bytes of whole packages, in the smallest format of chips and in the smallest of all."""
    for bits in (2, 4, 8):
        torch.manual_seed(0)
        made = spareto.networks.build("conv", sensor=(2, 34, 34), classes=10, channels=(32, 64), votes=1)
        prune = PruneStep(sparsity=sparsity, scope="per_layer")
        small = spareto.compress(made, Recipe(steps=(prune, QuantizeStep(bits=bits)))).eval()
        network = lower(small).network
        least = sum(entropy(synapses.weights) for _, synapses in network.synapses) / 8
        print(f"{bits} bits, entropy of its codes {least:.0f} bytes")
        with TemporaryDirectory() as folder:
            path = Path(folder) / "network.spareto"
            for name in (*formats.on_chips(), formats.BEST):
                found = write_package(path, network, name)
                began = process_time()
                read_package(path)
                seconds = process_time() - began
                print(
                    f"  {name:<14} file {path.stat().st_size:6}: header {found.header_bytes}, biases "
                    f"{found.bias_bytes}, weights {found.weight_bytes} ({', '.join(set(found.formats))}), "
                    f"{found.weight_bytes / least:.3f} times; read in {1e3 * seconds:.0f} ms"
                )
            engine = Engine(network)
            times = f"{engine.weight_bytes / path.stat().st_size:.2f} times the file"
            print(f"  in memory      {engine.weight_bytes} bytes, {times}, states {engine.state_bytes}")


def main(arguments: list[str] | None = None) -> None:
    """Print bits a weight of each format, then the bytes of whole packages."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.entropy")
    parser.add_argument("--sparsity", type=float, default=0.8)
    sparsity = parser.parse_args(arguments if arguments is not None else []).sparsity
    tensors(1.0 - sparsity)
    packages(sparsity)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
