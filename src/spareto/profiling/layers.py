"""From counters to the frozen records of layers and products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import torch

from spareto.frameworks import NeuronFacts
from spareto.observing.products import Geometry, ProductCall
from spareto.profiling.counters import LayerCounter, NeuronCounter, PairCounter, outputs_of
from spareto.profiling.effects import unfolded_weight
from spareto.profiling.places import reaching
from spareto.profiling.stream import TensorStream
from spareto.records import Epitome, Layer, Mask, Neuron, Numbers, Product, Tensor
from spareto.records.workload import LayerKind
from spareto.widths.levels import MOST_BITS

ALONE: Final = "No layer feeds these neurons, so they are charged alone."
UNFOLDED: Final = "It is counted as the product over its unfolded input that an accelerator runs."


@dataclass(frozen=True)
class StorageWidths:
    """Bits the accelerator stores things at that the network itself does not fix.

    Args:
        analog: An input element that is not a spike.
        state: One state variable of a neuron.
    """

    analog: int = 8
    state: int = 16


@dataclass(frozen=True)
class WeightStorage:
    """How a layer's weights are stored.

    Args:
        weight_bits: Width of one weight.
        bias_bits: Width of one bias; None without any.
        shares: Layer whose stored weights it uses; None if it has its own.
        epitome: What its weights are assembled from, if they are.
        notes: How the widths were found, where nobody declared them.
    """

    weight_bits: int
    bias_bits: int | None = None
    shares: str | None = None
    epitome: Epitome | None = None
    notes: tuple[str, ...] = ()


Kinds = Callable[[NeuronCounter], tuple[NeuronFacts, tuple[str, ...]]]
"""What is known of a group of neurons, and what a reader should know about it."""


def layer_record(
    counter: LayerCounter,
    neurons: NeuronCounter | None,
    stored: WeightStorage,
    widths: StorageWidths,
    kinds: Kinds,
) -> Layer:
    """The frozen record of one layer and the neurons it is charged with."""
    product, planned = counter.product, counter.planned
    shape = _shape(counter)
    found, notes = (None, ()) if neurons is None else _neuron(neurons, widths, kinds)
    output, own_plane = _output(counter, neurons, widths)
    effective, touched = counter.effective, counter.touched
    effectual, reached = effective.effect(0), effective.effect(1)
    if found is not None and own_plane is not None:
        touched = np.minimum(touched, found.count * counter.input.steps)
    layer = Layer(
        name=planned.use.name,
        kind=kind_of(product),
        timesteps=counter.input.steps,
        weight_bits=stored.weight_bits,
        weight_counts=_counts(counter, stored.weight_bits),
        input=_tensor(counter.input, widths.analog),
        output=output,
        effectual_synops_mean=float(effectual.mean()),
        effectual_synops_max=float(effectual.max()),
        reached_synops_mean=float(reached.mean()),
        reached_synops_max=float(reached.max()),
        touched_updates_mean=float(touched.mean()),
        touched_updates_max=float(touched.max()),
        neuron=found,
        own_plane=own_plane,
        source=None if counter.source is None else _tensor(counter.source, widths.analog),
        bias_bits=stored.bias_bits,
        shares=stored.shares,
        epitome=_epitome(stored.epitome, shape),
        note=" ".join([*([] if counter.plain else [UNFOLDED]), *planned.notes, *notes, *stored.notes]),
        **shape,
    )
    return layer.replace(reaching=_reaching(layer, counter.input))


def _epitome(epitome: Epitome | None, shape: dict[str, Any]) -> Epitome | None:
    """The epitome where the record shows the very weight it makes: not where the layer was unfolded."""
    shown = shape["weight_mask"].shape, shape.get("groups", 1)
    return epitome if epitome and (epitome.weight, epitome.groups) == shown else None


def product_record(
    counter: PairCounter, neurons: NeuronCounter | None, widths: StorageWidths, kinds: Kinds
) -> Product:
    """The frozen record of one product of activations."""
    rows, inner, columns = counter.sizes
    effectual = counter.effectual
    both = counter.left.spikes_only + counter.right.spikes_only
    operations: tuple[Literal["multiply", "accumulate", "and"], ...] = ("multiply", "accumulate", "and")
    found, notes = (None, ()) if neurons is None else _neuron(neurons, widths, kinds)
    emitted = None if neurons is None else _tensor(neurons.spikes, widths.analog, _three(neurons.shape))
    return Product(
        name=counter.planned.use.name,
        rows=rows,
        inner=inner,
        columns=columns,
        repeats=counter.left.shape[0],
        timesteps=counter.left.steps,
        left=_tensor(counter.left, widths.analog),
        right=_tensor(counter.right, widths.analog),
        output=emitted or _tensor(counter.output, widths.analog),
        operation=operations[both],
        effectual_mean=float(effectual.mean()),
        effectual_max=float(effectual.max()),
        neuron=found,
        note=" ".join([*counter.planned.notes, *notes]),
    )


def neurons_record(counter: NeuronCounter, widths: StorageWidths, kinds: Kinds) -> Layer:
    """The frozen record of neurons that no layer feeds: an addition per value that arrives, and updates."""
    found, notes = _neuron(counter, widths, kinds)
    shape, arriving = _three(counter.shape), counter.arriving
    arrived = arriving.per_sample
    mean, most = float(arrived.mean()), float(arrived.max())
    return Layer(
        name=counter.use.first.module,
        kind="neurons",
        in_channels=shape[0],
        out_channels=shape[0],
        kernel=(1, 1),
        groups=shape[0],
        timesteps=arriving.steps,
        weight_bits=1,
        weight_mask=Mask.of(np.ones((shape[0], 1, 1, 1), np.bool_)),
        weight_counts=(shape[0],),
        input=_tensor(arriving, widths.analog, shape),
        output=_tensor(counter.spikes, widths.analog, shape),
        effectual_synops_mean=mean,
        effectual_synops_max=most,
        reached_synops_mean=mean,
        reached_synops_max=most,
        touched_updates_mean=mean,
        touched_updates_max=most,
        neuron=found,
        note=" ".join([ALONE, *notes]),
    )


def kind_of(product: ProductCall) -> LayerKind:
    """What a layer is in the network."""
    if product.geometry is None:
        return "embedding" if product.kind == "embedding" else "linear"
    kinds: dict[tuple[bool, int], LayerKind] = {
        (False, 1): "conv1d",
        (False, 2): "conv2d",
        (False, 3): "conv3d",
        (True, 1): "conv_transpose1d",
        (True, 2): "conv_transpose2d",
        (True, 3): "conv_transpose3d",
    }
    return kinds[product.geometry.transposed, product.geometry.axes]


def _shape(counter: LayerCounter) -> dict[str, Any]:
    """Channels, kernel, stride, padding, groups and mask of a layer's record."""
    product = counter.product
    outputs = outputs_of(product)
    if product.kind == "embedding":
        mask = (product.other.T != 0)[:, :, None, None]
        return {
            "in_channels": mask.shape[1],
            "out_channels": outputs,
            "kernel": (1, 1),
            "weight_mask": _mask(mask),
        }
    geometry = product.geometry
    if geometry is None:
        groups = len(product.other) if product.other.dim() == 3 else 1
        mask = (product.other.reshape(outputs, -1) != 0)[:, :, None, None]
        return _channels(mask, groups)
    if not counter.plain:
        mask = (unfolded_weight(product) != 0)[:, :, None, None]
        return _channels(mask, geometry.groups)
    mask = product.other.reshape(*product.other.shape[:2], *_plane(tuple(product.other.shape[2:]), 1)) != 0
    return {**_channels(mask, geometry.groups), **_sliding(geometry)}


def _channels(mask: torch.Tensor, groups: int) -> dict[str, Any]:
    outputs, inputs, *kernel = mask.shape
    return {
        "in_channels": inputs * groups,
        "out_channels": outputs,
        "kernel": tuple(kernel),
        "groups": groups,
        "weight_mask": _mask(mask),
    }


def _sliding(geometry: Geometry) -> dict[str, Any]:
    padding = tuple(before for before, _ in geometry.padding)
    return {"stride": _plane(geometry.stride, 1), "padding": _plane(padding, 0)}


def _counts(counter: LayerCounter, bits: int) -> tuple[int, ...] | None:
    """How often each value of a weight occurs, if all channels share their codes; None where they do not."""
    if not counter.plain or bits > MOST_BITS:
        return None
    weight = counter.product.other
    counts = weight[weight != 0].unique(return_counts=True)[1]
    if len(counts) > 1 << bits:
        return None
    rows = weight.reshape(len(weight), -1)
    live = rows[(rows != 0).any(1)]
    if 1 < len(live) <= len(counts) and sum(len(row[row != 0].unique()) for row in live) == len(counts):
        return None  # no value stands in two channels: each may have a scale of its own
    return tuple(sorted(counts.tolist(), reverse=True))


def _mask(mask: torch.Tensor) -> Mask:
    return Mask.of(mask.numpy())


def _reaching(layer: Layer, stream: TensorStream) -> Numbers:
    """Non-zero inputs that each place of the kernel meets, mean over the samples."""
    met = reaching(stream.by_place, layer.kernel, layer.stride, layer.padding, layer.plane)
    return Numbers.of(met / stream.samples)


def _output(
    counter: LayerCounter, neurons: NeuronCounter | None, widths: StorageWidths
) -> tuple[Tensor, tuple[int, int] | None]:
    """What leaves the layer, and the layer's own plane where its neurons have another shape."""
    own = (outputs_of(counter.product), *counter.plane)
    if neurons is None:
        assert counter.output is not None, "kept where no neurons stand behind"
        return _tensor(counter.output, widths.analog), None
    shape = neurons.shape
    same = int(np.prod(shape)) == int(np.prod(own))
    axis = _channel_axis(counter, shape, own[0], same=same)
    if axis is None and len(shape) > 1:
        kept = own if same else _three(shape)
        return _tensor(neurons.spikes, widths.analog, kept, known=False), None if same else counter.plane
    if axis is None:
        return _tensor(neurons.spikes, widths.analog, _three(shape)), counter.plane
    split = _split(shape, own[0], axis, last=counter.product.geometry is None)
    rest = [size for place, size in enumerate(shape) if place != axis]
    kept = own if same else (own[0], *_two(rest if axis >= 0 or not shape else [shape[0] // own[0]]))
    return _tensor(neurons.spikes, widths.analog, kept, turned=split), None if same else counter.plane


def _channel_axis(counter: LayerCounter, shape: tuple[int, ...], outputs: int, *, same: bool) -> int | None:
    """Which axis of its neurons holds a layer's output channels; -1 for one flattened with the places.

    None where that cannot be told: two axes are as long, and something between turns axes.
    """
    natural = len(shape) - 1 if counter.product.geometry is None else 0
    found = [axis for axis, size in enumerate(shape) if size == outputs]
    if len(found) == 1:
        return found[0]
    if counter.planned.turned:
        return None
    if found:
        return natural if natural in found else None
    return -1 if len(shape) == 1 and shape[0] % outputs == 0 else None


def _split(shape: tuple[int, ...], outputs: int, axis: int, *, last: bool) -> tuple[tuple[int, ...], int]:
    """The shape with the channels on an axis of their own, and that axis."""
    if axis >= 0:
        return shape, axis
    places = int(np.prod(shape)) // outputs
    return ((places, outputs), 1) if last else ((outputs, places), 0)


def _two(sizes: list[int]) -> tuple[int, int]:
    """Height and width of any number of places."""
    return (int(np.prod(sizes[:-1])), sizes[-1]) if sizes else (1, 1)


def _three(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Channels, height and width of a tensor of any number of axes."""
    if len(shape) < 2:
        return (int(np.prod(shape)), 1, 1)
    return (shape[0], int(np.prod(shape[1:-1])), shape[-1])


def _tensor(
    stream: TensorStream,
    analog_bits: int,
    shape: tuple[int, int, int] | None = None,
    turned: tuple[tuple[int, ...], int] | None = None,
    *,
    known: bool = True,
) -> Tensor:
    """The record of a tensor.

    Args:
        stream: Its counts.
        analog_bits: Width of one element that is no spike.
        shape: Channels, height, width; the stream's own if left out.
        turned: Shape as the counts stand, and its axis of channels.
        known: Whether it is known which elements are of one channel.
    """
    totals, shape = stream.per_sample, shape or _three(stream.shape)
    by_element = stream.by_step
    if turned is not None:
        by_element = np.moveaxis(by_element.reshape(len(by_element), *turned[0]), 1 + turned[1], 1)
    by_channel = by_element.reshape(len(by_element), shape[0], -1).sum(2)
    return Tensor(
        shape=shape,
        kind="spike" if stream.spikes_only else "analog",
        bits=1 if stream.spikes_only else analog_bits,
        nonzero_mean=float(totals.mean()),
        nonzero_max=float(totals.max()),
        nonzero_per_timestep=tuple(stream.per_timestep.tolist()),
        nonzero_by_channel=Numbers.of(by_channel / len(totals)) if known else None,
        awake_mean=float(stream.awake.mean()),
        awake_max=float(stream.awake.max()),
        stored_bits=stream.stored_bits,
        awake_windows=stream.windows,
    )


def _plane(sizes: tuple[int, ...], missing: int) -> tuple[int, int]:
    """Vertical and horizontal; a layer of one axis is a plane one row high."""
    vertical, horizontal = ((missing,) * 2 + tuple(sizes))[-2:]
    return vertical, horizontal


def _neuron(counter: NeuronCounter, widths: StorageWidths, kinds: Kinds) -> tuple[Neuron, tuple[str, ...]]:
    facts, notes = kinds(counter)
    return (
        Neuron(
            kind=facts.kind,
            count=int(np.prod(counter.shape)),
            states=facts.states,
            state_bits=facts.state_bits or widths.state,
            update=facts.update,
        ),
        notes,
    )
