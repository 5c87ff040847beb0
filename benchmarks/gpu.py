"""On a GPU: a layer of neurons and a training step, ours against SpikingJelly's Triton and CUDA kernels.

python -m benchmarks.gpu [--workloads tcja nmnist dense] [--backends triton cuda] [--rounds 20] [--json]

SpikingJelly decides for one backend a process, so each gets a process of its own; one that is not built is
left out and named. Both frameworks use torch's own convolutions, with the settings torch comes with.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks import neurons, timing, training
from benchmarks.peers import PEERS
from spareto.kernels import neurons as kernels
from spareto.neurons import registry

BACKENDS = ("triton", "cuda")
CHOICE = "SJ_LIF_CUDA_IMPLEMENTATION"
SHAPES = {**neurons.SHAPES, "64 channels of 64x64": (10, 64, 64, 64, 64)}
NO_GPU = "benchmarks.gpu: got no CUDA device; expected one. Nothing was measured."


def possible() -> bool:
    """Whether there is a GPU to measure on."""
    return torch.cuda.is_available()


def layers(backend: str, asked: argparse.Namespace, device: str = "cuda") -> Iterator[neurons.Row]:
    """Every kind of ours and SpikingJelly's LIF, against our LIF."""
    peer = f"spikingjelly {backend}"
    for name, shape in SHAPES.items():
        generator = torch.Generator().manual_seed(0)
        current = (torch.randn(shape, generator=generator) * 1.5 + 0.7).to(device)
        gradient = torch.randn(shape, generator=generator).to(device)
        ours = {"lif": ("lif", {}), **neurons.KINDS}
        found: dict[str, neurons.Layer] = {
            kind: registry.make(neuron, **options).to(device) for kind, (neuron, options) in ours.items()
        }
        found[peer] = neurons.spikingjelly()
        runs = {kind: partial(neurons.train, layer, current, gradient) for kind, layer in found.items()}
        seconds = timing.on_gpu(runs, asked.rounds)
        lif = timing.milliseconds(seconds, "lif")
        for kind in runs:
            other, ratio = timing.milliseconds(seconds, kind), timing.ratio(seconds, kind, "lif")
            threads = torch.get_num_threads()
            yield neurons.Row(name, threads, kind, other, lif, ratio, other * 1e6 / current.numel())


def steps(backend: str, asked: argparse.Namespace, device: str = "cuda") -> Iterator[training.Row]:
    """One training step of each workload."""
    peer = f"spikingjelly {backend}"
    for name in asked.workloads:
        network, frames, labels = training.make(training.WORKLOADS[name])
        rivals: dict[str, nn.Module] = {
            training.OURS: network.to(device),
            peer: PEERS["spikingjelly"](network).to(device),
        }
        frames, labels = frames.to(device), labels.to(device)
        training.refuse_other_numbers(rivals, frames)
        runs = {
            rival: partial(training.step, module.train(), frames, labels, network.classes)  # pyright: ignore
            for rival, module in rivals.items()
        }
        seconds = timing.on_gpu(runs, asked.rounds)
        ours, theirs = (timing.milliseconds(seconds, rival) for rival in runs)
        ratio, seen = timing.ratio(seconds, peer, training.OURS), training.densities(network, frames)
        yield training.Row(name, torch.get_num_threads(), peer, ratio, theirs, ours, "float32", seen)


def measured(backend: str, asked: argparse.Namespace) -> dict[str, Any]:
    """All rows against one backend, in this process."""
    return {
        "device": torch.cuda.get_device_name(),
        "our_neurons": "triton" if kernels.loops(*_probe()) is not None else "torch",
        "neurons": [asdict(row) for row in layers(backend, asked)],
        "training": [asdict(row) for row in steps(backend, asked)],
    }


def _probe() -> tuple[torch.Tensor, Any]:
    neuron = registry.make("lif")
    return torch.zeros(1, 1, 1, device="cuda"), neuron.dynamics()


def elsewhere(backend: str, arguments: list[str]) -> dict[str, Any] | None:
    """All rows against one backend, in a process that SpikingJelly reads its choice in; None if it cannot."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *arguments, "--alone", backend],
        env={**os.environ, CHOICE: backend},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"benchmarks.gpu: SpikingJelly's {backend} backend is left out: {why}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--workloads", nargs="+", choices=training.WORKLOADS, default=list(training.WORKLOADS)
    )
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--alone", choices=BACKENDS, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    given = sys.argv[1:] if arguments is None else arguments
    asked = parse(given)
    if not possible():
        raise SystemExit(NO_GPU)
    if asked.alone:
        print(json.dumps(measured(asked.alone, asked)))
        return
    found = [rows for backend in asked.backends if (rows := elsewhere(backend, given)) is not None]
    print(json.dumps(found, indent=1) if asked.json else "\n".join(map(_table, found)))


def _table(rows: dict[str, Any]) -> str:
    lines = [f"{rows['device']}; our neurons run in {rows['our_neurons']}"]
    lines += [
        f"{row['shape']:22s} {row['other']:22s} {row['other_ms']:8.3f} ms  {row['ratio']:6.2f} x LIF"
        for row in rows["neurons"]
    ]
    lines += [
        f"{row['workload']:8s} {row['peer']:22s} {row['peer_ms']:8.2f} ms  ours {row['ours_ms']:8.2f} ms"
        f"  ratio {row['ratio']:5.2f}"
        for row in rows["training"]
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
