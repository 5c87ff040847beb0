"""How a batch is put into a network: in one call, or one timestep per call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from spareto.frameworks import hands_state, neuron_facts
from spareto.kernels import Spikes, dense
from spareto.running.interface import Time

Feeding = Time | Literal["sample"]


def reads_parts(network: nn.Module) -> bool:
    """Whether a class says that its layers read frames as they lie; not of a class that inherits from it."""
    return "reads_parts" in vars(type(network))


@dataclass(frozen=True)
class Feed:
    """What one call of a network is given.

    Args:
        name: `time-batch`, `batch-time` or `calls`, as in `Interface`; `sample` where samples have no time.
        merged: Batch and time are merged in the first axis, as in sinabs' squeezed layers.
        parts: `time-batch` may be a part of a longer array, which is then not copied into one piece.
    """

    name: Feeding
    merged: bool = False
    parts: bool = False

    def __str__(self) -> str:
        return {
            "sample": "(batch, ...)",
            "calls": "(batch, ...) a timestep",
            "time-batch": "(time, batch, ...)",
            "batch-time": "(batch x time, ...)" if self.merged else "(batch, time, ...)",
        }[self.name]

    def arrange(self, batch: Tensor, *, time_first: bool) -> tuple[Tensor, ...]:
        """The arguments of each call.

        Args:
            batch: Samples `(time, batch, ...)` or `(batch, time, ...)`, or `(batch, ...)` to feed a sample.
            time_first: Whether time comes first.
        """
        if self.name == "sample":
            return (batch,)
        if self.name == "batch-time":
            turned = batch.transpose(0, 1).contiguous() if time_first else batch
            return (turned.flatten(0, 1) if self.merged else turned,)
        turned = batch if time_first else batch.transpose(0, 1)
        if self.name == "calls":
            return tuple(turned.unbind(0))
        return (turned if self.parts else turned.contiguous(),)


def call(network: nn.Module, arguments: tuple[Tensor, ...], feed: Feed) -> Any:
    """Call a network with what `Feed.arrange` made.

    Returns:
        The output; of one timestep per call, tensors of all calls stacked: `(time, ...)`. A network that
        hands its state out gets it back with the next timestep; its output is then the one item of a
        tuple, as it is the first where all timesteps are given at once.
    """
    if feed.name != "calls":
        return network(arguments[0])
    handing, state, outputs = hands_state(network), None, list[Any]()
    for now in arguments:
        if handing:
            output, state = network(now, state)
        else:
            output = network(now)
        outputs.append(output)
    return (stacked(outputs),) if handing else stacked(outputs)


def stacked(outputs: list[Any]) -> Any:
    """Outputs of all timesteps as one: tensors stacked, tuples and dicts item by item; others the last."""
    first = outputs[0]
    if isinstance(first, Tensor | Spikes):
        return torch.stack([dense(output) for output in outputs])
    if isinstance(first, Mapping):
        return {key: stacked([output[key] for output in outputs]) for key in first}
    if isinstance(first, list | tuple):
        return tuple(stacked(list(items)) for items in zip(*outputs, strict=True))
    return outputs[-1]


@contextmanager
def unmerged(squeezed: tuple[Any, ...], steps: int | None) -> Iterator[None]:
    """Let sinabs' squeezed layers take batches of any size: they are told the number of timesteps.

    Args:
        squeezed: The layers.
        steps: Timesteps of an inference; None leaves them as they are.
    """
    before = [(layer, layer.batch_size, layer.num_timesteps) for layer in squeezed]
    try:
        if steps is not None:
            for layer in squeezed:
                layer.batch_size, layer.num_timesteps = -1, steps
        yield
    finally:
        for layer, samples, timesteps in before:
            layer.batch_size, layer.num_timesteps = samples, timesteps


def squeezed_layers(network: nn.Module) -> tuple[nn.Module, ...]:
    """The layers that see batch and time merged."""
    found = ((module, neuron_facts(module)) for module in network.modules())
    return tuple(module for module, facts in found if facts is not None and facts.squeezed)
