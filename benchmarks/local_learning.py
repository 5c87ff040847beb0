"""Local learning: the kernel, plain torch loops and BindsNET, in one run on the same spikes.

python -m benchmarks.local_learning [--neurons 400] [--images 4] [--rounds 3] [--json]

Each shows the same images to the same network (the baseline, one thread) and learns from them; seconds are
CPU time an image. BindsNET is taken where it is installed; its release 0.3.4 asks for another torch, so it is
installed with `--no-deps`, and beside it what it imports: pandas, scikit-image, tensorboardX, tqdm,
gymnasium, opencv-python-headless, ale-py, torchvision.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spareto.data.load import open_dataset
from spareto.kernels import local
from spareto.plasticity import reference
from spareto.plasticity.coding import keys, limits, scaled, spikes
from spareto.plasticity.constants import constants
from spareto.plasticity.variants import load_plan

PIXELS, INHIBITION = 784, 17.5


class Bench:
    """The baseline at its start, and images for it."""

    def __init__(self, neurons: int, images: int) -> None:
        self.plan = load_plan("diehl_cook")
        self.c = constants(self.plan, PIXELS, neurons)
        pixels = scaled(open_dataset("digit_images").split("train").pixels[:images], 28)
        self.limits, self.keys = limits(pixels, self.plan.coding), keys(0, 0, np.arange(images))
        drawn = np.random.default_rng(0).random((PIXELS, neurons), np.float32)
        self.start = reference.weights(torch.from_numpy(drawn) * 0.3, self.c)

    def kernel(self) -> Tensor:
        weight, theta = self.start.clone(), torch.zeros(self.c.N)
        return local.run(self.limits, self.keys, weight, theta, self.c.k, self.c.shape, learns=True)[0]

    def loop(self, sums: reference.Sums) -> Tensor:
        weight, theta = self.start.clone(), torch.zeros(self.c.N)
        return reference.run(self.limits, self.keys, weight, theta, self.c, learns=True, sums=sums)[0]


class BindsNet:
    """BindsNET's own model of the baseline, with our weights and our spikes."""

    def __init__(self, bench: Bench) -> None:
        _torchvision()
        from bindsnet.models import DiehlAndCook2015

        self.bench, neurons = bench, bench.c.N
        network = DiehlAndCook2015(
            n_inpt=PIXELS, n_neurons=neurons, exc=22.5, inh=INHIBITION, dt=1.0, norm=78.4, theta_plus=0.05,
            inpt_shape=(1, 28, 28),
        )  # fmt: skip
        network.connections[("X", "Ae")].pipeline[0].value.copy_(bench.start)
        self.network = network
        self.trains = [
            _train(limit, key, bench.c.T) for limit, key in zip(bench.limits, bench.keys, strict=True)
        ]

    def learn(self) -> None:
        self.network.train(True)
        for train in self.trains:
            self.network.run(inputs={"X": train}, time=self.bench.c.T)
            self.network.reset_state_variables()

    def counts(self, train: Tensor) -> Tensor:
        """Spikes of each neuron where all that cross may spike and nothing is learnt."""
        from bindsnet.network.monitors import Monitor

        network = self.network
        network.train(False)
        network.layers["Ae"].one_spike = False
        monitor = Monitor(network.layers["Ae"], ["s"], time=self.bench.c.T)
        network.add_monitor(monitor, "Ae")
        network.run(inputs={"X": train}, time=self.bench.c.T)
        return monitor.get("s").reshape(self.bench.c.T, -1).sum(0)


def _train(limit: Tensor, key: Tensor, T: int) -> Tensor:
    """All spikes of an image, as BindsNET takes them: (T, 1, 1, 28, 28)."""
    train = torch.zeros(T, PIXELS, dtype=torch.uint8)
    for t in range(T):
        train[t, spikes(limit, key, t)] = 1
    return train.reshape(T, 1, 1, 28, 28)


_library: list[Any] = []


def _torchvision() -> None:
    """BindsNET imports it for its data sets; one built for CUDA lacks operators beside a torch without.

    They are named, so that it can be imported; nothing here calls them.
    """
    while True:
        try:
            import torchvision  # noqa: F401
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None:
                raise
            if not _library:
                _library.append(torch.library.Library("torchvision", "DEF"))
            _library[0].define(f"{missing[1]}() -> ()")
            for name in [name for name in sys.modules if name.startswith("torchvision")]:
                del sys.modules[name]
        else:
            return


def agreement(bench: Bench, peer: BindsNet) -> dict[str, int]:
    """Spikes of both for the first image, without learning, and by how many they differ."""
    plan = bench.plan.replace(excitatory=bench.plan.excitatory.replace(one_spike=False))
    c = constants(plan, PIXELS, bench.c.N)
    weight = peer.network.connections[("X", "Ae")].pipeline[0].value.detach().clone()
    theta = peer.network.layers["Ae"].theta.detach().clone().reshape(-1)
    ours, _ = local.run(bench.limits[:1], bench.keys[:1], weight, theta, c.k, c.shape, learns=False)
    theirs = peer.counts(peer.trains[0])
    return {
        "ours": int(ours.sum()),
        "theirs": int(theirs.sum()),
        "neurons that differ": int((ours[0] != theirs).sum()),
    }


def measure(neurons: int, images: int, rounds: int) -> dict[str, Any]:
    """CPU seconds an image of each, medians of rounds in turns."""
    torch.set_num_threads(1)
    bench = Bench(neurons, images)
    runs: dict[str, Callable[[], object]] = {
        "kernel": bench.kernel,
        "torch, row by row": lambda: bench.loop("events"),
        "torch, products": lambda: bench.loop("product"),
    }
    same = bool(torch.equal(bench.kernel(), bench.loop("events")))
    peer = BindsNet(bench) if find_spec("bindsnet") else None
    found = None
    if peer is not None:
        found = agreement(bench, peer)
        peer = BindsNet(bench)
        runs["BindsNET"] = peer.learn
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            begun = time.process_time()
            run()
            seconds[name].append((time.process_time() - begun) / images)
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "neurons": neurons,
        "seconds": middle,
        "same bits as plain torch": same,
        "agreement with BindsNET": found,
    }


def main(arguments: list[str] | None = None) -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--neurons", type=int, default=400)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args([] if arguments is None else arguments)
    found = measure(asked.neurons, asked.images, asked.rounds)
    if asked.json:
        print(json.dumps(found, indent=1))
        return
    kernel = found["seconds"]["kernel"]
    print(f"{found['neurons']} neurons, an image of 250 ms, learning, CPU time on one thread")
    for name, value in found["seconds"].items():
        print(f"{name:20} {1000 * value:9.2f} ms  {value / kernel:7.1f} times the kernel's")
    print(f"kernel and plain torch give the same bits: {found['same bits as plain torch']}")
    if found["agreement with BindsNET"]:
        print(f"spikes beside BindsNET, nothing learnt: {found['agreement with BindsNET']}")


if __name__ == "__main__":
    main(sys.argv[1:])
