"""What `SpikingBlock` and `SpikingDense` share: whether kernels can run them, and what is handed to them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from spareto.kernels import fused, shortcuts, spikes
from spareto.kernels.c_layers import BlockShape, padded
from spareto.kernels.decision_log import DecisionSlot, Reason
from spareto.kernels.dynamics import Dynamics
from spareto.kernels.fused import Fired
from spareto.kernels.kernel_options import current
from spareto.kernels.neurons import place_of
from spareto.kernels.normalizing import FiringConstants, LayerConstants, Norm
from spareto.kernels.operators.fire import fire as fire_operator
from spareto.kernels.operators.sums import sums as sums_operator
from spareto.kernels.spikes import Spikes, traced
from spareto.layers._pooling import ONE_PIXEL, PoolingWindow
from spareto.neurons import SpikingNeuron

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def over_time(sequence: Tensor, *modules: nn.Module | None) -> Tensor:
    """Run stateless modules on `(time, batch, ...)` as on a batch of time x batch samples."""
    time, batch = sequence.shape[:2]
    samples = sequence.flatten(0, 1)
    for module in modules:
        if module is not None:
            samples = module(samples)
    return samples.unflatten(0, (time, batch))


def why_reference(
    sequence: Tensor | Spikes,
    weight: Tensor,
    norm: nn.Module | None,
    neuron: SpikingNeuron,
    *children: Any,
    watched: bool = False,
) -> str:
    """Why a layer must run as plain torch; empty if the kernels can run it.

    Args:
        sequence: What comes in.
        weight: The layer's weight.
        norm: Its batch norm.
        neuron: Its neurons.
        children: All its children.
        watched: Whether it was looked at and found fit, and the hooks on its children are the watcher's.
    """
    return next(_obstacles(sequence, weight, norm, neuron, () if watched else children, watched), "")


def _obstacles(
    sequence: Tensor | Spikes,
    weight: Tensor,
    norm: nn.Module | None,
    neuron: SpikingNeuron,
    children: tuple[Any, ...],
    watched: bool,
) -> Iterator[str]:
    if current().reference and not watched:
        yield Reason.ASKED
    if torch.is_autocast_enabled("cpu"):
        yield Reason.AUTOCAST
    if torch.compiler.is_exporting():
        yield Reason.EXPORTING
    if place_of("cpu") != "c":
        yield Reason.NOT_LOADED
    if weight.device.type != "cpu" or weight.dtype is not torch.float32:
        yield Reason.WEIGHT.of(weight.dtype, weight.device.type)
    if isinstance(sequence, Tensor) and (sequence.device.type, sequence.dtype) != ("cpu", torch.float32):
        yield Reason.INPUT.of(sequence.dtype, sequence.device.type)
    if math.prod(sequence.shape) == 0:
        yield Reason.EMPTY
    if hooked(children):
        yield Reason.HOOKS
    if not (norm is None or type(norm) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.Identity)):
        yield Reason.NORM.of(type(norm).__name__)
    if isinstance(norm, BatchNorm) and norm.num_features != weight.shape[0]:
        yield Reason.CHANNELS
    dynamics = neuron.dynamics()
    if dynamics is None:
        yield Reason.NEURONS
    elif dynamics.surrogate is None:
        yield Reason.SURROGATE


def hooked(children: tuple[Any, ...]) -> bool:
    """Whether there are hooks on a layer's children, which fused kernels would not call."""
    return any(getattr(child, hooks, None) for child in children for hooks in _HOOKS)


def why_no_shortcut(shortcut: Tensor | Spikes | None) -> str:
    """Why a shortcut must be added in plain torch; empty if the kernels can do it."""
    if isinstance(shortcut, Tensor) and (shortcut.device.type, shortcut.dtype) != ("cpu", torch.float32):
        return Reason.SHORTCUT.of(shortcut.dtype, shortcut.device.type)
    return ""


def running(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a module computes what `kind` does, be it parametrized."""
    return isinstance(module, kind) and type(module).forward is kind.forward


def firing(
    dynamics: Dynamics,
    norm: nn.Module | None,
    time: int,
    batch: int,
    height: int,
    width: int,
    channels: int,
    window: PoolingWindow = ONE_PIXEL,
) -> FiringConstants:
    """The constants of neurons and pooling behind sums of that geometry."""
    shape = BlockShape(time, batch, height, width, padded(channels), channels, *window)
    by_batch = isinstance(norm, BatchNorm) and (norm.training or norm.running_mean is None)
    eps = norm.eps if isinstance(norm, BatchNorm) else None
    return FiringConstants(shape, int(dynamics.flags), dynamics.surrogate or 0, eps, by_batch)


def norm_parts(norm: nn.Module | None) -> Norm:
    """A batch norm's parameters and running statistics."""
    if not isinstance(norm, BatchNorm):
        return Norm(None, None, None, None, None)
    return Norm(norm.weight, norm.bias, norm.running_mean, norm.running_var, norm.eps)


def finish(
    fired: Fired, norm: nn.Module | None, bias: Tensor | None, firing: FiringConstants, spatial: bool
) -> Spikes | Tensor:
    """Note the batch's statistics in the batch norm; the spikes, or their averages, to pass on."""
    if isinstance(norm, BatchNorm) and norm.training and norm.running_mean is not None:
        _note(norm, fired, bias, firing)
    shape = firing.shape
    if shape.averages:
        return fired.carrier.movedim(-1, 1).unflatten(0, (shape.T, shape.B))
    size = shape.pooled[1:] if spatial else ()
    bits = fired.bits.flatten(1, 2)
    carrier = fired.carrier if spatial else fired.carrier.flatten(1)
    return Spikes(bits, carrier, shape.T, shape.B, shape.channels, size)


@torch.no_grad()
def _note(norm: BatchNorm, fired: Fired, bias: Tensor | None, firing: FiringConstants) -> None:
    """As torch does it: the running variance is the unbiased one."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
    share = norm.momentum if norm.momentum is not None else 1.0 / float(norm.num_batches_tracked)
    shape = firing.shape
    count = shape.T * shape.B * shape.H * shape.W
    mean = fired.mean if bias is None else fired.mean + bias.double()
    norm.running_mean.mul_(1.0 - share).add_((share * mean).to(norm.running_mean.dtype))
    norm.running_var.mul_(1.0 - share).add_(
        (share * count / (count - 1) * fired.var).to(norm.running_var.dtype)
    )


def as_spikes(sequence: Tensor | Spikes) -> Spikes | None:
    """Spikes to be summed by events, or None where there are real values, or a tensor wants its gradient."""
    if isinstance(sequence, Spikes):
        return sequence
    return None if sequence.requires_grad else spikes.pack(sequence)


def packed_once(sequence: Tensor | Spikes, *, flat: bool = False) -> Tensor | Spikes:
    """What both a layer and its watcher are given: bits, where all its elements are 0 or 1."""
    if isinstance(sequence, Tensor) and not traced(sequence):
        return as_spikes(sequence.flatten(2) if flat else sequence) or sequence
    return sequence


def fire(
    currents: Tensor,
    norm: nn.Module | None,
    dynamics: Dynamics,
    constants: FiringConstants,
    shortcut: Tensor | Spikes | None = None,
) -> Fired:
    """Neurons behind currents `(images, height, width, channels)` that torch summed."""
    parts = constants, norm_parts(norm), dynamics.coefficients()
    if shortcut is None:
        return fused.fire(currents, *parts)
    return shortcuts.fire(currents, *parts, pixels(shortcut))


def spiking(layer: LayerConstants, *arguments: Any, shortcut: Tensor | Spikes | None) -> Fired:
    """`fused.spiking`, with a shortcut or without."""
    if shortcut is None:
        return fused.spiking(layer, *arguments)
    return shortcuts.spiking(layer, *arguments, shortcut=pixels(shortcut))


def pixels(sequence: Tensor | Spikes) -> Tensor:
    """`(time, batch, channels, height, width)` as the kernels see it: `(images, height, width, channels)`."""
    return spikes.dense(sequence).movedim(2, -1).flatten(0, 1)


def operator_sums(
    sequence: Tensor | Spikes, weight: Tensor, geometry: list[int], slot: DecisionSlot, layer: nn.Module
) -> Tensor:
    """Sums inside a graph; events or dense is decided, and noted, each time it runs.

    Args:
        sequence: What comes in, `(time, batch, channels, ...)`.
        weight: The layer's weight.
        geometry: The values of `ConvShape`; none for a dense layer.
        slot: Where the decision is noted.
        layer: The convolution or dense layer.
    """
    bits = sequence.bits if isinstance(sequence, Spikes) else None
    x = sequence.carrier if isinstance(sequence, Spikes) else sequence.flatten(0, 1)
    return sums_operator(x, bits, weight.contiguous(), geometry, slot.number, str(layer))


def joined(
    y: Tensor,
    bias: Tensor | None,
    norm: nn.Module | None,
    shortcut: Tensor | Spikes,
    constants: FiringConstants,
) -> Tensor:
    """Normalized currents and the shortcut, by plain torch: inside a graph that is fused as well."""
    currents = y[..., : constants.shape.channels]
    currents = currents if bias is None else currents + bias
    if norm is not None:
        currents = norm(currents.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    return currents + pixels(shortcut)


def operator_fire(
    y: Tensor, bias: Tensor | None, norm: nn.Module | None, dynamics: Dynamics, constants: FiringConstants
) -> Fired:
    """Neurons behind sums `(images, height, width, channels)`, padded or not, inside a graph."""
    wide = fused.widened(y, constants.shape.C)
    return fire_operator(wide, bias, dynamics.coefficients(), constants, norm_parts(norm))
