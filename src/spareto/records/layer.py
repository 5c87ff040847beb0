"""One synaptic layer and the neurons it feeds, with what contradicts itself in them."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import field_validator, model_validator

from spareto.core.bounds import Amount, Natural, Positive
from spareto.core.config import Record
from spareto.core.errors import Problem
from spareto.records.agreement import Statistic, at_most, ordered, require, same
from spareto.records.epitome import Epitome
from spareto.records.packed import Mask, Numbers
from spareto.records.tensor import Tensor, run_problems

LayerKind = Literal[
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "linear",
    "embedding",
    "neurons",
]
_MOST: Final = 2**60  # operations of one layer: beyond, 64-bit counters overflow


class Neuron(Record):
    """The spiking neurons behind a layer.

    Args:
        kind: Name of the neuron: `lif`.
        count: Neurons, each updated once a timestep.
        states: State variables a neuron keeps from one timestep to the next.
        state_bits: Width of one state variable.
        update: What one update does: actions on every state variable, and actions once a neuron, named as
            accelerators price them (`leak`, `integrate`, `compare`). None where the kind says it.
    """

    kind: str
    count: Positive
    states: Positive = 1
    state_bits: Positive = 16
    update: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    @field_validator("kind")
    @classmethod
    def _as_its_file(cls, kind: str) -> str:
        """The name of the neuron's file, which earlier workloads wrote otherwise."""
        return "iaf" if kind == "if" else kind


class Layer(Record):
    """One synaptic layer (convolution or dense) and the neurons it feeds.

    Args:
        name: Dotted name in the network.
        kind: What it is in the network. All are described as convolutions on a plane: a conv1d layer on one
            that is one row high, a linear layer as a 1x1 convolution on one pixel (or on one a token). A
            convolution that needs more than this record says (three axes, transposed, dilated) is described
            as the product over its unfolded input that an accelerator runs; then `source` is there. An
            embedding is a linear layer whose inputs are one-hot; only the rows looked up are read. Neurons
            that no layer feeds are a depthwise 1x1 convolution of ones that are not stored: an addition a
            value that arrives, and their updates.
        in_channels: C.
        out_channels: M.
        kernel: (R, S): height and width.
        stride: Vertical, horizontal.
        padding: Vertical, horizontal; zeros.
        groups: Channel groups; each output sees C / groups inputs.
        timesteps: T; 1 for attention, which runs once an inference.
        weight_bits: Width of one stored weight; 32 means floating point.
        weight_mask: Non-zero weights, shape (M, C / groups, R, S).
        weight_counts: How often each different non-zero weight occurs, the most frequent first; None where
            it is not known that each is one code. Entropy-coded weights take as much as it says.
        input: What enters the layer.
        output: What its neurons emit; without neurons, what the layer itself puts out.
        effectual_synops_mean: Live weights met by a non-zero input, per inference, mean over the samples.
        effectual_synops_max: The same, for the sample that has most of them.
        reached_synops_mean: Weights, zeros included, met by a non-zero input; None if it was not measured.
        reached_synops_max: The same, for the sample that has most of them.
        touched_updates_mean: Outputs that receive anything, summed over the timesteps: a live weight met a
            non-zero input, or a bias or batch norm gives them a constant; what is computed once and taken in
            all timesteps counts in each. None if it was not measured.
        touched_updates_max: The same, for the sample that has most of them.
        reaching: Non-zero inputs that each place of the kernel meets per inference, mean over the samples,
            shape (C, R, S): times the live weights there, it gives the effectual operations.
        neuron: The neurons the layer feeds, or None.
        own_plane: Height and width of what the layer itself puts out, where its neurons' differ: pooling
            stands between them.
        source: What enters before it is unfolded; None where nothing is.
        bias_bits: Width of one stored bias, one an output channel; None without a bias. A batch norm behind
            the layer is folded into one.
        shares: Name of an earlier layer whose stored weights this one uses too; None if it has its own.
        epitome: What its weights are assembled from where they are stored as such; None if they are stored
            one by one. Only crossbars make use of it: other accelerators hold the assembled weights.
        note: What a reader should know about how it was counted.
    """

    name: str
    kind: LayerKind
    in_channels: Positive
    out_channels: Positive
    kernel: tuple[Positive, Positive]
    stride: tuple[Positive, Positive] = (1, 1)
    padding: tuple[Natural, Natural] = (0, 0)
    groups: Positive = 1
    timesteps: Positive
    weight_bits: Positive
    weight_mask: Mask
    weight_counts: tuple[Positive, ...] | None = None
    input: Tensor
    output: Tensor
    effectual_synops_mean: Amount
    effectual_synops_max: Amount
    reached_synops_mean: Amount | None = None
    reached_synops_max: Amount | None = None
    touched_updates_mean: Amount | None = None
    touched_updates_max: Amount | None = None
    reaching: Numbers | None = None
    neuron: Neuron | None = None
    own_plane: tuple[Positive, Positive] | None = None
    source: Tensor | None = None
    bias_bits: Positive | None = None
    shares: str | None = None
    epitome: Epitome | None = None
    note: str = ""

    @model_validator(mode="after")
    def _check(self) -> Layer:
        return require(self, _problems(self))

    @property
    def plane(self) -> tuple[int, int]:
        """Height and width of what the layer itself puts out."""
        return self.own_plane or self.output.shape[1:]

    @property
    def arriving(self) -> Tensor:
        """What arrives at the layer, each element once: its input, before any unfolding."""
        return self.source or self.input

    @property
    def stores_weights(self) -> bool:
        """Whether its weights are stored for it: not another layer's, and not the ones of bare neurons."""
        return self.shares is None and self.kind != "neurons"

    @property
    def stored_bias_bits(self) -> int:
        """Bits of all its biases; 0 without any, or if they are another layer's."""
        return 0 if self.bias_bits is None or self.shares else self.bias_bits * self.out_channels

    @property
    def weight_count(self) -> int:
        """Weights, zeros included."""
        return prod(self.weight_mask.shape)

    @property
    def live_weights(self) -> int:
        """Weights that are not zero."""
        return int(self.weight_mask.places().sum())

    @property
    def weight_sparsity(self) -> float:
        """Share of zero weights, 0..1."""
        return 1.0 - self.live_weights / self.weight_count

    @property
    def dense_synops(self) -> int:
        """Synaptic operations per inference if every weight and every input counted, padding included."""
        height, width = self.plane
        return self.timesteps * height * width * self.weight_count

    @property
    def dense_synops_inside(self) -> int:
        """Synaptic operations per inference if every weight and every input counted, padding left out."""
        return _dense_inside(self, self.taps_met())

    def taps_met(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Output pixels whose input at each row, and each column, of the kernel is not the zero border."""
        found: list[npt.NDArray[np.int64]] = []
        for axis in (0, 1):
            first = np.arange(self.plane[axis]) * self.stride[axis] - self.padding[axis]
            places = first[:, None] + np.arange(self.kernel[axis])
            inside = (places >= 0) & (places < self.input.shape[1 + axis])
            found.append(inside.sum(axis=0, dtype=np.int64))
        return found[0], found[1]

    def effectual_synops(self, statistic: Statistic = "mean") -> float:
        """Live weights met by a non-zero input, per inference."""
        return self.effectual_synops_mean if statistic == "mean" else self.effectual_synops_max

    def reached_synops(self, statistic: Statistic = "mean") -> float | None:
        """Weights, zeros included, met by a non-zero input, per inference, if it was measured."""
        return self.reached_synops_mean if statistic == "mean" else self.reached_synops_max

    def touched_updates(self, statistic: Statistic = "mean") -> float | None:
        """Outputs that receive anything, summed over the timesteps, if it was measured."""
        return self.touched_updates_mean if statistic == "mean" else self.touched_updates_max


def _problems(layer: Layer) -> Iterator[Problem]:
    """Contradictions within one layer; those of its shapes first, for its counts follow from them."""
    found = [*_shapes(layer), *_plane(layer)]
    if not found and layer.dense_synops > _MOST:
        found.append(Problem("", f"{layer.dense_synops:.3g} operations", f"at most {_MOST:.3g}"))
    yield from found or _counts(layer)


def _shapes(layer: Layer) -> Iterator[Problem]:
    for name, channels in (("in_channels", layer.in_channels), ("out_channels", layer.out_channels)):
        if channels % layer.groups:
            yield Problem(f".{name}", str(channels), f"a multiple of the {layer.groups} groups")
    expected = (layer.out_channels, layer.in_channels // layer.groups, *layer.kernel)
    if layer.weight_mask.shape != expected:
        rule = f"a weight mask of shape (M, C / groups, R, S) = {expected}"
        yield Problem(".weight_mask", f"shape {layer.weight_mask.shape}", rule)
    elif layer.weight_counts is not None and sum(layer.weight_counts) != layer.live_weights:
        rule = f"counts of all {layer.live_weights} non-zero weights"
        yield Problem(".weight_counts", f"counts of {sum(layer.weight_counts)}", rule)
    own_output = layer.own_plane is None
    channels = (layer.input.shape[0], layer.output.shape[0] if own_output else layer.out_channels)
    if channels != (layer.in_channels, layer.out_channels):
        rule = (
            f"input.shape[0] equal to in_channels, {layer.in_channels}, and output.shape[0] equal to "
            f"out_channels, {layer.out_channels}"
        )
        yield Problem("", f"{channels[0]} and {channels[1]} channels", rule)
    if layer.reaching and layer.reaching.shape != (layer.in_channels, *layer.kernel):
        rule = f"reaching of shape (C, R, S) = {(layer.in_channels, *layer.kernel)}"
        yield Problem(".reaching", f"shape {layer.reaching.shape}", rule)
    if layer.neuron and layer.neuron.count != layer.output.size:
        rule = f"as many as the output has elements, {layer.output.size}"
        yield Problem(".neuron.count", f"{layer.neuron.count} neurons", rule)
    made = layer.epitome
    if made and (made.weight, made.groups) != (expected, layer.groups):
        rule = f"one of a weight of shape {expected} in {layer.groups} groups"
        yield Problem(".epitome", f"one of {made.weight} in {made.groups} groups", rule)
    if layer.kind == "linear" and layer.kernel != (1, 1):
        yield Problem(".kernel", str(layer.kernel), "(1, 1) for a linear layer")


def _plane(layer: Layer) -> Iterator[Problem]:
    """The output plane follows from input, kernel, stride and padding."""
    sizes = zip(layer.input.shape[1:], layer.kernel, layer.stride, layer.padding, strict=True)
    given = tuple((size + 2 * pad - kernel) // stride + 1 for size, kernel, stride, pad in sizes)
    if given != layer.plane:
        where = ".own_plane" if layer.own_plane else ".output.shape"
        rule = (
            f"{given[0]} x {given[1]}, from an input of {layer.input.shape[1]} x {layer.input.shape[2]}, "
            f"kernel {layer.kernel}, stride {layer.stride}, padding {layer.padding}"
        )
        yield Problem(where, f"a plane of {layer.plane[0]} x {layer.plane[1]}", rule)


def _counts(layer: Layer) -> Iterator[Problem]:
    yield from run_problems(layer.input, layer.timesteps, ".input")
    yield from run_problems(layer.output, layer.timesteps, ".output")
    if layer.source:
        yield from run_problems(layer.source, layer.timesteps, ".source")
    for name in ("effectual_synops", "reached_synops", "touched_updates"):
        yield from ordered(name, getattr(layer, f"{name}_mean"), getattr(layer, f"{name}_max"))
    if layer.reaching is None:
        yield from _operations(layer, layer.weight_mask.places())
    else:
        live = layer.weight_mask.sums(layer.groups)
        yield from _operations(layer, live.sum(axis=(0, 1)))
        yield from _reaching(layer, live, layer.reaching)
    yield from _touched(layer)


def _operations(layer: Layer, places: npt.NDArray[np.int64]) -> Iterator[Problem]:
    """Effectual operations are some of the reached ones, and these some of those of the dense layer."""
    taps = layer.taps_met()
    live = int(taps[0] @ places @ taps[1]) * layer.timesteps
    dense, fan_out = _dense_inside(layer, taps), prod((layer.out_channels // layer.groups, *layer.kernel))
    for statistic in ("mean", "max"):
        effectual, reached = layer.effectual_synops(statistic), layer.reached_synops(statistic)
        nonzero = layer.input.nonzero(statistic)
        where, other = f".effectual_synops_{statistic}", f".reached_synops_{statistic}"
        yield from at_most(where, effectual, live, f"of the dense layer's {dense} that meet a live weight")
        yield from at_most(where, effectual, nonzero * fan_out, f"{nonzero:.12g} inputs x {fan_out} weights")
        yield from at_most(other, reached, dense, "of the dense layer")
        yield from at_most(other, reached, nonzero * fan_out, f"{nonzero:.12g} inputs x {fan_out} weights")
        if reached is not None:
            yield from at_most(where, effectual, reached, "that are reached")


def _dense_inside(layer: Layer, taps: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]) -> int:
    vertical, horizontal = (int(met.sum()) for met in taps)
    return layer.timesteps * layer.out_channels * (layer.in_channels // layer.groups) * vertical * horizontal


def _touched(layer: Layer) -> Iterator[Problem]:
    outputs = layer.out_channels * prod(layer.plane) * layer.timesteps
    once = not any(layer.input.nonzero_per_timestep[1:])  # its result may be taken in all timesteps
    for statistic in ("mean", "max"):
        touched, where = layer.touched_updates(statistic), f".touched_updates_{statistic}"
        yield from at_most(where, touched, outputs, "outputs, all timesteps")
        if layer.bias_bits is None:  # a bias touches outputs without any operation
            effectual = layer.effectual_synops(statistic) * (layer.timesteps if once else 1)
            what = f"effectual operations x {layer.timesteps} timesteps" if once else "effectual operations"
            yield from at_most(where, touched, effectual, what)


def _reaching(layer: Layer, live: npt.NDArray[np.int64], reaching: Numbers) -> Iterator[Problem]:
    """Inputs that meet each place of the kernel, times the weights there, are the operations."""
    met = reaching.array().reshape(live.shape)
    effectual = float((live * met).sum())
    yield from same(".reaching", effectual, layer.effectual_synops_mean, "effectual operations")
    if layer.reached_synops_mean is not None:
        reached = float(met.sum()) * (layer.out_channels // layer.groups)
        yield from same(".reaching", reached, layer.reached_synops_mean, "reached operations")
