"""What a report shows of a trial beside its numbers, from the network and the validation split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from spareto.core.artifacts import there
from spareto.profiling.witness import Spikes, Witness
from spareto.records import Workload
from spareto.records.details import (
    EpochPoint,
    NeuronSilence,
    SampleView,
    SpikeRaster,
    TrialDetails,
    WeightHistogram,
)
from spareto.study.splits import StudyData
from spareto.training import read_manifest

SAMPLES: Final = 4
BINS: Final = 48
LEVELS: Final = 256
NEURONS: Final = 40
SIDE: Final = 40
CLASSES: Final = 100


def witness_of(labels: npt.NDArray[np.int64]) -> Witness:
    """A witness that keeps the first sample of each of the first few classes."""
    first: dict[int, int] = {}
    for place, label in enumerate(labels.tolist()):
        first.setdefault(int(label), place)
    return Witness(samples=tuple(first[label] for label in sorted(first)[:SAMPLES]))


def curve_of(checkpoint: Path | None) -> tuple[EpochPoint, ...]:
    """The epochs of a training as its checkpoint tells them, those before a kill too; none without one."""
    if checkpoint is None or not there(checkpoint):
        return ()
    return tuple(EpochPoint.parse(point, "curve") for point in read_manifest(checkpoint).get("curve", []))


def details_of(
    dense: nn.Module,
    network: nn.Module,
    data: StudyData,
    workload: Workload,
    witness: Witness,
    epochs: Sequence[EpochPoint],
) -> TrialDetails:
    """Put the details of a trial together.

    Args:
        dense: The network before compression.
        network: The compressed network.
        data: The study's data; the test split is none of them.
        workload: The measured network.
        witness: What the profile showed.
        epochs: The epochs of the training by the recipe.
    """
    return TrialDetails(
        epochs=tuple(epochs),
        confusion=_confusion(data.validation.labels, witness.answers, data.train.info.classes),
        weights=tuple(_histograms(dense, network, workload)),
        silence=tuple(
            NeuronSilence(name=name, neurons=len(fired), silent=int((~fired).sum()))
            for name, fired in witness.fired.items()
        ),
        samples=tuple(_sample(place, data, witness) for place in witness.samples),
    )


def _confusion(
    labels: npt.NDArray[np.int64], answers: list[int], classes: int
) -> tuple[tuple[int, ...], ...]:
    """Samples by class and answer; nothing for so many classes that nobody could read it."""
    size = max([classes, *(answer + 1 for answer in answers)])
    if not answers or size > CLASSES:
        return ()
    table = np.zeros((size, size), np.int64)
    np.add.at(table, (labels, np.asarray(answers)), 1)
    return tuple(tuple(row) for row in table.tolist())


def _histograms(dense: nn.Module, network: nn.Module, workload: Workload) -> list[WeightHistogram]:
    found: list[WeightHistogram] = []
    for layer in workload.layers:
        before, after = _weight(dense, layer.name), _weight(network, layer.name)
        if before is not None and after is not None:
            found.append(_histogram(layer.name, before, after))
    return found


def _weight(network: nn.Module, name: str) -> npt.NDArray[np.float64] | None:
    """The weights of a layer by its name; None where it keeps them elsewhere."""
    try:
        weight = getattr(network.get_submodule(name), "weight", None)
    except AttributeError:
        return None
    if not isinstance(weight, Tensor):
        return None
    with torch.no_grad():
        return weight.detach().double().cpu().numpy().ravel()


def _histogram(name: str, before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> WeightHistogram:
    """Both distributions over the same bins, which hold all weights of both."""
    reach = float(max(np.abs(before).max(initial=0.0), np.abs(after).max(initial=0.0))) or 1.0
    edges = np.linspace(-reach, reach, BINS + 1)
    levels = np.unique(after)
    return WeightHistogram(
        name=name,
        low=-reach,
        high=reach,
        before=tuple(np.histogram(before, edges)[0].tolist()),
        after=tuple(np.histogram(after[after != 0], edges)[0].tolist()),
        zeros=int((after == 0).sum()),
        levels=tuple(levels.tolist()) if len(levels) <= LEVELS else (),
    )


def _sample(place: int, data: StudyData, witness: Witness) -> SampleView:
    frames, (height, width) = _pictures(data, place)
    rasters = [_raster(name, kept[place]) for name, kept in witness.spikes.items() if place in kept]
    return SampleView(
        index=place,
        label=int(data.validation.labels[place]),
        frames=frames,
        height=height,
        width=width,
        answers=tuple(tuple(row) for row in witness.decisions[place].tolist()),
        rasters=tuple(rasters),
    )


def _raster(name: str, spikes: Spikes) -> SpikeRaster:
    """The neurons that fire most on this sample, in the order of their places."""
    busiest = np.argsort(-spikes.sum(0), kind="stable")[:NEURONS]
    shown = np.sort(busiest)
    rows = tuple("".join("1" if spike else "." for spike in row) for row in spikes[:, shown].tolist())
    return SpikeRaster(name=name, neurons=spikes.shape[1], shown=tuple(shown.tolist()), spikes=rows)


def _pictures(data: StudyData, place: int) -> tuple[tuple[str, ...], tuple[int, int]]:
    """Frames of a sample as digits; nothing for data that are no pictures over time."""
    if data.train.layout != "time-first":
        return (), (0, 0)
    frames = np.asarray(data.validation.frames[:, place])
    if frames.ndim != 4:
        return (), (0, 0)
    events = np.abs(frames.astype(np.float64)).sum(1)  # (timesteps, height, width)
    step = -(-max(events.shape[1:]) // SIDE)
    height, width = -(-events.shape[1] // step), -(-events.shape[2] // step)
    padded = np.zeros((len(events), height * step, width * step))
    padded[:, : events.shape[1], : events.shape[2]] = events
    blocks = padded.reshape(len(events), height, step, width, step).max((2, 4))
    digits = np.minimum(np.ceil(blocks), 9).astype(np.int64)
    return tuple("".join(map(str, frame.ravel().tolist())) for frame in digits), (height, width)
