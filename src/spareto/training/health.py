"""Notice a network that diverges or falls silent, and name the layer."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from spareto.core.errors import Problem
from spareto.kernels import Spikes
from spareto.layers import SpikingLayer
from spareto.observing import undisturbed
from spareto.observing.calls import listening
from spareto.running.outputs import leaves
from spareto.running.proving import outer_neurons
from spareto.training.norms import Call


class SilentLayerWarning(UserWarning):
    """A layer of neurons emits no spike, so that nothing behind it sees the input."""


def silent_layers(network: nn.Module, batches: Iterable[Tensor], run: Call | None = None) -> tuple[str, ...]:
    """Names of the neuron layers that emit no spike in any batch, in the order they ran.

    Stops at the first batch that leaves none, so that a healthy network runs once.

    Args:
        network: Runs in the mode it is in, and is left as it was, to the last buffer.
        batches: Frames of each batch.
        run: Calls the network on a batch; left out, the network is called with it.
    """
    suspects: tuple[str, ...] | None = None
    with undisturbed(network):
        for frames in batches:
            quiet = _silent_on(network, frames, run or network)
            suspects = tuple(name for name in quiet if suspects is None or name in suspects)
            if not suspects:
                break
    return suspects or ()


def _silent_on(network: nn.Module, frames: Tensor, run: Call) -> tuple[str, ...]:
    silent: dict[str, bool] = {}
    watched = spiking_layers(network)

    def see(name: str, _: nn.Module, __: Any, ___: Any, spikes: Any) -> None:
        if spikes is None:  # the call ended in an error, which says what there is to say
            return
        silent[name] = silent.get(name, True) and not _any(spikes, watched[name][1])

    with listening({name: module for name, (module, _) in watched.items()}, after=see), torch.no_grad():
        run(frames)
    return tuple(name for name, quiet in silent.items() if quiet)


def spiking_layers(network: nn.Module) -> dict[str, tuple[nn.Module, int]]:
    """Where spikes come out, and which item of a tuple they are, by the name of their neurons.

    A layer of ours is watched whole and so stays fused.
    """
    named = network.named_modules()
    blocks = {name: each for name, each in named if isinstance(each, SpikingLayer) and each.fires}
    inside = {part for block in blocks.values() for part in block.modules()}
    alone = {
        name: (module, facts.spikes)
        for name, module, facts in outer_neurons(network)
        if facts.fires and module not in inside
    }
    return {**{f"{name}.{block.fires}".lstrip("."): (block, 0) for name, block in blocks.items()}, **alone}


def _any(spikes: Any, item: int) -> bool:
    if isinstance(spikes, Spikes):
        return spikes.events > 0
    part = spikes if isinstance(spikes, Tensor) else spikes[item]
    return any(bool(tensor.any()) for tensor in leaves(part))


def silence(where: str, samples: int) -> Problem:
    """What is said of a layer without spikes."""
    cure = "Lower its v_threshold, scale its weights up, or put a batch norm before it."
    return Problem(where, f"no spike for {samples} samples", "some spikes", cure)


def warn_of_silence(problem: object) -> None:
    """Warn, at the line that called into this package, and each time: every training is told of its own."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("spareto."):
        frame = frame.f_back
    place = frame.f_code.co_filename, frame.f_lineno
    warnings.warn_explicit(str(problem), SilentLayerWarning, *place)  # no registry, which would drop repeats


def first_non_finite(network: nn.Module, frames: Tensor, run: Call | None = None) -> str:
    """Where numbers that are not finite begin: `layer 'fc', its weight`; empty if it is no single layer.

    Args:
        network: Runs once in the mode it is in.
        frames: Frames of a batch.
        run: Calls the network on a batch; left out, the network is called with it.
    """
    for name, parameter in network.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            layer, _, parameter_name = name.rpartition(".")
            return f"layer '{layer}', its {parameter_name}" if layer else f"parameter '{name}'"
    found: list[str] = []

    def see(name: str, _: nn.Module, __: Any, ___: Any, output: Any) -> None:
        if not found and not all(bool(torch.isfinite(tensor).all()) for tensor in leaves(output)):
            found.append(f"layer '{name}', its output")

    inner = {
        name: module
        for name, module in network.named_modules()
        if name and next(module.children(), None) is None
    }
    with listening(inner, after=see), torch.no_grad():
        (run or network)(frames)
    return found[0] if found else ""
