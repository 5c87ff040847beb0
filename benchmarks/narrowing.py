"""A training step of networks with fewer channels, against the step of the whole one.

python -m benchmarks.narrowing [--rounds 5]

What is left of the multiplications and of the neurons stands beside: a step in proportion lies between.
Removing channels (`spareto.compression`'s shrinking) leaves such networks.
"""

from __future__ import annotations

import argparse
from functools import partial

import torch
from torch import nn

import spareto
from benchmarks import timing
from benchmarks.training import NMNIST, STUDY, WORKLOADS, step
from spareto.networks import Network
from spareto.training.memory import keep_large_blocks

SHARES = (1.0, 0.75, 0.5, 0.25)
WHOLE = {"nmnist": (NMNIST, (32, 64)), "tcja": (STUDY, (128,) * 5)}


def built(name: str, share: float) -> Network:
    """The network with that share of its channels."""
    options, channels = WHOLE[name]
    torch.manual_seed(0)
    narrowed = {**options, "channels": tuple(int(share * each) for each in channels)}
    return spareto.networks.build(WORKLOADS[name].network[0], **narrowed)


def work(network: Network, frames: torch.Tensor) -> tuple[int, int]:
    """Multiplications of the dense network in a sample's timestep, and its neurons."""
    products, neurons = 0, 0

    def see(module: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal products, neurons
        weight = module.weight
        assert isinstance(weight, torch.Tensor)
        neurons += output[0].numel()
        products += output[0].numel() * weight[0].numel()

    parts = [part for part in network.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    handles = [part.register_forward_hook(see) for part in parts]
    with torch.no_grad():
        network(frames[:, :1])
    for handle in handles:
        handle.remove()
    return products, neurons


def main() -> None:
    """Print a line a network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workloads", nargs="+", choices=WHOLE, default=list(WHOLE))
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    keep_large_blocks()
    torch.set_num_threads(1)
    for name in asked.workloads:
        load = WORKLOADS[name]
        shape = load.timesteps, load.batch, *WHOLE[name][0]["sensor"]
        frames = (torch.rand(shape) < load.density).float()
        networks = {share: built(name, share) for share in SHARES}
        works = {share: work(network, frames) for share, network in networks.items()}
        labels = torch.arange(load.batch) % networks[1.0].classes
        seconds = timing.in_turns(
            {
                str(share): partial(step, network.train(), frames, labels, network.classes)
                for share, network in networks.items()
            },
            asked.rounds,
        )
        for share in SHARES:
            products, neurons = (own / whole for own, whole in zip(works[share], works[1.0], strict=True))
            print(
                f"{name:8s} {share:4.0%} of channels: {timing.milliseconds(seconds, str(share)):7.1f} ms, "
                f"{timing.ratio(seconds, str(share), '1.0'):5.2f} of the whole step; "
                f"{products:4.2f} of its multiplications, {neurons:4.2f} of its neurons",
                flush=True,
            )


if __name__ == "__main__":
    main()
