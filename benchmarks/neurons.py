"""A layer of neurons alone, forward and backward: every kind against LIF, LIF against other frameworks.

python -m benchmarks.neurons [--threads 1 2] [--rounds 7] [--json]

All runs share one allocator setting. A recurrent layer's time is that of its products, one a timestep: it is
measured where neurons are features, and stands beside the same loop over our steps and over SpikingJelly's.
`multi_spike` has no kernel: it runs step by step, and its ratio says so.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from benchmarks import timing
from spareto.neurons import registry
from spareto.testing.neurons import by_steps
from spareto.training.memory import keep_large_blocks

SHAPES = {
    "N-MNIST conv 1": (10, 32, 16, 34, 34),
    "TCJA conv 3": (20, 1, 128, 32, 32),
    "dense 256, T = 100": (100, 64, 256),
}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "iaf": ("iaf", {}),
    "plif": ("plif", {}),
    "alif": ("alif", {}),
    "synaptic": ("synaptic", {}),
    "lif, subtract": ("lif", {"reset": "subtract"}),
    "lif, subtract delayed": ("lif", {"reset": "subtract_delayed"}),
    "lif, attached reset": ("lif", {"detach_reset": False}),
    "lif, sigmoid": ("lif", {"surrogate": "sigmoid"}),
    "lif, triangle": ("lif", {"surrogate": "triangle"}),
    "lif, gaussian": ("lif", {"surrogate": "gaussian"}),
    "multi_spike": ("multi_spike", {}),
    "quantized_state": ("quantized_state", {}),
    "membrane of 2 bits": ("quantized_membrane", {"bits": 2}),
}
Layer = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Row:
    """One comparison.

    Args:
        shape: What the layer is part of.
        threads: Threads torch and the kernels use.
        other: What LIF is compared with.
        other_ms: Its time, milliseconds.
        lif_ms: Time of our LIF, milliseconds.
        ratio: Median over the rounds of the other's time over LIF's.
        ns: The other's nanoseconds a neuron and timestep.
    """

    shape: str
    threads: int
    other: str
    other_ms: float
    lif_ms: float
    ratio: float
    ns: float


def spikingjelly() -> Layer:
    activation = import_module("spikingjelly.activation_based.neuron")
    surrogate = import_module("spikingjelly.activation_based.surrogate")
    node = activation.LIFNode(tau=2.0, detach_reset=True, surrogate_function=surrogate.ATan(), step_mode="m")

    def run(current: Tensor) -> Tensor:
        node.reset()
        return node(current)

    return run


def snntorch() -> Layer:
    surrogate = import_module("snntorch.surrogate")
    cell = import_module("snntorch").Leaky(beta=0.5, reset_mechanism="zero", spike_grad=surrogate.atan())

    def run(current: Tensor) -> Tensor:
        potential, spikes = cell.init_leaky(), []
        for now in current:
            spike, potential = cell(now, potential)
            spikes.append(spike)
        return torch.stack(spikes)

    return run


def norse() -> Layer:
    module = import_module("norse.torch").LIFBoxCell()

    def run(current: Tensor) -> Tensor:
        state, spikes = None, []
        for now in current:
            spike, state = module(now, state)
            spikes.append(spike)
        return torch.stack(spikes)

    return run


def sinabs() -> Layer:
    activation = import_module("sinabs.activation")
    layer = import_module("sinabs.layers").LIF(tau_mem=2.0, spike_fn=activation.SingleSpike)

    def run(current: Tensor) -> Tensor:
        layer.reset_states()
        return layer(current.transpose(0, 1)).transpose(0, 1)

    return run


PEERS: dict[str, Callable[[], Layer]] = {
    "spikingjelly": spikingjelly,
    "snntorch": snntorch,
    "norse": norse,
    "sinabs": sinabs,
}


def recurrent(features: int) -> dict[str, Layer]:
    """Our recurrent layer, the loop over its own steps, and a loop over SpikingJelly's."""
    ours = registry.make("recurrent", features=features)
    found: dict[str, Layer] = {"recurrent": ours}
    found["recurrent, step by step"] = lambda current: by_steps(ours, current)[0]
    if not find_spec("spikingjelly"):
        return found
    activation = import_module("spikingjelly.activation_based.neuron")
    surrogate = import_module("spikingjelly.activation_based.surrogate")
    node = activation.LIFNode(tau=2.0, detach_reset=True, surrogate_function=surrogate.ATan())
    linear = torch.nn.Linear(features, features, bias=False)

    def run(current: Tensor) -> Tensor:
        node.reset()
        spikes = [node(current[0])]
        for now in current[1:]:
            spikes.append(node(now + linear(spikes[-1])))
        return torch.stack(spikes)

    return found | {"recurrent, spikingjelly": run}


def layers(shape: tuple[int, ...]) -> dict[str, Layer]:
    """Our kinds, the loop over our own steps, and the peers that are installed."""
    lif = registry.make("lif")
    found: dict[str, Layer] = {"lif": lif, "step by step": lambda current: by_steps(lif, current)[0]}
    found |= {name: registry.make(kind, **options) for name, (kind, options) in KINDS.items()}
    found |= {name: make() for name, make in PEERS.items() if find_spec(name)}
    return found | (recurrent(shape[-1]) if len(shape) == 3 else {})


def train(layer: Layer, current: Tensor, gradient: Tensor) -> None:
    """Forward and backward."""
    layer(current.detach().requires_grad_()).backward(gradient)


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    """Every comparison, shape by shape."""
    for threads in asked.threads:
        torch.set_num_threads(threads)
        for shape_name, shape in SHAPES.items():
            generator = torch.Generator().manual_seed(0)
            current = torch.randn(shape, generator=generator) * 1.5 + 0.7
            gradient = torch.randn(shape, generator=generator)
            runs = {name: partial(train, layer, current, gradient) for name, layer in layers(shape).items()}
            seconds = timing.in_turns(runs, asked.rounds)
            lif = timing.milliseconds(seconds, "lif")
            for name in runs:
                other = timing.milliseconds(seconds, name)
                ratio = timing.ratio(seconds, name, "lif")
                yield Row(shape_name, threads, name, other, lif, ratio, other * 1e6 / current.numel())


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.neurons", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    asked = parse(arguments)
    warnings.simplefilter("ignore", DeprecationWarning)  # of torch.jit, in peers
    keep_large_blocks()  # for all alike: peers gain from it too
    found: list[Row] = []
    for row in rows(asked):
        found.append(row)
        if not asked.json:
            print(
                f"{row.shape:20s} {row.threads} threads  {row.other:24s} {row.other_ms:8.2f} ms"
                f"  {row.ns:6.2f} ns a neuron-step  {row.ratio:6.2f} x LIF",
                flush=True,
            )
    if asked.json:
        print(json.dumps([asdict(row) for row in found], indent=1))


if __name__ == "__main__":
    main()
