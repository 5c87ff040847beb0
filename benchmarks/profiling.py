"""A profile of a foreign network against its own forward passes.

python -m benchmarks.profiling [--samples 512] [--rounds 5] [--only snnTorch]
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.timing import in_turns
from spareto.frameworks import reset_state
from spareto.profiling import profile

TIMESTEPS, BATCH, SENSOR, CLASSES = 25, 64, (2, 28, 28), 10


class Loop(nn.Module):
    """snnTorch and Norse: a loop over timesteps, states passed by hand."""

    def __init__(self, layers: list[nn.Module], neurons: list[nn.Module], start: Callable[[nn.Module], Any]):
        super().__init__()
        self.layers, self.neurons, self.start = nn.ModuleList(layers), nn.ModuleList(neurons), start

    def forward(self, frames: Tensor) -> Tensor:
        states: list[Any] = [self.start(neuron) for neuron in self.neurons]
        total: Tensor | float = 0.0
        for x in frames:
            for place, (layer, neuron) in enumerate(zip(self.layers, self.neurons, strict=True)):
                x, states[place] = neuron(layer(x), states[place])
            total = total + x
        assert isinstance(total, Tensor), "there are timesteps"
        return total


def dense_layers() -> list[nn.Module]:
    """The dense network of snnTorch's tutorials, a hidden layer wider."""
    inputs = int(np.prod(SENSOR))
    return [
        nn.Sequential(nn.Flatten(), nn.Linear(inputs, 1000)),
        nn.Linear(1000, 500),
        nn.Linear(500, CLASSES),
    ]


def conv_layers() -> list[nn.Module]:
    """The convolutional network of snnTorch's tutorials."""
    return [
        nn.Sequential(nn.Conv2d(2, 12, 5), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(12, 64, 5), nn.MaxPool2d(2)),
        nn.Sequential(nn.Flatten(), nn.Linear(64 * 16, CLASSES)),
    ]


def snntorch(layers: list[nn.Module]) -> nn.Module:
    """`Leaky` neurons."""
    import snntorch as snn

    return Loop(layers, [snn.Leaky(beta=0.9) for _ in layers], lambda neuron: neuron.init_leaky())


def norse() -> nn.Module:
    """`LIFCell` neurons."""
    import norse.torch as lib

    layers = dense_layers()
    return Loop(layers, [lib.LIFCell() for _ in layers], lambda _: None)


def spikingjelly() -> nn.Module:
    """The CSNN of SpikingJelly's tutorials, in multi-step mode."""
    from spikingjelly.activation_based import layer, neuron

    fire = partial(neuron.IFNode, step_mode="m")
    conv = partial(layer.Conv2d, kernel_size=3, padding=1, bias=False, step_mode="m")
    return nn.Sequential(
        *(conv(2, 32), layer.BatchNorm2d(32, step_mode="m")),
        *(fire(), layer.MaxPool2d(2, step_mode="m")),
        *(
            conv(32, 32),
            layer.BatchNorm2d(32, step_mode="m"),
        ),
        *(fire(), layer.MaxPool2d(2, step_mode="m"), layer.Flatten(step_mode="m")),
        *(layer.Linear(32 * 49, 256, bias=False, step_mode="m"), fire()),
        *(layer.Linear(256, CLASSES, bias=False, step_mode="m"), fire()),
    )


def sinabs() -> nn.Module:
    """A sequential network on merged batch and time."""
    import sinabs.layers as lib

    fire = partial(lib.IAFSqueeze, batch_size=-1, num_timesteps=TIMESTEPS)
    return nn.Sequential(
        *(nn.Conv2d(2, 16, 3, padding=1, bias=False), fire(), nn.AvgPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1, bias=False), fire(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(32 * 49, CLASSES, bias=False), fire()),
    )


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "snnTorch dense": lambda: snntorch(dense_layers()),
    "snnTorch conv": lambda: snntorch(conv_layers()),
    "SpikingJelly CSNN": spikingjelly,
    "Norse dense": norse,
    "sinabs conv": sinabs,
}


def forward_passes(network: nn.Module, frames: Tensor, merged: bool) -> None:
    """All samples through the network, as its framework runs them."""
    with torch.inference_mode():
        for first in range(0, frames.shape[1], BATCH):
            reset_state(network)
            batch = frames[:, first : first + BATCH]
            network(batch.transpose(0, 1).flatten(0, 1) if merged else batch)


def main() -> None:
    """Print a line a network: seconds of its forward passes, and how many times that a profile takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    asked, _ = parser.parse_known_args()
    rng = np.random.default_rng(0)
    frames = (rng.random((TIMESTEPS, asked.samples, *SENSOR)) < 0.1).astype(np.float32)
    labels = rng.integers(0, CLASSES, asked.samples)
    for name, make in NETWORKS.items():
        if asked.only not in name:
            continue
        torch.manual_seed(0)
        network = make().eval()
        merged = name.startswith("sinabs")
        vote = {"vote": "sum"} if name.startswith(("Spiking", "sinabs")) else {}
        runs = {
            "forward": partial(forward_passes, network, torch.from_numpy(frames), merged),
            "profile": partial(
                profile, network, frames, labels, layout="time-first", batch_size=BATCH, **vote
            ),
        }
        seconds = in_turns(runs, asked.rounds)
        ratios = [more / less for less, more in zip(seconds["forward"], seconds["profile"], strict=True)]
        forward = statistics.median(seconds["forward"])
        print(f"{name:<20} {forward:7.2f} s forward, a profile {statistics.median(ratios):5.2f} times that")


if __name__ == "__main__":
    main()
