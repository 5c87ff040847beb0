"""A LIF layer, forward and backward: the one-node time loop against autograd through the step loop.

python -m benchmarks.neurons
"""

import statistics
import time

import torch

from spareto.neurons.lif import LIF

SHAPES = {"N-MNIST conv 1": (10, 32, 16, 34, 34), "dense 512, T = 100": (100, 64, 512)}


def step_loop(neuron, current):
    state, spikes = neuron.initial_state(current[0]), []
    for now in current:
        spike, state = neuron.step(now, state)
        spikes.append(spike)
    return torch.stack(spikes)


def seconds(run, current):
    current = current.clone().requires_grad_()
    start = time.perf_counter()
    run(current).sum().backward()
    return time.perf_counter() - start


def main(rounds=7):
    neuron = LIF()
    for name, shape in SHAPES.items():
        current = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        pairs = [
            (seconds(lambda x: step_loop(neuron, x), current), seconds(neuron, current))
            for _ in range(rounds + 1)
        ][1:]
        slow, fast = (statistics.median(times) for times in zip(*pairs, strict=True))
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"{name:20s} step loop {slow * 1e3:7.1f} ms, one node {fast * 1e3:7.1f} ms, ratio {ratio:.1f}")


if __name__ == "__main__":
    main()
