"""The spiking convolution block: convolution, batch norm, neurons, pooling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple
from functools import partial
from typing import Self

from torch import Tensor, nn
from typing_extensions import override

from spareto.core.errors import ConfigError, Problem
from spareto.kernels.decision_log import DecisionSlot, decide
from spareto.kernels.dynamics import Dynamics
from spareto.kernels.kernel_options import Watcher, current
from spareto.kernels.normalizing import FiringConstants, LayerConstants
from spareto.kernels.spikes import Spikes, dense, traced
from spareto.kernels.sums import ConvSums
from spareto.layers import _convolving as convolving
from spareto.layers import _fusion as fusion
from spareto.layers import _recompute as recompute
from spareto.layers._base import SpikingLayer, present, some_spikes
from spareto.layers._checks import check_block
from spareto.layers._geometry import conv_shape, output_size
from spareto.layers._pooling import ONE_PIXEL, PoolingWindow, pooled, window
from spareto.neurons import SpikingNeuron, registry


class SpikingBlock(SpikingLayer):
    """Convolution, batch norm, spiking neurons and pooling, as one layer.

    It computes what its children compute one after the other. On a CPU they run as one fused pass where the
    kernels know them all: spikes come and go as bits, and where they are few the convolution is event-driven.
    `decision` tells how it ran. Behind average pooling there are real values, which travel as a tensor.

    Args:
        conv: The convolution; it sees time x batch samples.
        norm: Batch norm of its channels, or None.
        neuron: The neurons.
        pool: Pooling of their spikes, or None.
    """

    sums, fires = "conv", "neuron"

    def __init__(
        self, conv: nn.Conv2d, norm: nn.Module | None, neuron: SpikingNeuron, pool: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.conv, self.norm, self.neuron, self.pool = conv, norm, neuron, pool
        self.slot = DecisionSlot()

    @override
    def chain(self) -> dict[str, nn.Module]:
        return present(conv=self.conv, norm=self.norm, neuron=self.neuron, pool=self.pool)

    @classmethod
    @override
    def examples(cls) -> Iterator[tuple[Self, Tensor]]:
        frames = some_spikes(4, 2, 2, 6, 6)
        conv, pool = nn.Conv2d(2, 3, 3, padding=1), nn.MaxPool2d(2)
        yield cls(conv, nn.BatchNorm2d(3), registry.make("lif"), pool), frames
        yield cls(nn.Conv2d(2, 3, 3, stride=2), None, registry.make("iaf")), frames

    def forward(self, sequence: Tensor | Spikes, shortcut: Tensor | Spikes | None = None) -> Tensor | Spikes:
        """Spikes of all timesteps.

        Args:
            sequence: Shape `(time, batch, channels, height, width)`.
            shortcut: What the neurons get beside the normalized currents, one value each: shape
                `(time, batch, out channels, height, width)` of the convolution's output.

        Returns:
            A tensor, or `Spikes` where the kernels ran; `spareto.kernels.dense` makes either a tensor.

        Raises:
            ConfigError: The sequence does not fit the block, or the shortcut its currents.

        Reference:
            hu2021: membrane shortcuts (MS-ResNet).
        """
        weight = self.conv.weight
        check_block(self.conv, self.pool, sequence, weight)
        self._check(sequence, shortcut)
        watcher = current().watching(self)
        why = self._why_reference(sequence, weight, watcher) or fusion.why_no_shortcut(shortcut)
        if why:
            decide(self.slot, self.conv, "reference", why)
            reference = partial(self._reference, shortcut=shortcut)
            return recompute.run(self, reference, dense(sequence))
        if watcher is not None:
            return self._watched(watcher, sequence, weight, shortcut)
        place = window(self.pool, *output_size(self.conv, *sequence.shape[3:]))
        fired = self._fused(sequence, weight, place or ONE_PIXEL, shortcut)
        return fired if place else fusion.over_time(dense(fired), self.pool)

    def _watched(
        self, watcher: Watcher, sequence: Tensor | Spikes, weight: Tensor, shortcut: Tensor | Spikes | None
    ) -> Tensor | Spikes:
        """The same, and the watcher is told of the spikes before the pooling."""
        with watcher.aside():
            sequence = fusion.packed_once(sequence)
            fired = self._fused(sequence, weight, ONE_PIXEL, shortcut)
            assert isinstance(fired, Spikes), "nothing is pooled"
            watcher.fired(self, sequence, fired)
            place = window(self.pool, *fired.spatial)
            return pooled(fired, place) if place else fusion.over_time(dense(fired), self.pool)

    def _reference(self, sequence: Tensor, shortcut: Tensor | Spikes | None) -> Tensor:
        currents = fusion.over_time(sequence, self.conv, self.norm)
        fired = self.neuron(currents if shortcut is None else currents + dense(shortcut))
        return fusion.over_time(fired, self.pool)

    def _check(self, sequence: Tensor | Spikes, shortcut: Tensor | Spikes | None) -> None:
        if shortcut is None:
            return
        size = output_size(self.conv, *sequence.shape[3:])
        expected = (*sequence.shape[:2], self.conv.out_channels, *size)
        if tuple(shortcut.shape) != expected:
            got, rule = f"one of shape {tuple(shortcut.shape)}", f"shape {expected}, that of the currents"
            cure = "Bring it there by a 1x1 convolution with the block's stride."
            raise ConfigError(Problem(f"shortcut of {self.conv}", got, rule, cure))

    def _why_reference(
        self, sequence: Tensor | Spikes, weight: Tensor, watcher: Watcher | None = None
    ) -> str:
        children, watched = (self.conv, self.norm, self.neuron, self.pool), watcher is not None
        why = fusion.why_reference(sequence, weight, self.norm, self.neuron, *children, watched=watched)
        if not why and self._values_a_channel(sequence) < 2:
            return "there is a single value a channel"
        return why

    def _values_a_channel(self, sequence: Tensor | Spikes) -> int:
        height, width = output_size(self.conv, *sequence.shape[3:])
        return sequence.shape[0] * sequence.shape[1] * max(height, 0) * max(width, 0)

    def _fused(
        self,
        sequence: Tensor | Spikes,
        weight: Tensor,
        place: PoolingWindow,
        shortcut: Tensor | Spikes | None,
    ) -> Tensor | Spikes:
        time, batch, _, *size = sequence.shape
        dynamics = self.neuron.dynamics()
        assert dynamics is not None
        constants = fusion.firing(
            dynamics, self.norm, time, batch, *output_size(self.conv, *size), self.conv.out_channels, place
        )
        if traced(weight):
            return self._as_operators(sequence, weight, dynamics, constants, shortcut)
        events = convolving.events(self.slot, self.conv, sequence)
        if events is None:
            currents = convolving.dense_sums(self.conv, sequence, weight)
            fired = fusion.fire(currents, self.norm, dynamics, constants, shortcut)
            return fusion.finish(fired, self.norm, None, constants, spatial=True)
        chosen = current()
        sums = ConvSums(conv_shape(self.conv, time * batch, *size), events.events, chosen.bfloat16)
        fired = fusion.spiking(
            LayerConstants(sums, constants, chosen.recompute),
            *(events.carrier, events.bits, weight.contiguous(), self.conv.bias),
            *(fusion.norm_parts(self.norm), dynamics.coefficients()),
            shortcut=shortcut,
        )
        return fusion.finish(fired, self.norm, self.conv.bias, constants, spatial=True)

    def _as_operators(
        self,
        sequence: Tensor | Spikes,
        weight: Tensor,
        dynamics: Dynamics,
        constants: FiringConstants,
        shortcut: Tensor | Spikes | None,
    ) -> Tensor | Spikes:
        """The same inside a graph."""
        bias, norm = self.conv.bias, self.norm
        if convolving.why_dense(self.conv):
            y, bias = convolving.dense_sums(self.conv, sequence, weight), None  # it is in the sums
        else:
            time, batch, _, *size = sequence.shape
            geometry = list(astuple(conv_shape(self.conv, time * batch, *size)))
            y = fusion.operator_sums(sequence, weight, geometry, self.slot, self.conv)
        if shortcut is not None:
            y = fusion.joined(y, bias, norm, shortcut, constants)
            bias, norm, constants = None, None, constants.without_norm()
        fired = fusion.operator_fire(y, bias, norm, dynamics, constants)
        return fusion.finish(fired, norm, bias, constants, spatial=True)
