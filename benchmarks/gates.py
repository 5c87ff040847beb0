"""How much of a layer's input gradient is wanted in real training: what an exactly sparse one has to sum.

python -m benchmarks.gates [--data nmnist wide fashion_mnist spoken_digits] [--epochs 1] [--shares]
    --shares  what part of a training step the input gradients of convolutions are, instead

A surrogate of compact support is 0 for many neurons. The gradient of such a neuron's spike is multiplied by
0, so the layer above need not sum it ("wanted" are the others; a max pooling hands its gradient to one neuron
of the window). What is left of a layer's own error is sparse, too ("error"), but batch norm makes it dense.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import spareto
from benchmarks.training import WORKLOADS, make, step
from spareto import kernels
from spareto.data.load import FrameData
from spareto.kernels.sums import ConvSums
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons._family import FamilyNeuron
from spareto.neurons._loop import _moments
from spareto.training.memory import keep_large_blocks

SURROGATES: dict[str, dict[str, Any]] = {
    "arctan": {},
    "triangle": {},
    "rectangle": {},
    "triangle, slope 4": {"slope": 4.0},
}
"""The triangle is the piecewise quadratic step of SpikingJelly."""

BATCH = 32
SMALL = {"channels": (16, 32), "votes": 1}
DATA: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "nmnist": ("nmnist_small", {"timesteps": 10}, "conv", SMALL),
    "wide": ("nmnist_small", {"timesteps": 10}, "conv", {"channels": (128, 128, 128), "votes": 1}),
    "fashion_mnist": ("fashion_mnist", {"timesteps": 4, "limit": 4000}, "conv", SMALL),
    "spoken_digits": (
        "spoken_digits",
        {"timesteps": 12, "bins": "events"},
        "dense",
        {"hidden": (256,), "votes": 1},
    ),
}
"""Data set, how it is loaded, network and its options."""


@dataclass(frozen=True)
class Row:
    """One layer after training; shares, 0..1.

    Args:
        layer: Its place.
        spikes: Neurons and timesteps that fire.
        gate: Where the surrogate's derivative is not 0.
        error: Where it meets a gradient that is not 0 either.
        wanted: Of what the layer passes on, that whose gradient counts.
    """

    layer: str
    spikes: float
    gate: float
    error: float
    wanted: float


def built(name: str, data: FrameData, norm: bool, neuron: dict[str, Any]) -> nn.Module:
    """The network; without batch norms its weights are larger, or it would be silent."""
    torch.manual_seed(0)
    _, _, kind, options = DATA[name]
    frame = {"sensor": data.info.sensor, "classes": data.info.classes}
    network = spareto.networks.build(kind, **frame, neuron={"name": "lif", **neuron}, **options)
    for layer in network.modules():
        if isinstance(layer, SpikingBlock | SpikingDense) and not norm:
            layer.norm = None
            weights: Any = layer.conv if isinstance(layer, SpikingBlock) else layer.linear
            with torch.no_grad():
                weights.weight.mul_(6.0)
    return network


def looked_at(network: nn.Module, frames: Tensor, labels: Tensor, classes: int) -> Iterator[Row]:
    """Every layer of neurons; nobody asks for the gradient of what the last one passes on."""
    seen: dict[str, tuple[FamilyNeuron, Tensor, Tensor]] = {}

    def see(name: str, module: FamilyNeuron, inputs: tuple[Tensor], spikes: Tensor) -> None:
        spikes.retain_grad()
        seen[name] = module, inputs[0], spikes

    parts = {name: module for name, module in network.named_modules() if isinstance(module, FamilyNeuron)}
    handles = [module.register_forward_hook(partial(see, name)) for name, module in parts.items()]
    with kernels.reference():
        F.mse_loss(network.train()(frames), F.one_hot(labels, classes).float()).backward()
    for handle in handles:
        handle.remove()
    for name, (neuron, currents, spikes) in seen.items():
        dynamics = neuron.dynamics()
        assert dynamics is not None
        assert spikes.grad is not None
        moments = [(now.h, now.theta) for now in _moments(dynamics, currents.detach())]
        gate = torch.stack([neuron.surrogate.derivative(h - theta) for h, theta in moments]) != 0
        pool = getattr(network.get_submodule(name.rpartition(".")[0]), "pool", None)
        wanted = gate if pool is None else _behind(gate, spikes.detach(), pool)
        error = gate & (spikes.grad != 0)
        yield Row(name, *(float(part.float().mean()) for part in (spikes.detach(), gate, error, wanted)))


def _behind(gate: Tensor, spikes: Tensor, pool: nn.Module) -> Tensor:
    """Of the neurons that a max pooling passes on."""
    places = F.max_pool2d(spikes.flatten(0, 1), pool.kernel_size, return_indices=True)[1]  # type: ignore[arg-type]
    return gate.flatten(0, 1).flatten(2).gather(2, places.flatten(2))


def step_shares(steps: int = 5) -> None:
    """Print the part of the workloads' training step that goes into input gradients of convolutions."""
    for name in ("tcja", "nmnist"):
        network, frames, labels = make(WORKLOADS[name])
        spent: list[float] = []
        plain = ConvSums.input_gradient

        def timed(*arguments: Any, plain: Any = plain, spent: list[float] = spent) -> Tensor:
            begun = time.process_time()
            found = plain(*arguments)
            spent.append(time.process_time() - begun)
            return found

        with mock.patch.object(ConvSums, "input_gradient", timed):
            for _ in range(2):
                step(network, frames, labels, network.classes)
            spent.clear()
            begun = time.process_time()
            for _ in range(steps):
                step(network, frames, labels, network.classes)
        print(f"{name}: {sum(spent) / (time.process_time() - begun):.0%} of a step are input gradients")


def main(arguments: list[str] | None = None) -> None:
    """Train shortly, look, print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gates", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--shares", action="store_true")
    asked = parser.parse_args(arguments if arguments is not None else [])
    torch.set_num_threads(1)
    if asked.shares:
        keep_large_blocks()
        step_shares()
        return
    for name in asked.data:
        data = spareto.load_frames(DATA[name][0], **DATA[name][1])
        frames = torch.from_numpy(data.train_frames[:, :BATCH]).float()
        labels = torch.from_numpy(data.train_labels[:BATCH])
        for norm in (True, False):
            for surrogate, given in SURROGATES.items():
                network = built(name, data, norm, {"surrogate": surrogate.partition(",")[0], **given})
                spareto.train(network, data, spareto.TrainingPlan(epochs=asked.epochs, learning_rate=5e-3))
                accuracy = spareto.evaluate(network, data.train_frames, data.train_labels)
                title = f"{name}, {'batch norm' if norm else 'none'}, {surrogate}"
                print(f"{title}: training accuracy {accuracy:.2f}")
                for row in looked_at(network, frames, labels, data.info.classes):
                    shares = f"fires {row.spikes:6.1%}  gate {row.gate:6.1%}  error {row.error:6.1%}"
                    print(f"    {row.layer:28s} {shares}  wanted {row.wanted:6.1%}", flush=True)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
