"""From counters to the frozen layer record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from torch import nn
from torch.nn.utils import parametrize

from spareto.profiling.activity import Activity
from spareto.profiling.counters import LayerCounter, plane_axes
from spareto.profiling.places import reaching
from spareto.records import Layer, Mask, Neuron, Numbers, Tensor
from spareto.records.recipe import FLOAT_BITS

_KINDS: Final[tuple[Literal["linear", "conv1d", "conv2d"], ...]] = ("linear", "conv1d", "conv2d")


@dataclass(frozen=True)
class Widths:
    """Bits the accelerator stores things at that the network itself does not fix.

    Args:
        analog: An input element that is not a spike.
        state: One state variable of a neuron.
    """

    analog: int = 8
    state: int = 16


def declared_bits(layer: nn.Module) -> int:
    """Width of one stored weight, as the `weight_bits` of its parametrization says; 32 without one."""
    if not parametrize.is_parametrized(layer, "weight"):
        return FLOAT_BITS
    parametrizations: Any = layer.parametrizations
    declared = (getattr(part, "weight_bits", None) for part in parametrizations["weight"])
    return next((bits for bits in declared if bits is not None), FLOAT_BITS)


def layer_record(counter: LayerCounter, widths: Widths) -> Layer:
    """The frozen record of one counted layer."""
    module: Any = counter.module
    weight = module.weight.detach().numpy()
    emitted = counter.output if counter.neuron is None else counter.spikes
    effectual, reached = counter.effectual.per_sample, counter.reached.per_sample
    touched = counter.touched.per_sample
    layer = Layer(
        name=counter.name,
        kind=_KINDS[plane_axes(module)],
        in_channels=weight.shape[1] * getattr(module, "groups", 1),
        out_channels=weight.shape[0],
        kernel=_plane(getattr(module, "kernel_size", ()), 1),
        stride=_plane(getattr(module, "stride", ()), 1),
        padding=_plane(getattr(module, "padding", ()), 0),
        groups=getattr(module, "groups", 1),
        timesteps=len(counter.input.per_timestep),
        weight_bits=declared_bits(module),
        weight_mask=Mask.of(weight.reshape(*weight.shape[:2], *_plane(weight.shape[2:], 1))),
        input=_tensor(counter.input, widths.analog),
        output=_tensor(emitted, widths.analog),
        effectual_synops_mean=float(effectual.mean()),
        effectual_synops_max=float(effectual.max()),
        reached_synops_mean=float(reached.mean()),
        reached_synops_max=float(reached.max()),
        touched_updates_mean=float(touched.mean()),
        touched_updates_max=float(touched.max()),
        neuron=_neuron(counter, widths.state),
    )
    return layer.model_copy(update={"reaching": _reaching(layer, counter)})


def _reaching(layer: Layer, counter: LayerCounter) -> Numbers:
    """Non-zero inputs that each place of the kernel meets, mean over the samples."""
    places = counter.input.places
    met = reaching(
        places.by_place.reshape(layer.input.shape),
        layer.kernel,
        layer.stride,
        layer.padding,
        layer.plane,
    )
    return Numbers.of(met / len(places.awake))


def _tensor(activity: Activity, analog_bits: int) -> Tensor:
    totals = activity.per_sample
    return Tensor(
        shape=(activity.shape[0], *_plane(activity.shape[1:], 1)),
        kind="spike" if activity.spikes_only else "analog",
        bits=1 if activity.spikes_only else analog_bits,
        nonzero_mean=float(totals.mean()),
        nonzero_max=float(totals.max()),
        nonzero_per_timestep=tuple(activity.per_timestep.tolist()),
        nonzero_by_channel=Numbers.of(activity.places.by_step_and_channel / len(totals)),
        awake_mean=float(activity.places.awake.mean()),
        awake_max=float(activity.places.awake.max()),
        stored_bits=activity.storage.bits if activity.spikes_only else {},
        awake_windows=activity.storage.windows if activity.spikes_only else (),
    )


def _plane(sizes: tuple[int, ...], missing: int) -> tuple[int, int]:
    """Vertical and horizontal; a layer of one axis is a plane one row high."""
    vertical, horizontal = ((missing,) * 2 + tuple(sizes))[-2:]
    return vertical, horizontal


def _neuron(counter: LayerCounter, state_bits: int) -> Neuron | None:
    if counter.neuron is None:
        return None
    return Neuron(
        kind=counter.neuron.kind,
        count=int(np.prod(counter.spikes.shape)),
        states=counter.neuron.states,
        state_bits=getattr(counter.neuron, "state_bits", state_bits),
    )
