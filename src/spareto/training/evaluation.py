"""How many samples a network gets right."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Unpack

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spareto.core.arguments import whole
from spareto.core.bounds import MOST_COUNTED
from spareto.core.errors import ConfigError, DataError, Problem
from spareto.frameworks import time_of
from spareto.kernels.spikes import forget_packed
from spareto.observing import in_mode
from spareto.running import (
    How,
    Interface,
    Layout,
    Runner,
    Samples,
    check_label,
    interface_of,
    samples_of,
)
from spareto.running.arrays import is_data_set, read
from spareto.running.feeding import reads_parts
from spareto.running.samples import refuse_not_finite

FRAMES: Final = "evaluation: frames"


def evaluate(
    network: nn.Module,
    frames: Any,
    labels: Any = None,
    *,
    batch_size: int = 64,
    layout: Layout | None = None,
    **how: Unpack[How],
) -> float:
    """Accuracy of a network of any framework; every module keeps its mode.

    Args:
        network: Any module. One of ours takes frames `(time, batch, ...)` and gives rates `(batch, classes)`;
            of any other it is found out how it is run, or asked for.
        frames: Array or tensor `(time, samples, ...)` or `(samples, ...)`; or a torch `Dataset` or
            `DataLoader` of frames and labels.
        labels: Shape `(samples,)` or `(samples, 1)`, whole numbers from 0.
        batch_size: Samples a forward pass, at most; does not change the result.
        layout: Says where time and samples lie, where the shapes do not; see `spareto.from_arrays`.
        how: `time`, `output`, `vote` and `reset`, as in `spareto.Interface`, or `interface`, all in one.

    Returns:
        Share of samples classified correctly, 0..1.

    Raises:
        DataError: There is no sample, frames and labels do not fit, or a frame is not finite.
        ConfigError: The network does not run on the frames, or it is not clear how; see `Runner`.
    """
    stated = interface_of(**how)
    whole(batch_size, "batch_size", 1, MOST_COUNTED)
    lazily = reads_parts(network)  # its first layer looks at every element anyway
    samples = _samples(network, frames, labels, layout, lazily=lazily)
    return accuracy_of(network, samples, stated, batch_size, lazily=lazily)


def accuracy_of(
    network: nn.Module,
    samples: Samples,
    interface: Interface,
    batch_size: int = 64,
    *,
    lazily: bool = False,
) -> float:
    """Accuracy on samples with labels; see `evaluate`. `lazily`: frames are looked at here."""
    runner = Runner(network, samples, interface)
    known: Any = samples.labels
    batches = (
        (batch, torch.from_numpy(known[place]).to(runner.device))
        for place, batch in runner.batches(batch_size)
    )
    return count_correct(runner, batches, int(known.max()), look=lazily) / samples.count


def _samples(network: nn.Module, frames: Any, labels: Any, layout: Layout | None, *, lazily: bool) -> Samples:
    if is_data_set(frames):
        return read(frames, labels, layout, FRAMES, "evaluation: labels")
    if labels is None:
        raise DataError(Problem("evaluation: labels", "nothing", "labels, one a sample"))
    time_first = layout is None and time_of(network) == "time-batch"
    return samples_of(frames, labels, layout=layout, where=FRAMES, time_first=time_first, lazily=lazily)


def count_correct(
    runner: Runner, batches: Iterable[tuple[Tensor, Tensor]], highest: int = -1, *, look: bool = False
) -> int:
    """Samples classified correctly over batches of frames and labels.

    Args:
        runner: Knows the network and how it is run; what the network keeps is reset at the end.
        batches: Frames in the layout of the data, and labels `(batch,)`.
        highest: The largest label; -1 where it is known to be a class of the network.
        look: Whether frames may hold NaN or infinity.

    Raises:
        DataError: A label lies beyond the classes that the network answers with, or a frame is not finite.
        ConfigError: An answer is not a number.
    """
    correct = 0
    with in_mode(runner.network, training=False), torch.inference_mode(), parametrize.cached():
        for frames, labels in batches:
            forget_packed()
            answers = runner.answers(frames, len(labels))
            if look:
                refuse_not_finite(frames, FRAMES)
            check_label(highest, answers.shape[1], "evaluation: labels")
            _refuse_no_numbers(answers)
            correct += int((answers.argmax(1) == labels).sum())
    runner.reset()  # what inference mode made would be of no use to a training
    return correct


def _refuse_no_numbers(answers: Tensor) -> None:
    if bool(answers.isnan().any()):
        cure = "Look at its weights, or train it anew."
        raise ConfigError(Problem("network", "an answer that is nan", "a number a class", cure))
