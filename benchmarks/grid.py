"""The study's whole grid: 75 networks, 4 formats, 2 activities, 11 layers; one core, with its peak memory.

Every network has its own weight masks, and each is measured: what a format takes is counted on the real
zeros. Once with one frozen mapping a layer, once with a mapping searched for every case.

    python -m benchmarks.grid
"""

import resource
import time
from itertools import product

import numpy as np

from spareto import hardware
from spareto.records import Layer, Mask, Neuron, Tensor, Workload

T = 20
LAYERS = (  # name, C, M, height, width, kernel; where spikes come in
    ("conv1", 2, 128, 128, 128, (3, 3)),
    ("conv2", 128, 128, 64, 64, (3, 3)),
    ("conv3", 128, 128, 32, 32, (3, 3)),
    ("conv4", 128, 128, 16, 16, (3, 3)),
    ("tcja_t1", 20, 20, 1, 128, (1, 4)),
    ("tcja_c1", 128, 128, 1, 20, (1, 4)),
    ("conv5", 128, 128, 8, 8, (3, 3)),
    ("tcja_t2", 20, 20, 1, 128, (1, 4)),
    ("tcja_c2", 128, 128, 1, 20, (1, 4)),
    ("dense1", 2048, 512, 1, 1, (1, 1)),
    ("dense2", 512, 110, 1, 1, (1, 1)),
)
SPARSITIES = (0.0, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975)
FORMATS = ("uop", "rle", "cp", "bitmask")


def points():
    """Sparsity and bits of each network: both kinds of compression, the unpruned ones once."""
    cumulative = list(product(SPARSITIES, (2, 3, 4, 6, 8)))
    return cumulative + [point for point in cumulative if point[0]]


def network(sparsity, bits, rng):
    """The study's network, pruned at random, with spikes everywhere at five percent."""
    layers = tuple(_layer(*geometry, sparsity, bits, rng) for geometry in LAYERS)
    return Workload(network="tcja", dataset="synthetic", samples=0, timesteps=T, layers=layers)


def _layer(name, inputs, outputs, height, width, kernel, sparsity, bits, rng):
    attention = name.startswith("tcja")
    steps, density = (1, 1.0) if attention else (T, 0.05)
    mask = rng.random((outputs, inputs, *kernel), np.float32) >= sparsity
    seen = density * steps * inputs * height * width
    wide = width - kernel[1] + 1 if attention else width
    effectual = density * steps * height * wide * float(mask.sum()) * (0.9 if kernel == (3, 3) else 1.0)
    return Layer(
        name=name,
        kind="linear" if name.startswith("dense") else "conv2d",
        in_channels=inputs,
        out_channels=outputs,
        kernel=kernel,
        padding=(1, 1) if kernel == (3, 3) else (0, 0),
        timesteps=steps,
        weight_bits=bits,
        weight_mask=Mask.of(mask),
        input=Tensor(
            shape=(inputs, height, width),
            kind="analog" if attention else "spike",
            bits=8 if attention else 1,
            nonzero_mean=seen,
            nonzero_max=min(2 * density, 1.0) / density * seen,
        ),
        output=Tensor(
            shape=(outputs, height, wide),
            kind="analog" if attention else "spike",
            bits=8 if attention else 1,
            nonzero_mean=1.0,
            nonzero_max=1.0,
        ),
        effectual_synops_mean=effectual,
        effectual_synops_max=min(2 * density, 1.0) / density * effectual,
        neuron=None if attention else Neuron(kind="lif", count=outputs * height * width),
    )


def measure(networks, **options):
    """Seconds of processor time for the whole grid, and the grid."""
    chip = hardware.load_accelerator("eyeriss_like")
    start = time.process_time()
    grid = hardware.cost_grid(networks, chip, weight_formats=FORMATS, **options)
    return time.process_time() - start, grid


def main():
    rng = np.random.default_rng(0)
    networks = [network(sparsity, bits, rng) for sparsity, bits in points()]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    frozen, grid = measure(networks)
    searched, best = measure(networks, objective="energy")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{grid.energy_pj.size} cases of a layer, the masks of all {len(networks)} networks measured")
    print(f"one frozen mapping a layer: {frozen:6.2f} s")
    print(f"a mapping searched for each: {searched:5.2f} s")
    print(
        f"energy of the searched ones: {best.energy_pj.sum() / grid.energy_pj.sum():.3f} of the frozen ones"
    )
    print(f"memory: {before / 1024:.0f} MiB with the networks, {peak / 1024:.0f} MiB at its peak")


if __name__ == "__main__":
    main()
