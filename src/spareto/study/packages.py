"""Packages of networks that studies left: lowered, with test vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from spareto.core.artifacts import replacing
from spareto.core.errors import InputError
from spareto.data._base import Frames
from spareto.formats import BEST
from spareto.lowering import Deviation, Lowered, deviations, lower
from spareto.package import Package, vectors_of, write_package
from spareto.records import Recipe
from spareto.study.chosen import chosen, is_run
from spareto.study.networks import load_network
from spareto.training import read_manifest
from spareto.training.stored import NETWORK, fact

VECTORS: Final = 4
"""Recordings whose every spike goes into a package."""

SHOWN: Final = 3
"""Recordings that are written beside a package, to be run."""


@dataclass(frozen=True, eq=False)
class Lowering:
    """A network that was lowered from a file.

    Args:
        lowered: The integers.
        deviation: From the float network, on the frames that were given.
        label: What the network is called.
        weight_format: Storage format of its weights.
    """

    lowered: Lowered
    deviation: Deviation | None
    label: str
    weight_format: str = BEST


def lower_file(
    network: str | Path,
    *,
    trial: str | None = None,
    frames: Frames | None = None,
    state_bits: int | None = None,
    input_step: float = 1.0,
) -> Lowering:
    """Lower the network of a file, or of a run folder.

    Args:
        network: A compressed network's `.safetensors`, or a run folder: its chosen point.
        trial: Another trial of the run folder.
        frames: Frames (time, samples, channels, height, width) to compare with the float network on.
        state_bits: See `spareto.lower`.
        input_step: See `spareto.lower`.

    Raises:
        InputError: The network cannot be had, or has no integers.
    """
    path = Path(network)
    if is_run(path):
        _, path = chosen(path, trial)
    manifest = read_manifest(path, NETWORK)
    said: dict[str, Any] = manifest.get("frames", {})
    label = Recipe.parse(fact(manifest, "recipe", path), "manifest.recipe").label
    float_network = load_network(path)
    most = int(said.get("most", 1 if frames is None else max(1, int(frames.max(initial=0)))))
    lowered = lower(
        float_network,
        sensor=tuple(manifest["sensor"]) if "sensor" in manifest else None,
        classes=manifest.get("classes"),
        state_bits=state_bits,
        input_most=most,
        input_step=input_step,
        facts={"name": label, **({"frames": said} if said else {})},
    )
    deviation = None
    if frames is not None:
        deviation = deviations(lowered, float_network, torch.from_numpy(np.ascontiguousarray(frames)))
    return Lowering(lowered, deviation, label)


def write_lowered(path: Path, lowering: Lowering, frames: Frames | None = None) -> Package:
    """Write a package, with test vectors if there are frames for them."""
    network = lowering.lowered.network
    test = None if frames is None else vectors_of(network, frames[:, :VECTORS].astype(np.int64))
    return write_package(path, network, lowering.weight_format, test)


@dataclass(frozen=True)
class RunPackage:
    """What a study ends with.

    Args:
        package: The chosen point's package; None where it has no integers.
        recordings: Recordings to try it on, their labels in their names.
        label: The chosen point.
        seed: Its seed.
        why: Why there is no package.
    """

    package: Path | None
    recordings: tuple[Path, ...]
    label: str
    seed: int
    why: str = ""


def package_run(folder: Path, frames: Frames, test: Frames, labels: Any) -> RunPackage:
    """Lower the chosen point of a study into its folder; one that has no integers is said, not raised.

    Args:
        folder: The run folder.
        frames: Training frames, of which the first become test vectors.
        test: Test frames, of which some are written to be run.
        labels: Of these.
    """
    trial, _ = chosen(folder)
    named = trial.recipe.label, trial.manifest.seed
    try:
        lowering = lower_file(folder)
    except InputError as error:
        return RunPackage(None, (), *named, str(error.problems[0]))
    target = folder / "network.spareto"
    plain = frames.dtype == np.uint8 and frames.ndim == 5 and test.ndim == 5
    write_lowered(target, lowering, frames[:, :VECTORS] if plain else None)
    if not plain:
        return RunPackage(target, (), *named)
    written: list[Path] = []
    for index in _of_different_labels(labels):
        path = folder / "recordings" / f"label-{labels[index]}.npy"
        with replacing(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, np.ascontiguousarray(test[:, index]))
        written.append(path)
    return RunPackage(target, tuple(written), *named)


def _of_different_labels(labels: Any) -> list[int]:
    """The first sample of each of the first labels."""
    _, first = np.unique(labels, return_index=True)
    return sorted(first.tolist())[:SHOWN]
