"""Counters of one product, one pair of activations, one group of neurons."""

from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from spareto.core.errors import ConfigError, Problem
from spareto.kernels.trains import Words
from spareto.kernels.trains import pack as packed
from spareto.observing.products import ProductCall
from spareto.profiling.charging import Planned
from spareto.profiling.effects import effects_of, is_plain, unfolded
from spareto.profiling.packing import Pack
from spareto.profiling.storage import Trains
from spareto.profiling.stream import TensorStream
from spareto.profiling.touching import Touching
from spareto.profiling.tracer import NeuronEvent
from spareto.profiling.uses import Use


class LayerCounter:
    """Counts at one product with a weight.

    Args:
        planned: The product.

    Attributes:
        input: What the layer is given, unfolded where its record says so.
        source: What arrives before it is unfolded; None where nothing is.
        output: What it puts out, where no neurons stand behind it.
    """

    def __init__(self, planned: Planned) -> None:
        self.planned, self.product = planned, planned.use.first.product
        self.plain = is_plain(self.product)
        self.features = _features(planned)
        self.effects = effects_of(self.product, self.features)
        effects = self.effects.flatten(0, -2)
        if (
            self._by_place
        ):  # a dense layer at many places: its features are the channels, each alike everywhere
            effects = effects.repeat_interleave(self._places, 0)
        self.input = TensorStream(effects if self.plain else None)
        self.source = None if self.plain else TensorStream(effects)
        self.output = TensorStream(stored=False) if planned.neurons is None else None
        self.driven = _driven(planned, outputs_of(self.product))
        undriven = ~self.driven
        self._touching = Touching(self.product, self.features, undriven) if bool(undriven.any()) else None
        self._touched_calls: list[npt.NDArray[np.float64]] = []
        self.touched_batches: list[npt.NDArray[np.float64]] = []
        self.plane: tuple[int, int] = (1, 1)
        self._plane_known = False

    @property
    def _by_place(self) -> bool:
        return self.product.geometry is None

    @property
    def _places(self) -> int:
        return self.planned.use.layout.places

    @property
    def effective(self) -> TensorStream:
        """The stream that carries the effects."""
        return self.input if self.source is None else self.source

    def see(self, product: ProductCall, pack: Pack) -> None:
        """Note one call."""
        layout, x = self.planned.use.layout, product.x
        if product.kind == "embedding" or (self._by_place and self._places > 1):
            return self._see_split(product)
        words, ones = pack(layout, x)
        self._see_words(words, ones, tuple(x.shape[len(layout.axes) :]))
        if self.source is not None:
            self._see_unfolded(layout.split(x).squeeze(2), ones)
        return None

    def see_fused(self, words: Words, ones: bool, plane: tuple[int, int]) -> None:
        """Note one call of a fused layer.

        Args:
            words: What entered as bits, `(timesteps, samples, 1, words)`.
            ones: Whether they are all 1.
            plane: Height and width of what it puts out.
        """
        self._see_words(words, ones, self.features)
        self.plane, self._plane_known = plane, True

    def _see_words(self, words: Words, ones: bool, features: tuple[int, ...]) -> None:
        self._touch(words)
        self.effective.see_words(words.squeeze(2), ones, plane_shape(features))

    def _see_split(self, product: ProductCall) -> None:
        """A look-up, or a product at many places: its elements are ordered feature by feature."""
        split = self.planned.use.layout.split(product.x)
        if product.kind == "embedding":
            split = F.one_hot(split.long(), len(product.other)).to(torch.float32)
        self.effective.see(split.movedim(-1, 2).unsqueeze(3))
        if self._touching is not None:
            words, _ = packed(split.flatten(0, 2))
            self._touch(words.reshape(*split.shape[:3], -1))

    def _see_unfolded(self, split: Tensor, ones: bool) -> None:
        live = (split != 0).flatten(0, 1).to(torch.float32)
        values = unfolded(self.product, live).unflatten(0, split.shape[:2])
        assert self.product.geometry is not None, "only convolutions are unfolded"
        self.input.see(as_plane(values if ones else values * 2.0, self.product.geometry.axes))

    def _touch(self, words: Words) -> None:
        """Note which outputs are touched, of inputs `(timesteps, samples, places, words)`."""
        if self._touching is not None:
            counts = self._touching.counts(words.reshape(-1, words.shape[3]))
            self._touched_calls.append(counts.reshape(words.shape[:3]).sum(2))

    def see_output(self, product: ProductCall, given: Tensor) -> None:
        """Note what one call put out, laid out as what entered."""
        if self.output is None and self._plane_known:
            return
        output = product.result(given)
        split = self.planned.use.layout.split(output)
        if self._by_place:
            whole = split.movedim(-1, 2).unsqueeze(3)
        else:
            whole = as_plane(split.squeeze(2), self.product.geometry.axes)  # pyright: ignore[reportOptionalMemberAccess]
        self.plane, self._plane_known = (whole.shape[3], whole.shape[4]), True
        if self.output is not None:
            self.output.see(whole)

    def end_batch(self, sized: list[Trains] | None = None) -> None:
        """Close one batch; `sized` is what others sized of it."""
        use = self.planned.use
        for stream in (self.input, self.source, self.output):
            if stream is not None:
                stream.end_batch(sized, before=use.before, behind=use.behind)
        if self._touched_calls:
            self.touched_batches.append(np.concatenate(self._touched_calls).sum(0))
            self._touched_calls.clear()

    @property
    def touched(self) -> npt.NDArray[np.float64]:
        """Outputs that receive anything, a constant too, summed over the timesteps; shape `(samples,)`.

        What a layer computes once is received in all timesteps.
        """
        use = self.planned.use
        always = int(self.driven.sum()) * self.plane[0] * self.plane[1] * (self.input.steps - use.before)
        measured = np.concatenate(self.touched_batches) * (1 + use.behind) if self.touched_batches else 0.0
        return measured + np.full(self.input.samples, float(always))


class PairCounter:
    """Counts at one product of two activations.

    Args:
        planned: The product.
    """

    def __init__(self, planned: Planned) -> None:
        self.planned = planned
        self.left, self.right, self.output = (
            TensorStream(stored=False),
            TensorStream(stored=False),
            TensorStream(stored=False),
        )
        self.sizes: tuple[int, int, int] = (1, 1, 1)
        self._calls: list[Tensor] = []
        self._batches: list[npt.NDArray[np.float64]] = []

    def see(self, product: ProductCall, _: Pack) -> None:
        """Note one call."""
        use = self.planned.use
        left, right = use.layout.split(product.x), use.right[0].split(product.other)
        self.sizes = (left.shape[3], left.shape[4], right.shape[4])
        meetings = (left != 0).sum(3).double() * (right != 0).sum(4).double()
        self._calls.append(meetings.sum((2, 3)))
        self.left.see(left)
        self.right.see(right)

    def see_output(self, product: ProductCall, given: Tensor) -> None:
        """Note what one call put out."""
        self.output.see(self.planned.use.layout.split(product.result(given)))

    def end_batch(self, sized: list[Trains] | None = None) -> None:
        """Close one batch; `sized` is what others sized of it."""
        for stream in (self.left, self.right, self.output):
            stream.end_batch(sized)
        if self._calls:
            self._batches.append(torch.cat(self._calls).sum(0).numpy())
            self._calls.clear()

    @property
    def effectual(self) -> npt.NDArray[np.float64]:
        """Pairs of which neither element is zero, per inference, shape `(samples,)`."""
        return np.concatenate(self._batches)


class NeuronCounter:
    """Counts what one group of neurons gives.

    Args:
        use: Its calls.
    """

    def __init__(self, use: Use[NeuronEvent]) -> None:
        self.use, self.spikes, self.arriving = use, TensorStream(), TensorStream()
        self.shape: tuple[int, ...] = ()

    def see(self, spikes: Tensor, pack: Pack) -> None:
        """Note one call."""
        layout = self.use.layout
        if layout.places == 1:
            return self.see_fused(*pack(layout, spikes), tuple(spikes.shape[len(layout.axes) :]))
        split = self._split(spikes)
        self.shape = tuple(split.shape[2:])
        self.spikes.see(split.reshape(*split.shape[:2], -1, 1, 1))
        return None

    def see_fused(self, words: Words, ones: bool, shape: tuple[int, ...]) -> None:
        """Note one call as bits, `(timesteps, samples, 1, words)`, of neurons in that shape."""
        self.shape = shape
        self.spikes.see_words(words.squeeze(2), ones, (prod(shape), 1, 1))

    def see_arriving(self, values: Tensor, name: str) -> None:
        """Note what one call was given, of neurons that no product feeds.

        Raises:
            ConfigError: It has another shape than the spikes.
        """
        split = self._split(values)
        if tuple(split.shape[2:]) != self.shape:
            got = f"values of shape {tuple(split.shape[2:])} for {self.shape}"
            rule = "one value a neuron, for no layer feeds them"
            raise ConfigError(Problem(f"neurons '{name}'", got, rule, "It would be costed as nothing."))
        self.arriving.see(split.reshape(*split.shape[:2], -1, 1, 1))

    def _split(self, values: Tensor) -> Tensor:
        split = self.use.layout.split(values)
        if split.shape[2] == 1:
            return split.squeeze(2)
        return split.flatten(2, 3) if split.dim() > 3 else split

    def end_batch(self, sized: list[Trains] | None = None) -> None:
        """Close one batch; `sized` is what others sized of it."""
        for stream in (self.spikes, self.arriving):
            stream.end_batch(sized, before=self.use.before)


def counter_of(planned: Planned) -> LayerCounter | PairCounter:
    """The counter of a product."""
    return PairCounter(planned) if planned.use.first.product.kind == "pair" else LayerCounter(planned)


def outputs_of(product: ProductCall) -> int:
    """Output channels of a product with a weight."""
    shape, geometry = product.other.shape, product.geometry
    if product.kind == "embedding":
        return shape[1]
    if geometry is not None and geometry.transposed:
        return shape[1] * geometry.groups
    return shape[0] * shape[1] if len(shape) == 3 and geometry is None else shape[0]


def plane_shape(features: tuple[int, ...]) -> tuple[int, int, int]:
    """Channels and two axes of places: the last, and all others in one."""
    channels, *places = features
    return channels, prod(places[:-1]), prod(places[-1:])


def as_plane(tensor: Tensor, axes: int) -> Tensor:
    """`(timesteps, samples, channels, ...)` with two axes of places: the last, and all others in one."""
    if axes == 1:
        return tensor.unsqueeze(3)
    return tensor.flatten(3, -2) if axes > 2 else tensor


def _features(planned: Planned) -> tuple[int, ...]:
    event = planned.use.first
    return event.x.shape[len(event.x.shape) - event.product.features :]


def _driven(planned: Planned, outputs: int) -> Tensor:
    """Output channels that receive a constant in every timestep."""
    constant = planned.constant
    if constant is None:
        return torch.zeros(outputs, dtype=torch.bool)
    return (constant != 0).expand(outputs) if len(constant) == 1 else constant != 0
