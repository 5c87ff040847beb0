"""Training a network of another framework, as it is and converted: time a step, and the same losses.

python -m benchmarks.converting [--networks tutorial5 tutorial6 events6 jelly] [--steps 5] [--rounds 5]

Both train in turns, from the same weights on the same batches; times are medians of CPU seconds a step.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import spareto
from spareto.frameworks import reset_state

T = 25


@dataclass(frozen=True)
class Result:
    """What training took.

    Args:
        network: Its name.
        theirs_ms: Milliseconds of CPU time a step of the original.
        ours_ms: The same, converted.
        first: Largest relative difference of the losses of the first round.
        losses: That of all rounds; a spike decided by rounding changes what follows.
        learned: By how much the loss fell, relative to the first one: networks are not silent.
    """

    network: str
    theirs_ms: float
    ours_ms: float
    first: float
    losses: float
    learned: float

    @property
    def times(self) -> float:
        """How many times as fast the converted network is."""
        return self.theirs_ms / self.ours_ms


class Tutorial5(nn.Module):
    """snnTorch's tutorial 5: 784, 1000, 10; the image at every one of 25 timesteps."""

    def __init__(self) -> None:
        super().__init__()
        import snntorch as snn

        self.fc1, self.lif1 = nn.Linear(784, 1000), snn.Leaky(beta=0.95)
        self.fc2, self.lif2 = nn.Linear(1000, 10), snn.Leaky(beta=0.95)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        spikes, potentials = [], []
        for _ in range(T):
            spk1, mem1 = self.lif1(self.fc1(x), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spikes.append(spk2)
            potentials.append(mem2)
        return torch.stack(spikes), torch.stack(potentials)


class Tutorial6(nn.Module):
    """snnTorch's tutorial 6: 12C5, MP2, 64C5, MP2, 10; frames of events, or one image for all timesteps."""

    def __init__(self) -> None:
        super().__init__()
        import snntorch as snn
        from snntorch import surrogate

        def leaky() -> Any:
            return snn.Leaky(beta=0.5, spike_grad=surrogate.fast_sigmoid(slope=25))

        self.conv1, self.lif1 = nn.Conv2d(1, 12, 5), leaky()
        self.conv2, self.lif2 = nn.Conv2d(12, 64, 5), leaky()
        self.fc1, self.lif3 = nn.Linear(64 * 4 * 4, 10), leaky()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mem1, mem2, mem3 = self.lif1.init_leaky(), self.lif2.init_leaky(), self.lif3.init_leaky()
        record = []
        for now in x if x.dim() == 5 else [x] * T:
            spk1, mem1 = self.lif1(F.max_pool2d(self.conv1(now), 2), mem1)
            spk2, mem2 = self.lif2(F.max_pool2d(self.conv2(spk1), 2), mem2)
            spk3, mem3 = self.lif3(self.fc1(spk2.flatten(1)), mem3)
            record.append(spk3)
        return torch.stack(record), torch.stack(record)


def jelly() -> nn.Module:
    """SpikingJelly's convolutions with batch norms, multi-step: its fastest way on a CPU."""
    from spikingjelly.activation_based import functional, layer, neuron, surrogate

    def fire() -> nn.Module:
        return neuron.LIFNode(surrogate_function=surrogate.ATan(), detach_reset=True)

    net = nn.Sequential(
        *(layer.Conv2d(1, 16, 3, padding=1, bias=False), layer.BatchNorm2d(16), fire(), layer.MaxPool2d(2)),
        *(layer.Conv2d(16, 32, 3, padding=1, bias=False), layer.BatchNorm2d(32), fire(), layer.MaxPool2d(2)),
        *(layer.Flatten(), layer.Linear(32 * 49, 10, bias=False), fire()),
    )
    functional.set_step_mode(net, "m")
    return net


def image() -> Tensor:
    """A batch of pictures."""
    return torch.rand(128, 784)


def pictures() -> Tensor:
    """A batch of pictures with black around what they show, as MNIST's."""
    return torch.rand(32, 1, 28, 28) * (torch.rand(32, 1, 28, 28) < 0.3)


def events() -> Tensor:
    """A batch of event frames."""
    return (torch.rand(T, 32, 1, 28, 28) < 0.1).float()


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor], str, float]] = {
    "tutorial5": (Tutorial5, image, "static", 1.0),
    "tutorial6": (Tutorial6, pictures, "static", 4.0),
    "events6": (Tutorial6, events, "time-first", 4.0),
    "jelly": (jelly, events, "time-first", 8.0),
}
"""Network, a batch, its layout, and a factor of fresh weights with which the last layer fires."""


def step(network: nn.Module, optimizer: torch.optim.Optimizer, batch: Tensor, labels: Tensor) -> float:
    """One step of training; the loss."""
    reset_state(network)
    output = network(batch)
    scores = output[1] if isinstance(output, tuple) else output
    loss = torch.stack([F.cross_entropy(now, labels) for now in scores]).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def measure(name: str, steps: int, rounds: int) -> Result:
    """Train both in turns, `rounds` times `steps` steps."""
    build, sample, layout, factor = NETWORKS[name]
    torch.manual_seed(0)
    model = build()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(factor if weight.dim() > 1 else 1.0)
    batches = [sample() for _ in range(steps)]
    few = batches[0][:8] if layout == "static" else batches[0][:, :8]
    pair = {"theirs": model, "ours": spareto.convert(model, few, layout=layout).train()}
    model.train()
    labels = torch.arange(len(batches[0]) if layout == "static" else batches[0].shape[1]) % 10
    optimizers = {which: torch.optim.SGD(network.parameters(), lr=2e-3) for which, network in pair.items()}
    times: dict[str, list[float]] = {"theirs": [], "ours": []}
    losses: dict[str, list[float]] = {"theirs": [], "ours": []}
    for _ in range(rounds):
        for which, network in pair.items():
            for batch in batches:
                begun = time.process_time()
                losses[which].append(step(network, optimizers[which], batch, labels))
                times[which].append(time.process_time() - begun)
    theirs, ours = (torch.tensor(losses[which]) for which in ("theirs", "ours"))
    median = {which: 1000 * statistics.median(each[1:]) for which, each in times.items()}
    differ = ((ours - theirs) / theirs).abs()
    first, most, learned = (
        differ[:steps].max(),
        differ.max(),
        1 - theirs[-steps:].mean() / theirs[:steps].mean(),
    )
    return Result(name, median["theirs"], median["ours"], float(first), float(most), float(learned))


def main(arguments: list[str] | None = None) -> list[Result]:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments if arguments is not None else [])
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    results = [measure(name, options.steps, options.rounds) for name in options.networks]
    if options.json:
        print(json.dumps([{**asdict(each), "times": each.times} for each in results], indent=1))
        return results
    head = ("original", "converted", "times", "losses differ, first", "all", "fell")
    print(f"{'network':10}{head[0]:>11}{head[1]:>11}{head[2]:>7}{head[3]:>22}{head[4]:>9}{head[5]:>7}")
    for each in results:
        times = f"{each.theirs_ms:8.1f} ms{each.ours_ms:8.1f} ms{each.times:7.1f}"
        print(f"{each.network:10}{times}{each.first:22.1e}{each.losses:9.1e}{each.learned:7.1%}")
    return results


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
