"""One network from its first image to its result; a killed run carries on from its last checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from spareto.core.artifacts import there
from spareto.core.errors import Problem, StoreError
from spareto.kernels.local import COUNTS
from spareto.plasticity.config import LocalStudy, NetworkEntry
from spareto.plasticity.network import LocalNetwork
from spareto.plasticity.pictures import PictureData, PictureSet
from spareto.plasticity.results import LocalResult
from spareto.plasticity.votes import assign
from spareto.training import stored

CHUNK: Final = 1000
"""Images between two checkpoints."""
TRAIN, VALIDATION, TEST = 1_000_001, 1_000_002, 1_000_003
"""Readings, beside the epochs: each draws other spikes."""

Told = Callable[[int, int], None]


def learnt(
    study: LocalStudy,
    entry: NetworkEntry,
    neurons: int,
    seed: int,
    data: PictureData,
    key: str,
    checkpoint: Path,
    told: Told = lambda done, of: None,
) -> tuple[LocalNetwork, LocalResult]:
    """Learn, and measure.

    Args:
        study: The study.
        entry: Which of its networks.
        neurons: How many neurons.
        seed: Draws weights, order and spikes.
        data: The images.
        key: Fingerprint of all that the result depends on.
        checkpoint: Where the state of the training is kept.
        told: Told after every chunk how many images were learnt, and of how many.

    Raises:
        StoreError: The checkpoint cannot be used.
    """
    plan = study.plan(entry, neurons)
    network = LocalNetwork.for_images(plan, data.train.pixels, neurons, seed)
    done, sums = _carried_on(network, checkpoint, key)
    total = study.epochs * len(data.train)
    while done < total:
        epoch, start = divmod(done, len(data.train))
        order = np.random.default_rng([seed, epoch]).permutation(len(data.train))
        some = data.train.take(order[start : start + CHUNK])
        _, counts = network.learn(some.pixels, some.numbers, epoch)
        done, sums = done + len(some), sums + counts.sum(0)
        _keep(network, checkpoint, key, done, sums)
        told(done, total)
    accuracies, unassigned, watching = _measured(network, data)
    return network, LocalResult(
        **accuracies,
        label=entry.called,
        neurons=neurons,
        pixels=len(network.weight),
        seed=seed,
        key=key,
        plan=plan,
        unassigned=unassigned,
        learning=dict(zip(COUNTS, (sums / total).tolist(), strict=True)),
        watching=watching,
    )


def _measured(network: LocalNetwork, data: PictureData) -> tuple[dict[str, float], int, dict[str, float]]:
    """Accuracies by both votes, neurons without a class, and mean counts of a test image."""
    read = {
        "train": (data.train, TRAIN),
        "validation": (data.validation, VALIDATION),
        "test": (data.test, TEST),
    }
    spikes = {name: _watched(network, part, reading) for name, (part, reading) in read.items()}
    classes = assign(spikes["train"][0], data.train.labels, data.classes)
    accuracies = {
        f"{name}_{vote}": float((classes.decide(spikes[name][0], vote) == part.labels).mean())
        for name, part in (("validation", data.validation), ("test", data.test))
        for vote in ("all", "proportion")
    }
    means: list[float] = spikes["test"][1].mean(0).tolist()
    watching = {str(name): mean for name, mean in zip(COUNTS, means, strict=True)}
    return accuracies, int((classes.of_neuron < 0).sum()), watching


def _watched(
    network: LocalNetwork, part: PictureSet, reading: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    pairs = [
        network.watch(part.pixels[start : start + CHUNK], part.numbers[start : start + CHUNK], reading)
        for start in range(0, len(part), CHUNK)
    ]
    spikes, counts = zip(*pairs, strict=True)
    return np.concatenate(spikes), np.concatenate(counts)


def _keep(network: LocalNetwork, path: Path, key: str, done: int, sums: npt.NDArray[np.int64]) -> None:
    tensors = {"weight": network.weight, "theta": network.theta}
    manifest: dict[str, Any] = {"key": key, "learnt": done, "counts": [int(each) for each in sums]}
    stored.write(path, tensors, manifest)


def _carried_on(network: LocalNetwork, path: Path, key: str) -> tuple[int, npt.NDArray[np.int64]]:
    """How many images were learnt, and what was counted of them; the network is as it was then."""
    nothing = np.zeros(len(COUNTS), np.int64)
    if not there(path):
        return 0, nothing
    found = stored.read(path)
    fits = {name: tensor.shape for name, tensor in found.tensors.items()} == {
        "weight": network.weight.shape,
        "theta": network.theta.shape,
    }
    done, counts = found.fact("learnt"), found.fact("counts")
    sound = isinstance(done, int) and isinstance(counts, list) and len(counts) == len(COUNTS)
    if found.fact("key") != key or not fits or not sound:
        cure = "Choose another folder with --out, or delete the file to start afresh."
        raise StoreError(Problem(str(path), "a training of another plan", "the one of this study", cure))
    network.weight.copy_(found.tensors["weight"])
    network.theta.copy_(found.tensors["theta"])
    return done, np.array(counts, np.int64)
