"""One spiking layer, event-driven against dense sums, as its input fills with spikes: where they cross.

python -m benchmarks.density [--rounds 5] [--layers groups] [--json]

Both are whole layers, forward and backward, batch norm, neurons and pooling fused; only the sums differ.
The crossovers in `spareto.kernels.decision_log` are chosen from this table. The whole step over density,
against peers: `python -m benchmarks.training --densities`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from unittest import mock

import torch
from torch import nn

from benchmarks import timing
from spareto import kernels
from spareto.layers.spiking_block import SpikingBlock
from spareto.neurons.lif import LIF
from spareto.training.memory import keep_large_blocks

DENSITIES = (0.01, 0.05, 0.12, 0.25, 0.4, 0.5, 0.6)
LAYERS = {  # timesteps, batch, channels in and out, side, options of the convolution
    "128 > 128 at 64x64": (5, 1, 128, 128, 64, {}),
    "128 > 128 at 16x16": (20, 1, 128, 128, 16, {}),
    "16 > 32 at 17x17": (10, 16, 16, 32, 17, {}),
    "2 > 128 at 128x128": (3, 1, 2, 128, 128, {}),
    "depthwise 128 at 32x32": (20, 1, 128, 128, 32, {"groups": 128}),
    "4 groups, 128 > 128 at 32x32": (20, 1, 128, 128, 32, {"groups": 4}),
    "32 groups, 128 > 128 at 32x32": (20, 1, 128, 128, 32, {"groups": 32}),
    "dilated, 128 > 128 at 32x32": (20, 1, 128, 128, 32, {"dilation": 2}),
    "strided, 128 > 128 at 32x32": (20, 1, 128, 128, 32, {"stride": 2, "padding": 1}),
    "strided, 4 groups, at 32x32": (20, 1, 128, 128, 32, {"stride": 2, "padding": 1, "groups": 4}),
    "1x1, 128 > 128 at 32x32": (20, 1, 128, 128, 32, {"kernel_size": 1}),
    "1x1, 4 groups, at 32x32": (20, 1, 128, 128, 32, {"kernel_size": 1, "groups": 4}),
}


@dataclass(frozen=True)
class Row:
    """One layer at one density of its input; the ratio is dense over event-driven time."""

    layer: str
    density: float
    events_ms: float
    dense_ms: float
    ratio: float


def compare(name: str, density: float, rounds: int) -> Row:
    """One layer between two others, so that it has all three gradients."""
    time, batch, inputs, outputs, side, options = LAYERS[name]
    torch.manual_seed(0)
    first = inputs == 2
    conv = nn.Conv2d(inputs, outputs, bias=False, **{"kernel_size": 3, "padding": "same", **options})
    block = SpikingBlock(conv, nn.BatchNorm2d(outputs), LIF(), nn.MaxPool2d(2))
    frames = (torch.rand(time, batch, inputs, side, side) < density).float()
    packed = kernels.pack(frames)
    assert packed is not None
    if not first:
        packed.carrier = packed.carrier.clone().requires_grad_()

    def run(most: float) -> None:
        block.zero_grad()
        with mock.patch("spareto.layers._convolving.crossover", return_value=most):
            kernels.dense(block(packed)).sum().backward()

    runs: dict[str, Callable[[], object]] = {"events": lambda: run(1.0), "dense": lambda: run(-1.0)}
    seconds = timing.in_turns(runs, rounds)
    events, dense = (timing.milliseconds(seconds, way) for way in runs)
    return Row(name, density, events, dense, timing.ratio(seconds, "dense", "events"))


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    for name in (name for name in LAYERS if asked.layers in name):
        for density in DENSITIES:
            yield compare(name, density, asked.rounds)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.density", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--layers", default="", help="only those whose name holds this")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    keep_large_blocks()
    found: list[Row] = []
    for row in rows(options):
        found.append(row)
        if not options.json:
            times = f"events {row.events_ms:7.2f} ms  dense {row.dense_ms:7.2f} ms  ratio {row.ratio:5.2f}"
            print(f"{row.layer:30s} {100 * row.density:4.0f} %  {times}", flush=True)
    if options.json:
        print(json.dumps([asdict(row) for row in found], indent=1))


if __name__ == "__main__":
    main()
