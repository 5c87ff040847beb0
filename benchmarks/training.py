"""One training step, forward and backward: our networks against the same ones in other frameworks.

python -m benchmarks.training [--workloads tcja nmnist dense] [--threads 1 2] [--rounds 7] [--json]
    --trained   networks after a few epochs on N-MNIST instead of ones with random weights
    --densities the study's network at hidden densities from about 1 to 45 %
    --bf16      our input gradients in bfloat16, which leaves the spikes as they are
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import spareto
from benchmarks import timing
from benchmarks.peers import PEERS, parts
from spareto import kernels
from spareto.kernels.sums import native_bfloat16
from spareto.networks import Network
from spareto.training.memory import keep_large_blocks

OURS = "spareto"
EPOCHS = 4
GAINS = (0.4, 0.5, 0.65, 0.8, 1.0, 1.4, 2.0)  # of batch norms: hidden densities from 1 to 45 %


@dataclass(frozen=True)
class Workload:
    """A network and a batch.

    Args:
        network: Name and options of the network.
        timesteps: T.
        batch: B.
        density: Share of ones in the input frames.
    """

    network: tuple[str, dict[str, Any]]
    timesteps: int
    batch: int
    density: float


STUDY = {"sensor": (2, 128, 128), "classes": 11, "attention": (), "dropout": 0.0}
NMNIST = {"sensor": (2, 34, 34), "classes": 10, "channels": (16, 32), "votes": 1}
SPOKEN = {"sensor": (1, 1, 700), "classes": 20, "hidden": (256,), "votes": 1, "batch_norm": False}
WORKLOADS = {
    "tcja": Workload(("tcja", STUDY), timesteps=20, batch=1, density=0.03),
    "nmnist": Workload(("conv", NMNIST), timesteps=10, batch=64, density=0.10),
    "dense": Workload(("dense", SPOKEN), timesteps=100, batch=64, density=0.02),
}
WIDE = {"sensor": (2, 34, 34), "classes": 10, "channels": (128,) * 3, "attention": (), "dropout": 0.0}
FLAT = {"sensor": (2, 34, 34), "classes": 10, "hidden": (256,), "votes": 1}
TRAINED = {  # networks, and samples a step
    "conv, trained": (("conv", NMNIST), 64),
    "tcja, trained": (("tcja", WIDE), 16),
    "dense, trained": (("dense", FLAT), 64),
}


@dataclass(frozen=True)
class Row:
    """One comparison.

    Args:
        workload: What ran.
        threads: Threads of both.
        peer: The other framework.
        ratio: Its time over ours, median of the rounds.
        peer_ms: Its time a step.
        ours_ms: Our time a step.
        input_gradient: What our input gradients were computed in: bfloat16 only where it was asked for and
            the processor has its arithmetic.
        densities: Share of non-zero inputs of each of our layers.
    """

    workload: str
    threads: int
    peer: str
    ratio: float
    peer_ms: float
    ours_ms: float
    input_gradient: str
    densities: tuple[float, ...]


def make(workload: Workload, gain: float = 1.0) -> tuple[Network, Tensor, Tensor]:
    """Network, frames and labels, always the same.

    Args:
        workload: Shapes.
        gain: Scale of every batch norm, which sets how many neurons spike.
    """
    torch.manual_seed(0)
    name, options = workload.network
    network = spareto.networks.build(name, **options)
    for part in parts(network):
        if isinstance(part, nn.BatchNorm2d):
            nn.init.constant_(part.weight, gain)
        if isinstance(part, nn.Linear) and not any(isinstance(p, nn.BatchNorm1d) for p in parts(network)):
            nn.init.normal_(part.weight, 0.0, 3.0 / (part.in_features * 0.05) ** 0.5)  # else it is silent
    frames = torch.rand(workload.timesteps, workload.batch, *options["sensor"]) < workload.density
    return network, frames.float(), torch.arange(workload.batch) % options["classes"]


def make_trained(name: str) -> tuple[Network, Tensor, Tensor]:
    """A network after a few epochs on a subset of N-MNIST's recordings, and a batch of those."""
    (kind, options), size = TRAINED[name]
    torch.manual_seed(0)
    network = spareto.networks.build(kind, **options)
    data = spareto.load_frames("nmnist_small", timesteps=WORKLOADS["nmnist"].timesteps)
    spareto.train(network, data, spareto.TrainingPlan(epochs=EPOCHS, learning_rate=5e-3))
    return (
        network,
        torch.from_numpy(data.train_frames[:, :size]).float(),
        torch.from_numpy(data.train_labels[:size]),
    )


def step(network: nn.Module, frames: Tensor, labels: Tensor, classes: int) -> None:
    """Forward, loss and backward."""
    for parameter in network.parameters():
        parameter.grad = None
    F.mse_loss(network(frames), F.one_hot(labels, classes).float()).backward()


def compare(
    name: str, made: tuple[Network, Tensor, Tensor], peers: list[str], threads: int, asked: argparse.Namespace
) -> Iterator[Row]:
    """Ours against every peer, in turns."""
    torch.set_num_threads(threads)
    network, frames, labels = made
    rivals: dict[str, nn.Module] = {OURS: network, **{peer: PEERS[peer](network) for peer in peers}}
    refuse_other_numbers(rivals, frames)
    runs: dict[str, Callable[[], object]] = {
        rival: partial(step, module.train(), frames, labels, network.classes)
        for rival, module in rivals.items()
    }
    with kernels.options(bfloat16=asked.bf16):
        seconds = timing.in_turns(runs, asked.rounds)
    seen, half = densities(network, frames), asked.bf16 and native_bfloat16()
    kind = "bfloat16" if half else "float32"
    for peer in peers:
        ours, theirs = timing.milliseconds(seconds, OURS), timing.milliseconds(seconds, peer)
        yield Row(name, threads, peer, timing.ratio(seconds, peer, OURS), theirs, ours, kind, seen)


def refuse_other_numbers(rivals: dict[str, nn.Module], frames: Tensor) -> None:
    """All must give the same rates in evaluation; in training some see one timestep's batch statistics."""
    with torch.no_grad():
        rates = {name: network.eval()(frames) for name, network in rivals.items()}
    for name, theirs in rates.items():
        apart = float((theirs - rates[OURS]).abs().mean())
        if apart > 2e-3:  # neurons at their threshold may round to either side
            raise RuntimeError(
                f"{name}: got rates {apart:.2g} from ours on average; expected the same network."
            )


def densities(network: Network, frames: Tensor) -> tuple[float, ...]:
    """Share of non-zero inputs of each convolution and dense layer, in training."""
    seen: list[float] = []
    with ExitStack() as hooks, torch.no_grad():
        for part in parts(network):
            if isinstance(part, nn.Conv2d | nn.Linear):
                see = lambda _, inputs: seen.append(round((inputs[0] != 0).float().mean().item(), 4))  # noqa: E731
                hooks.callback(part.register_forward_pre_hook(see).remove)
        network(frames)
    return tuple(seen)


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    """Every comparison that was asked for."""
    for threads in asked.threads:
        if asked.trained:
            for name in TRAINED:
                yield from compare(name, make_trained(name), asked.peers, threads, asked)
        elif asked.densities:
            for gain in GAINS:
                made = make(WORKLOADS["tcja"], gain)
                yield from compare(f"tcja, gain {gain:g}", made, asked.peers, threads, asked)
        else:
            for name in asked.workloads:
                yield from compare(name, make(WORKLOADS[name]), asked.peers, threads, asked)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--trained", action="store_true")
    parser.add_argument("--densities", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    warnings.simplefilter("ignore", DeprecationWarning)  # of torch.jit, in peers
    keep_large_blocks()  # for all alike: peers gain from it too
    found: list[Row] = []
    for row in rows(options):
        found.append(row)
        if not options.json:
            print(_line(row), flush=True)
    if options.json:
        print(json.dumps([asdict(row) for row in found], indent=1))


def _line(row: Row) -> str:
    spiking = " ".join(f"{100 * density:.1f}" for density in row.densities)
    return (
        f"{row.workload:16s} {row.threads} threads  {row.peer:13s} {row.peer_ms:8.1f} ms"
        f"  ours {row.ours_ms:7.1f} ms  ratio {row.ratio:5.2f}  input gradient {row.input_gradient}"
        f"   inputs of our layers, % not zero: {spiking}"
    )


if __name__ == "__main__":
    main()
