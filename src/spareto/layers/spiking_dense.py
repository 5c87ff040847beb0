"""The spiking dense layer: dropout, dense connections, batch norm, neurons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from spareto.kernels import fused
from spareto.kernels.decision_log import CONNECTED, DecisionSlot, Reason, by_density, decide
from spareto.kernels.dynamics import Dynamics
from spareto.kernels.kernel_options import current
from spareto.kernels.normalizing import FiringConstants, LayerConstants
from spareto.kernels.spikes import Spikes, dense, traced
from spareto.kernels.sums import DenseSums
from spareto.layers import _fusion as fusion
from spareto.layers import _recompute as recompute
from spareto.layers._base import SpikingLayer, present, some_spikes
from spareto.layers._checks import check_dense
from spareto.neurons import SpikingNeuron, registry


class SpikingDense(SpikingLayer):
    """Dropout, dense connections, batch norm and spiking neurons, as one layer.

    It flattens what comes in, then computes what its children compute one after the other; see
    `SpikingBlock`.

    Args:
        linear: The connections; they see time x batch samples.
        neuron: The neurons.
        norm: Batch norm of their currents, or None.
        dropout: Dropout of the input, or None.
    """

    sums, fires, flattens = "linear", "neuron", True

    def __init__(
        self,
        linear: nn.Linear,
        neuron: SpikingNeuron,
        norm: nn.Module | None = None,
        dropout: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.dropout, self.linear, self.norm, self.neuron = dropout, linear, norm, neuron
        self.slot = DecisionSlot()

    @override
    def chain(self) -> dict[str, nn.Module]:
        return present(dropout=self.dropout, linear=self.linear, norm=self.norm, neuron=self.neuron)

    @classmethod
    @override
    def examples(cls) -> Iterator[tuple[Self, Tensor]]:
        frames = some_spikes(4, 2, 2, 3, 3)
        yield cls(nn.Linear(18, 5), registry.make("lif"), nn.BatchNorm1d(5)), frames
        yield cls(nn.Linear(18, 5), registry.make("alif"), None, nn.Dropout(0.5)), frames

    def forward(self, sequence: Tensor | Spikes) -> Tensor | Spikes:
        """Spikes of all timesteps.

        Args:
            sequence: Shape `(time, batch, ...)`.

        Returns:
            Shape `(time, batch, neurons)`: a tensor, or `Spikes` where the kernels ran.

        Raises:
            ConfigError: The sequence does not fit the layer.
        """
        weight = self.linear.weight
        check_dense(self.linear, sequence, weight)
        children = (self.dropout, self.linear, self.norm, self.neuron)
        watcher = current().watching(self)
        watched = watcher is not None
        why = fusion.why_reference(sequence, weight, self.norm, self.neuron, *children, watched=watched)
        if not why and sequence.shape[0] * sequence.shape[1] < 2:
            why = "there is a single value a channel"
        if why:
            decide(self.slot, self.linear, "reference", why)
            return recompute.run(self, self._reference, dense(sequence))
        if watcher is None:
            return self._fused(sequence, weight)
        with watcher.aside():
            sequence = fusion.packed_once(sequence, flat=True)
            fired = self._fused(sequence, weight)
            assert isinstance(fired, Spikes), "the kernels give nothing else"
            watcher.fired(self, sequence, fired)
            return fired

    def _reference(self, sequence: Tensor) -> Tensor:
        return self.neuron(fusion.over_time(sequence.flatten(2), self.dropout, self.linear, self.norm))

    def _fused(self, sequence: Tensor | Spikes, weight: Tensor) -> Tensor | Spikes:
        time, batch = sequence.shape[:2]
        dynamics = self.neuron.dynamics()
        assert dynamics is not None
        constants = fusion.firing(dynamics, self.norm, time, batch, 1, 1, self.linear.out_features)
        if traced(weight):
            return self._as_operators(sequence, weight, dynamics, constants)
        events = self._events(sequence)
        if events is None:
            currents = self._dense_sums(sequence, weight)
            fired = fusion.fire(currents, self.norm, dynamics, constants)
            return fusion.finish(fired, self.norm, None, constants, spatial=False)
        fired = fused.spiking(
            LayerConstants(DenseSums(events.channels, events.spatial), constants, current().recompute),
            *(events.carrier, events.bits, weight, self.linear.bias),
            *(fusion.norm_parts(self.norm), dynamics.coefficients()),
        )
        return fusion.finish(fired, self.norm, self.linear.bias, constants, spatial=False)

    def _events(self, sequence: Tensor | Spikes) -> Spikes | None:
        """Spikes few enough for event-driven sums."""
        linear, why = self.linear, self._why_dense()
        flat = sequence if isinstance(sequence, Spikes) else sequence.flatten(2)
        spikes = None if why else fusion.as_spikes(flat)
        if spikes is None:
            decide(self.slot, linear, "dense", why or Reason.MIXED)
            return None
        way, why = by_density(spikes.density, CONNECTED)
        decide(self.slot, linear, way, why, spikes.density)
        return spikes if way == "events" else None

    def _why_dense(self) -> str:
        """Why the connections have no event-driven sums; empty if they have."""
        dropout = self.dropout
        idle = dropout is None or (type(dropout) is nn.Dropout and (not dropout.training or dropout.p == 0))
        return "" if idle and fusion.running(self.linear, nn.Linear) else Reason.DROPOUT

    def _as_operators(
        self, sequence: Tensor | Spikes, weight: Tensor, dynamics: Dynamics, constants: FiringConstants
    ) -> Tensor | Spikes:
        """The same inside a graph."""
        bias = self.linear.bias
        if self._why_dense():
            y, bias = self._dense_sums(sequence, weight), None  # it is in the sums
        else:
            flat = sequence if isinstance(sequence, Spikes) else sequence.flatten(2)
            y = fusion.operator_sums(flat, weight, [], self.slot, self.linear)
        fired = fusion.operator_fire(y, bias, self.norm, dynamics, constants)
        return fusion.finish(fired, self.norm, bias, constants, spatial=False)

    def _dense_sums(self, sequence: Tensor | Spikes, weight: Tensor) -> Tensor:
        """Currents `(images, 1, 1, neurons)` by torch's own product."""
        x = dense(sequence).flatten(0, 1).flatten(1)
        x = x if self.dropout is None else self.dropout(x)
        running = fusion.running(self.linear, nn.Linear)
        y = F.linear(x, weight, self.linear.bias) if running else self.linear(x)
        return y[:, None, None]
