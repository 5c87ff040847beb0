"""The waist: everything the hardware side may know about a compressed network, measured once, torch-free."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Literal, Self, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from spareto.core.bounds import Amount, Natural, Positive
from spareto.core.config import Record, contradiction, load_sealed, save_sealed
from spareto.core.errors import Problem
from spareto.records import workload_checks as checks
from spareto.records.packed import Mask as Mask
from spareto.records.packed import Numbers as Numbers

RecordT = TypeVar("RecordT", bound=Record)
Statistic = Literal["mean", "max"]
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


def require(record: RecordT, problems: Iterator[Problem]) -> RecordT:
    """The record, if nothing in it contradicts itself."""
    if found := list(problems):
        raise contradiction(found)
    return record


class Tensor(Record):
    """A layer's input or output over one inference: all timesteps of one sample.

    Args:
        shape: Channels, height, width of one timestep; `(features, 1, 1)` for a dense layer.
        kind: `spike` if every element is 0 or 1, else `analog`.
        bits: Width of one element on the accelerator; 1 for spikes.
        nonzero_mean: Non-zero elements per inference, mean over the samples.
        nonzero_max: The same, for the sample that has most of them in this tensor.
        nonzero_per_timestep: Mean non-zero elements of each timestep; sums to `nonzero_mean`.
        nonzero_by_channel: Mean non-zero elements of each timestep and channel, shape (T, C).
        awake_mean: Elements that are not zero at some timestep, mean over the samples; the others are
            silent. None if it was not counted.
        awake_max: The same, for the sample that has most of them.
        stored_bits: Bits the spikes of an inference take in a storage format, by its name: mean over the
            samples, and the largest. Only formats whose size the counts above do not settle, and only if it
            was measured.
        awake_windows: Elements of all timesteps that lie in a window of 1, 2, ... T timesteps in which their
            neuron is not silent: mean over the samples, and the largest. Empty if it was not counted.
    """

    shape: tuple[Positive, Positive, Positive]
    kind: Literal["spike", "analog"]
    bits: Positive
    nonzero_mean: Amount
    nonzero_max: Amount
    nonzero_per_timestep: tuple[Amount, ...] = ()
    nonzero_by_channel: Numbers | None = None
    awake_mean: Amount | None = None
    awake_max: Amount | None = None
    stored_bits: dict[str, tuple[Amount, Amount]] = Field(default_factory=dict[str, tuple[Amount, Amount]])
    awake_windows: tuple[tuple[Amount, Amount], ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Tensor:
        return require(self, checks.tensor_problems(self))

    @property
    def size(self) -> int:
        """Elements of one timestep."""
        return prod(self.shape)

    def nonzero(self, statistic: Statistic = "mean") -> float:
        """Non-zero elements per inference."""
        return self.nonzero_mean if statistic == "mean" else self.nonzero_max

    def awake(self, statistic: Statistic = "mean") -> float | None:
        """Elements that are not zero at some timestep, if they were counted."""
        return self.awake_mean if statistic == "mean" else self.awake_max

    def stored(self, statistic: Statistic = "mean") -> dict[str, float]:
        """Bits of an inference in each format they were measured in."""
        return {name: bits[0 if statistic == "mean" else 1] for name, bits in self.stored_bits.items()}

    def in_windows(self, window: int, statistic: Statistic = "mean") -> float | None:
        """Elements in windows of that many timesteps that are not silent, if they were counted."""
        if not 1 <= window <= len(self.awake_windows):
            return None
        return self.awake_windows[window - 1][0 if statistic == "mean" else 1]


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
        input: What enters the layer.
        output: What its neurons emit; without neurons, what the layer itself puts out.
        effectual_synops_mean: Live weights met by a non-zero input, per inference, mean over the samples.
        effectual_synops_max: The same, for the sample that has most of them.
        reached_synops_mean: Weights, zeros included, met by a non-zero input; None if it was not measured.
        reached_synops_max: The same, for the sample that has most of them.
        touched_updates_mean: Outputs that receive anything, summed over the timesteps: a live weight met a
            non-zero input, or a bias or batch norm gives them a constant. None if it was not measured.
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
    note: str = ""

    @model_validator(mode="after")
    def _check(self) -> Layer:
        return require(self, checks.layer_problems(self))

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
        return int(self.weight_mask.array().sum())

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
        vertical, horizontal = (int(met.sum()) for met in self.taps_met())
        return self.timesteps * self.out_channels * (self.in_channels // self.groups) * vertical * horizontal

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


class Product(Record):
    """A product of two activations, such as the queries and keys of spiking attention: no weights.

    Args:
        name: Dotted name of the module it runs in, and its place there.
        rows: Rows of the left operand.
        inner: Columns of the left operand, rows of the right one.
        columns: Columns of the right operand.
        repeats: Independent products a timestep, such as heads.
        timesteps: T; 1 for one that runs once an inference.
        left: Left operand; its shape is (repeats, rows, inner).
        right: Right operand; its shape is (repeats, inner, columns).
        output: The result, of shape (repeats, rows, columns), or what its neurons emit.
        operation: What one pair of elements needs: `and` of two spikes, `accumulate` of a spike and a number,
            `multiply` of two numbers; each is added up.
        effectual_mean: Pairs of which neither element is zero, per inference, mean over the samples.
        effectual_max: The same, for the sample that has most of them.
        neuron: The neurons it feeds, or None; `output` is then what they emit.
        note: What a reader should know about how it was counted.
    """

    name: str
    rows: Positive
    inner: Positive
    columns: Positive
    repeats: Positive = 1
    timesteps: Positive
    left: Tensor
    right: Tensor
    output: Tensor
    operation: Literal["and", "accumulate", "multiply"]
    effectual_mean: Amount
    effectual_max: Amount
    neuron: Neuron | None = None
    note: str = ""

    @model_validator(mode="after")
    def _check(self) -> Product:
        return require(self, checks.product_problems(self))

    @property
    def dense(self) -> int:
        """Pairs per inference, zeros included."""
        return self.timesteps * self.repeats * self.rows * self.inner * self.columns

    def effectual(self, statistic: Statistic = "mean") -> float:
        """Pairs of which neither element is zero, per inference."""
        return self.effectual_mean if statistic == "mean" else self.effectual_max


class FreeLayer(Record):
    """A layer that costs nothing on the accelerator, and why: `batch norm is folded into the weights`."""

    name: str
    kind: str
    why: str


class Workload(Record):
    """A compressed network as the hardware side sees it.

    Args:
        version: Version of this format.
        network: Name of the network.
        dataset: Name of the data set and split the activity was measured on.
        samples: Inferences it was measured over.
        timesteps: T.
        layers: Synaptic layers in the order they run.
        free: Layers that were looked at and cost nothing, each with the reason.
        products: Products of two activations, in the order they run.
        notes: How the network was run, and what was not counted, in sentences.
    """

    version: Literal[1] = 1
    network: str
    dataset: str
    samples: Natural
    timesteps: Positive
    layers: tuple[Layer, ...]
    free: tuple[FreeLayer, ...] = ()
    products: tuple[Product, ...] = ()
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Workload:
        return require(self, checks.workload_problems(self))

    def __repr__(self) -> str:
        return (
            f"Workload({self.network!r} on {self.dataset!r}: {len(self.layers)} layers, "
            f"{self.timesteps} timesteps, {self.samples} samples)"
        )

    __str__ = __repr__

    def save(self, path: str | Path) -> None:
        """Write the workload as JSON with its checksum, atomically."""
        save_sealed(Path(path), self.to_dict())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a workload.

        Raises:
            ConfigError: The file is missing, is not as it was written, or breaks a rule.
        """
        return cls.parse(load_sealed(path), "workload")

    @property
    def weight_sparsity(self) -> float:
        """Share of zero weights over all layers, 0..1."""
        weighted = [layer for layer in self.layers if layer.kind != "neurons"]
        total = sum(layer.weight_count for layer in weighted)
        return 1.0 - sum(layer.live_weights for layer in weighted) / total if total else 0.0
