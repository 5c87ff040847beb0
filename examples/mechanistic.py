"""Mechanistic networks in a minute: equations found in traces, and a layer that learns behind spikes.

python examples/mechanistic.py
"""

import math
import statistics

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import nn

import spareto
from spareto import kernels
from spareto.layers.spiking_dense import SpikingDense
from spareto.mechanistic import Mechanistic, discover, discover_neuron
from spareto.mechanistic.discovery import monomials, windows
from spareto.neurons import registry as neurons

TIMESTEPS, INPUTS, SEEDS = 30, 32, (0, 1, 2)


def trace(derivative, start, step, count):
    """A trajectory to 10 digits, shape (time, dimensions)."""
    times = step * np.arange(count)
    found = solve_ivp(derivative, (0, step * count), start, t_eval=times, rtol=1e-10, atol=1e-12)
    return torch.from_numpy(found.y.T.copy())


def lorenz():
    """The three equations of the Lorenz system, from 40 time units of it and all products of two states."""

    def derivative(_, s):
        return [10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]]

    states = windows(trace(derivative, [1, 1, 1], 0.01, 4000), 50)
    for d, name in enumerate("xyz"):
        seen = states[..., d].contiguous()
        print(f"{name}' = {discover(seen, 0.01, monomials(states, 'xyz', 2), threshold=0.1)}")


def izhikevich():
    """A neuron's constants from its voltage alone; its recovery variable is never seen."""
    step, count = 0.05, 8000

    def current(t):
        return 0.2 + 0.9 * np.sin(t / 9) + np.sin(t / 4 + 1) + 0.5 * np.sin(t / 23)

    def derivative(t, s):
        return [0.04 * s[0] ** 2 + 5 * s[0] + 140 - s[1] + current(t), 0.02 * (0.2 * s[0] - s[1])]

    voltage = trace(derivative, [-65, -13], step, count)[:, 0]
    entered = torch.from_numpy(current(step * np.arange(count)))
    found = discover_neuron(voltage, entered, step, "izhikevich")
    print(", ".join(f"{name} {value:.4g}" for name, value in found.constants.items()))


class SpikesToMotion(nn.Module):
    """Spikes, 48 spiking neurons, and an oscillator whose constants they decide."""

    def __init__(self):
        super().__init__()
        self.spiking = SpikingDense(nn.Linear(INPUTS, 48), neurons.make("lif"), None)
        self.ode = Mechanistic(48, 1, order=2, step=0.2)

    def forward(self, x):
        return self.ode(kernels.dense(self.spiking(x)))


def motions(count, seed):
    """Damped oscillations, and spikes whose rates say how fast and how large they are."""
    make = torch.Generator().manual_seed(seed)
    size, speed = 0.5 + torch.rand(2, count, 1, generator=make)
    places = torch.linspace(0.5, 1.5, INPUTS // 2)
    rates = torch.cat([torch.exp(-((each - places) ** 2) / 0.02) for each in (size, speed)], 1)
    spikes = (torch.rand(TIMESTEPS, count, INPUTS, generator=make) < rates).float()
    time = 0.2 * torch.arange(TIMESTEPS)[:, None]
    moved = size[:, 0] * torch.cos(1.5 * speed[:, 0] * time) * torch.exp(-0.1 * time)
    return spikes, moved[..., None]


def fit(network, seed, steps):
    """Train on 64 motions, and say what is left of 64 others: root mean square over standard deviation."""
    spikes, moved = motions(64, seed)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(network(spikes), moved).backward()
        optimizer.step()
    spikes, moved = motions(64, seed + 1000)
    with torch.no_grad():
        return math.sqrt(nn.functional.mse_loss(network(spikes), moved)) / moved.std().item()


def compressed():
    """The same network dense, and with 4-bit weights of which half are zero."""
    left = {"float32, dense": [], "4 bits, half pruned": []}
    for seed in SEEDS:
        torch.manual_seed(seed)
        network = SpikesToMotion()
        left["float32, dense"].append(fit(network, seed, 60))
        small = spareto.compress(network, spareto.recipes.joint(bits=4, sparsity=0.5))
        left["4 bits, half pruned"].append(fit(small, seed, 30))
    for name, values in left.items():
        print(
            f"{name}: {statistics.mean(values):.3f} ± {statistics.stdev(values):.3f} over {len(SEEDS)} seeds"
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    lorenz()
    izhikevich()
    compressed()
