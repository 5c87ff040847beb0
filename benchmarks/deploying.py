"""Integers, event by event, against networks of other frameworks and dense floats: one recording, batch 1.

python -m benchmarks.deploying [nmnist tcja density live pruned] [--threads 2] [--bits 8] [--plot PATH]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import spareto
from benchmarks.peers import PEERS
from benchmarks.timing import in_turns, milliseconds, ratio
from spareto.integer import IntegerLayer, IntegerNetwork, IntegerNeuron, Synapses
from spareto.kernels import dense
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.lowering import lower
from spareto.networks import registry
from spareto.records import PruneStep, QuantizeStep, Recipe
from spareto.runtime import Engine
from spareto.runtime.rows import FORMS, Form, Rows

RATE, INPUTS = 0.05, 0.03
"""Share of what every layer passes on, behind its pooling, that are spikes; and of the input's values."""

SHAPES: dict[str, dict[str, Any]] = {
    "tcja": {
        "name": "tcja", "sensor": (2, 128, 128), "classes": 11, "attention": (), "dropout": 0.0, "T": 20,
    },
    "nmnist": {
        "name": "conv", "sensor": (2, 34, 34), "classes": 10, "channels": (32, 64), "kernel": 5, "stride": 2,
        "T": 10,
    },
}  # fmt: skip


def network(shape: str, rate: float = RATE) -> tuple[nn.Module, Tensor]:
    """A network of random weights whose layers fire at `rate`, and a recording."""
    torch.manual_seed(0)
    options = dict(SHAPES[shape])
    timesteps = options.pop("T")
    made = registry.make(options.pop("name"), **options).eval()
    frames = (torch.rand(timesteps, 1, *made.sensor) < INPUTS).float()
    _set_rates(made, frames, rate)
    return made, frames


@torch.no_grad()
def _set_rates(made: nn.Module, frames: Tensor, rate: float) -> None:
    """Scale every layer's weights until `rate` of what it passes on are spikes."""
    x = frames
    for layer in made.modules():
        if not isinstance(layer, SpikingBlock | SpikingDense):
            continue
        weights: Any = layer.conv if isinstance(layer, SpikingBlock) else layer.linear
        low, high = -20.0, 20.0
        start = weights.weight.clone()
        for _ in range(24):
            middle = (low + high) / 2
            weights.weight.copy_(start * 2.0**middle)
            fired = float((dense(layer(x)) != 0).float().mean())
            low, high = (middle, high) if fired < rate else (low, middle)
        x = dense(layer(x))


class DenseFolded(nn.Module):
    """What a careful user of plain torch would run: time as batch, batch norm folded, a fused LIF."""

    def __init__(self, made: nn.Module) -> None:
        super().__init__()
        self.layers = [m for m in made.modules() if isinstance(m, SpikingBlock | SpikingDense)]

    def forward(self, frames: Tensor) -> Tensor:
        time, x = len(frames), frames
        for layer in self.layers:
            if isinstance(layer, SpikingBlock):
                y = F.conv2d(x.flatten(0, 1), *_folded(layer.conv, layer.norm),
                             layer.conv.stride, layer.conv.padding)  # fmt: skip
            else:
                y = F.linear(x.flatten(0, 1).flatten(1), *_folded(layer.linear, layer.norm))
            x = layer.neuron(y.unflatten(0, (time, -1)))
            pool = getattr(layer, "pool", None)
            x = x if pool is None else pool(x.flatten(0, 1)).unflatten(0, (time, -1))
        return x


def _folded(layer: Any, norm: Any) -> tuple[Tensor, Tensor | None]:
    if norm is None:
        return layer.weight, layer.bias
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    weight = layer.weight * factor.view(-1, *[1] * (layer.weight.dim() - 1))
    return weight, norm.bias - norm.running_mean * factor


def compare(shape: str, rounds: int = 7, bits: int = 8) -> None:
    """Print milliseconds a recording, and how many times ours."""
    made, frames = network(shape)
    small = spareto.compress(made, spareto.recipes.quantize(bits=bits)).eval()
    lowered = lower(small).network
    engine, recording = Engine(lowered), frames[:, 0].to(torch.uint8).numpy()
    threads = torch.get_num_threads()
    session = engine.session(threads)

    def ours() -> None:
        session.reset()
        session.push_frames(recording)

    rates = [float((o != 0).mean()) for o in engine.session().outputs(recording)]
    folded = DenseFolded(made)
    peers = {name: peer(made).eval() for name, peer in PEERS.items()}
    runs: dict[str, Any] = {"spareto": ours, "dense, folded": lambda: folded(frames)}
    runs |= {name: lambda peer=peer: peer(frames) for name, peer in peers.items()}
    with torch.no_grad():
        seconds = in_turns(runs, rounds)
    print(f"{shape}, {bits} bit, {len(frames)} timesteps, {threads} threads; rates {np.round(rates, 3)}")
    for name in runs:
        times = "" if name == "spareto" else f"  {ratio(seconds, name, 'spareto'):6.1f} times"
        print(f"  {name:<16} {milliseconds(seconds, name):9.2f} ms{times}")


DENSITIES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)


def densities(rounds: int = 7) -> tuple[dict[float, float], float]:
    """Milliseconds a timestep of one layer at each density of its spikes, and of torch's dense floats."""
    torch.manual_seed(0)
    conv = nn.Conv2d(128, 128, 3, padding=1, bias=False)
    layer = SpikingBlock(conv, None, registry_neuron())
    head = SpikingDense(nn.Linear(128 * 32 * 32, 10, bias=False), registry_neuron())
    small = spareto.compress(nn.Sequential(layer, head), spareto.recipes.quantize(bits=8)).eval()
    engine = Engine(lower(small, sensor=(128, 32, 32), classes=10).network)
    drawn = {d: (np.random.default_rng(0).random((8, 128, 32, 32)) < d).astype(np.uint8) for d in DENSITIES}
    session = engine.session()
    runs: dict[str, Any] = {f"{d:.0%}": lambda x=x: session.push_frames(x) for d, x in drawn.items()}
    weight = torch.randn(128, 128, 3, 3)
    x = torch.rand(8, 128, 32, 32)
    runs["dense floats"] = lambda: F.conv2d(x, weight, padding=1)
    seconds = in_turns(runs, rounds)
    print("one layer, 128 to 128 channels, 32 x 32, a timestep")
    for name in runs:
        print(f"  {name:<14} {milliseconds(seconds, name) / 8:7.3f} ms")
    return {d: milliseconds(seconds, f"{d:.0%}") / 8 for d in DENSITIES}, milliseconds(
        seconds, "dense floats"
    ) / 8


def straight(times: dict[float, float]) -> tuple[float, float, float]:
    """Milliseconds without spikes, for each percent of them, and the share of the variance these explain."""
    x, y = np.array(list(times)) * 100, np.array(list(times.values()))
    slope, start = np.polyfit(x, y, 1)
    left = y - start - slope * x
    return float(start), float(slope), float(1 - left.var() / y.var())


def density(plot: Path | None) -> None:
    """Time over density, its straight line, and both as a figure."""
    times, dense = densities()
    start, slope, explained = straight(times)
    print(f"  {start:.3f} ms + {slope:.4f} ms for each percent of spikes; R2 {explained:.3f}")
    if plot:
        draw(times, dense, plot)


def draw(times: dict[float, float], dense: float, path: Path) -> None:
    """Time over density, as `docs/images/engine-density.png` shows it."""
    from matplotlib import pyplot as plt

    from spareto.reports.figures.style import STYLE

    start, slope, explained = straight(times)
    percent = [100 * d for d in times]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(4.6, 2.9))
        axes.axhline(dense, color="#cc6677", lw=1, label="dense floats, torch")
        label = f"straight line, R² = {explained:.3f}"
        axes.plot(percent, [start + slope * p for p in percent], "--", color="#5b6470", lw=0.8, label=label)
        axes.plot(percent, list(times.values()), "o", ms=4, color="#332288", label="engine")
        axes.set(xlabel="inputs that spike (%)", ylabel="ms a timestep", xlim=0, ylim=(0, 1.4 * dense))
        axes.legend(loc="upper left")
        figure.savefig(path, dpi=200)


def registry_neuron() -> Any:
    """The neuron of the study's networks."""
    from spareto.neurons import registry as neurons

    return neurons.make("lif")


CROSSED: tuple[tuple[str, tuple[int, int, int, int], int], ...] = (
    ("2048 to 512", (512, 2048, 1, 1), 1),
    ("4096 to 10", (10, 4096, 1, 1), 1),
    ("128 to 128, 3 x 3, at 32 x 32", (128, 128, 3, 3), 32),
)
LIVE_SHARES = (0.01, 0.05, 0.2)


def live_weights(rounds: int = 7) -> None:
    """Print the time without zeros over that with whole rows, by the share of live weights."""
    for name, shape, side in CROSSED:
        for share in LIVE_SHARES:
            live, places = _over_whole_rows(shape, side, share, rounds)
            print(f"{name}, {share:.0%} live: masks {live:.2f}, places {places:.2f} times whole rows")


def _over_whole_rows(shape: tuple[int, int, int, int], side: int, share: float, rounds: int) -> list[float]:
    drawn = np.random.default_rng(0)
    weights = drawn.integers(-127, 128, shape) * (drawn.random(shape) < share)
    padding = (shape[2] // 2, shape[3] // 2)
    neuron = IntegerNeuron(16, 0, 4, 30_000, 13, 64_000, keep=True, drop_threshold=True)
    ones = np.ones(shape[0], np.int64)
    synapses = Synapses(weights.astype(np.int32), 8, stride=(1, 1), padding=padding)
    layer = IntegerLayer("layer", -1, synapses, ones, 0 * ones, neuron)
    lowered = IntegerNetwork((shape[1], side, side), shape[0], (layer,), 1, 1.0, None, {})
    frames = (drawn.random((8, shape[1], side, side)) < RATE).astype(np.uint8)
    sessions = {form: Engine(lowered, rows=form).session() for form in FORMS}
    runs = {form: lambda s=s: s.push_frames(frames) for form, s in sessions.items()}
    seconds = in_turns(runs, rounds)
    return [ratio(seconds, form, "whole") for form in FORMS[1:]]


def pruned(rounds: int = 31, sparsity: float = 0.8) -> None:
    """Print milliseconds and bytes of all layers, with and without pruning, on the same drawn spikes."""
    for shape in SHAPES:
        made, frames = network(shape)
        for bits in (2, 8):
            layers: dict[str, list[Engine]] = {}
            for share in (0.0, sparsity):
                steps = (PruneStep(sparsity=share, scope="per_layer"),) if share else ()
                small = spareto.compress(made, Recipe(steps=(*steps, QuantizeStep(bits=bits)))).eval()
                lowered = lower(small).network
                alone = [firing(layer, len(frames)) for layer in apart(lowered)]
                forms: list[Form] = [form_of(plan.rows) for plan in Engine(lowered).plans.values()]
                made_alone = zip(alone, forms, strict=True)
                layers[f"{share:.0%}"] = [Engine(layer, rows=form) for layer, form in made_alone]
                if share:
                    layers[f"{share:.0%}, whole rows"] = [Engine(layer, rows="whole") for layer in alone]
            runs = {name: _pushing(engines, len(frames)) for name, engines in layers.items()}
            seconds = in_turns(runs, rounds)
            print(f"{shape}, {bits} bits")
            for name, engines in layers.items():
                times = f"{milliseconds(seconds, name):.3f} ms, {ratio(seconds, name, '0%'):.2f} times"
                print(f"  pruned {name}: {times}; weights {sum(e.weight_bytes for e in engines):,} bytes")


def apart(lowered: IntegerNetwork) -> list[IntegerNetwork]:
    """Each layer with weights as a network of its own."""
    shapes = lowered.shapes()
    return [
        replace(
            lowered,
            sensor=shapes[node.source] if node.source >= 0 else lowered.sensor,
            classes=shapes[number][0],
            nodes=(replace(node, source=-1),),
        )
        for number, node in enumerate(lowered.nodes)
        if isinstance(node, IntegerLayer)
    ]


def form_of(rows: Rows) -> Form:
    """How a layer of a whole network keeps its weights."""
    if rows.places is not None:
        return "places"
    return "whole" if rows.masks is None else "live"


def drawn(layer: IntegerNetwork, timesteps: int) -> Any:
    """Spikes at the rate of the layer's place, the same for every network of a shape."""
    rate = INPUTS if layer.sensor[0] == 2 else RATE
    return (np.random.default_rng(0).random((timesteps, *layer.sensor)) < rate).astype(np.uint8)


def firing(layer: IntegerNetwork, timesteps: int) -> IntegerNetwork:
    """The one layer with the threshold at which `RATE` of its neurons spike."""
    (node,) = layer.nodes
    assert isinstance(node, IntegerLayer)
    spikes = drawn(layer, timesteps)
    low, high = 1, 1 << 30
    while high - low > max(1, low // 100):
        middle = (low + high) // 2
        layer = replace(layer, nodes=(replace(node, neuron=replace(node.neuron, threshold=middle)),))
        fired = float((Engine(layer).session().outputs(spikes)[0] != 0).mean())
        low, high = (low, middle) if fired < RATE else (middle, high)
    return layer


def _pushing(engines: list[Engine], timesteps: int) -> Any:
    sessions = [engine.session() for engine in engines]
    spikes = [drawn(engine.network, timesteps) for engine in engines]

    def run() -> None:
        for session, recording in zip(sessions, spikes, strict=True):
            session.reset()
            session.push_frames(recording)

    return run


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deploying", description=__doc__)
    parser.add_argument("parts", nargs="*", default=[*SHAPES, "density", "live", "pruned"])
    parser.add_argument("--threads", type=int, default=2, help="of the networks; layers take one")
    parser.add_argument("--bits", type=int, default=8)
    parser.add_argument("--plot", type=Path, help="time over density, as a figure")
    asked = parser.parse_args()
    for part in asked.parts:
        torch.set_num_threads(asked.threads if part in SHAPES else 1)
        if part in SHAPES:
            compare(part, 7 if part == "nmnist" else 5, asked.bits)
        elif part == "density":
            density(asked.plot)
        elif part == "live":
            live_weights()
        elif part == "pruned":
            pruned()
        else:
            parser.error(f"got {part!r}, not one of {', '.join(SHAPES)}, density, live, pruned")


if __name__ == "__main__":
    main()
