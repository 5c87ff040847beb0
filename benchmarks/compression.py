"""A training step with quantized and masked weights against the dense step, forward, backward and Adam.

Rounds alternate between the two, and what is quoted is the median of the ratios of processor time within a
round, on one thread. The loop around layers shows weights computed once a forward against once a timestep.

    python -m benchmarks.compression [--json] [--rounds 9] [--full]

`--full` runs the study's network on DVS128 Gesture's shape, which takes minutes; without it, its sensor is
cut to a quarter of a side, which makes the dense step cheaper and compression look dearer.
"""

import argparse
import json
import statistics
import time
from copy import deepcopy

import torch
from torch import nn

from spareto import networks, recipes
from spareto.compression import compress
from spareto.compression.weight_cache import stop_caching
from spareto.records import PruneStep, QuantizeStep, Recipe

STUDY = QuantizeStep(bits=4, quantizer="duq", rounding="ewgs")
RECIPES = {
    "4 bit 80 %, learned clip": recipes.joint(4, 0.8),
    "4 bit 80 %, DuQ with EWGS": Recipe(steps=(PruneStep(sparsity=0.8), STUDY)),
}
ZOO = {
    "N-MNIST conv, batch 32": ("conv", (10, 32, 2, 34, 34), {"channels": [32, 64], "kernel": 5, "stride": 2}),
    "TCJA, batch 4, 32x32": ("tcja", (20, 4, 2, 32, 32), {"timesteps": 20}),
    "TCJA, batch 1, 128x128": ("tcja", (20, 1, 2, 128, 128), {"timesteps": 20}),
}


class Loop(nn.Module):
    """Somebody else's dense network with a Python time loop, which asks for its weights every timestep."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2312, 800), nn.Linear(800, 10)

    def forward(self, frames):
        v, out = 0.0, 0.0
        for now in frames:
            v = 0.9 * v + self.first(now)
            s = torch.sigmoid(4 * (v - 1))
            v, out = v - s.detach(), out + self.second(s)
        return out / len(frames)


def stepper(network, frames):
    """One training step, as a function."""
    optimizer = torch.optim.Adam(network.train().parameters(), lr=1e-4)

    def step():
        optimizer.zero_grad(set_to_none=True)
        network(frames).square().mean().backward()
        optimizer.step()

    return step


def seconds(step):
    start = time.process_time()
    step()
    return time.process_time() - start


def compare(dense, other, rounds):
    """Median seconds of both, and the median ratio within a round of dense, other, other, dense."""
    seconds(dense), seconds(other)  # warm up
    pairs = []
    for _ in range(rounds):
        first, second, third, fourth = (seconds(step) for step in (dense, other, other, dense))
        pairs.append((first + fourth, second + third))
    slow, fast = (statistics.median(times) / 2 for times in zip(*pairs, strict=True))
    return slow, fast, statistics.median(b / a for a, b in pairs)


def cases(full):
    """Name, network and frames; networks this installation does not have are left out."""
    for name, (network, shape, options) in ZOO.items():
        if network not in networks.names() or (shape[-1] == 128 and not full):
            continue
        torch.manual_seed(0)
        built = networks.build(network, sensor=shape[2:], classes=10, **options)
        yield name, built, (torch.rand(shape) < 0.1).float()
    torch.manual_seed(0)
    yield "time loop T = 50, batch 32", Loop(), (torch.rand(50, 32, 2312) < 0.05).float()


def uncached(network):
    """The same network, its weights computed at every use."""
    network = deepcopy(network)
    stop_caching(network)
    return network


def measure(rounds=9, full=False):
    """One row a network and what is compared with its dense step, first of all the dense step itself."""
    for name, dense, frames in cases(full):
        variants = {"dense again: the noise": deepcopy(dense)}
        variants |= {label: compress(dense, recipe) for label, recipe in RECIPES.items()}
        if isinstance(dense, Loop):
            variants["4 bit 80 %, once a timestep"] = uncached(compress(dense, recipes.joint(4, 0.8)))
        for label, network in variants.items():
            base, ours, ratio = compare(stepper(dense, frames), stepper(network, frames), rounds)
            yield {
                "network": name,
                "recipe": label,
                "dense_ms": base * 1e3,
                "compressed_ms": ours * 1e3,
                "ratio": ratio,
            }


def main(arguments=()):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compression")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--full", action="store_true", help="also DVS128 Gesture's shape; takes minutes")
    options = parser.parse_args(arguments)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for row in measure(options.rounds, options.full):
        if options.json:
            print(json.dumps(row), flush=True)
            continue
        print(
            f"{row['network']:27s} {row['recipe']:27s} dense {row['dense_ms']:8.1f} ms, "
            f"compressed {row['compressed_ms']:8.1f} ms, ratio {row['ratio']:.3f}",
            flush=True,
        )
    torch.set_num_threads(threads)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
