"""A training step under a memory limit: `python tests/limits.py POINTS MEBIBYTES`.

Each of `POINTS` children may take another share of `MEBIBYTES` more memory than it begins with. It must end well, or
with an error of memory, after which the same step without the limit gives what it gives in a fresh process.
"""

import os
import resource
import sys

import torch
from torch import nn

from spareto import kernels
from spareto.kernels import workspace
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry as neurons


def network():
    torch.manual_seed(0)
    first = SpikingBlock(nn.Conv2d(2, 32, 3, padding=1), None, neurons.make("lif"), nn.MaxPool2d(2))
    second = SpikingBlock(
        nn.Conv2d(32, 64, 3, padding=1, groups=2, bias=False), nn.BatchNorm2d(64), neurons.make("plif")
    )
    return nn.Sequential(first, second, SpikingDense(nn.Linear(64 * 16 * 16, 300), neurons.make("alif")))


def step(layers, x):
    layers.zero_grad()
    found = kernels.dense(layers(x))
    (found * torch.linspace(0, 1, found.shape[-1])).sum().backward()
    return [p.grad.clone() for p in layers.parameters() if p.grad is not None]


def limited(layers, x, extra):
    """0 if the step ran, 1 if it ended for want of memory; the limit is gone behind it."""
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + extra, before[1]))
    try:
        step(layers, x)
        return 0
    except MemoryError:
        return 1
    except RuntimeError as error:
        if "memory" not in str(error):
            raise
        return 1
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def child(extra, expected, x):
    try:
        workspace.release()
        layers = network()
        short = limited(layers, x, extra)
        same = all(map(torch.equal, step(network(), x), expected))
        again = all(bool(g.isfinite().all()) for g in step(layers, x))
        os._exit(short if same and again else 2)
    except BaseException as error:
        print(f"{extra >> 20} MiB: {type(error).__name__}: {error}", flush=True)
        os._exit(3)


def main(points, mebibytes):
    x = (torch.rand(6, 8, 2, 32, 32, generator=torch.Generator().manual_seed(0)) < 0.2).float()
    expected = step(network(), x)
    ends = []
    for point in range(points):
        process = os.fork()
        if process == 0:
            child((mebibytes << 20) * point // points, expected, x)
        ends.append(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
    print(f"{ends.count(0)} ran, {ends.count(1)} had no memory, others: {[e for e in ends if e not in (0, 1)]}")
    return 0 if set(ends) <= {0, 1} and 1 in ends else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
