"""The integer network as a torch module."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spareto.integer.arithmetic import rounded
from spareto.integer.network import INPUT, Attention, IntegerLayer, IntegerNetwork, Join, Pool, Synapses
from spareto.integer.neuron import fresh, step


class IntegerModule(nn.Module):
    """Runs an integer network in torch: equal to the numpy reference to the bit.

    Sums are made in double precision, which is exact below 2^53; everything else in 64-bit integers. Weights
    are buffers named `w0`, `w1`, ..., so that the module moves between devices and exports through
    `torch.export`.

    Args:
        network: The network, from `spareto.lower(...).network` or a package.
    """

    def __init__(self, network: IntegerNetwork) -> None:
        super().__init__()
        self.network = network
        for number, node in enumerate(network.nodes):
            if isinstance(node, IntegerLayer):
                self._keep(f"w{number}", node.synapses.weights, torch.float64)
                self._keep(f"m{number}", node.multiplier[:, None, None], torch.int64)
                self._keep(f"b{number}", node.bias[:, None, None], torch.int64)
                if node.feedback is not None:
                    self._keep(f"r{number}", node.feedback.synapses.weights, torch.float64)
                    self._keep(f"n{number}", node.feedback.multiplier[:, None, None], torch.int64)
            elif isinstance(node, Attention):
                self._keep(f"t{number}", node.temporal.weights[:, :, 0], torch.float64)
                self._keep(f"c{number}", node.channel.weights[:, :, 0], torch.float64)
                self._keep(f"g{number}", node.table, torch.int64)

    def _keep(self, name: str, values: Any, dtype: torch.dtype) -> None:
        self.register_buffer(name, torch.from_numpy(values.copy()).to(dtype))

    def forward(self, frames: Tensor) -> Tensor:
        """Voted firing rates, as the float network gives them.

        Args:
            frames: Shape `(time, batch, channels, height, width)`, integers from 0 to `input_most`, of any
                type.

        Returns:
            Shape `(batch, classes)`, single precision.
        """
        spikes = self.outputs(frames)[-1]
        votes = spikes.sum(0).flatten(1).unflatten(1, (self.network.classes, -1))
        return votes.to(torch.float32).mean(2) / len(frames)

    def outputs(self, frames: Tensor) -> list[Tensor]:
        """Outputs of every node, `(time, batch, channels, height, width)`, int64."""
        wires: list[Tensor] = []
        frames = frames.to(torch.int64)
        for number, node in enumerate(self.network.nodes):
            x = frames if node.source == INPUT else wires[node.source]
            if isinstance(node, IntegerLayer):
                wires.append(self._layer(number, node, x))
            elif isinstance(node, Pool):
                wires.append(_pooled(node, x))
            elif isinstance(node, Join):
                wires.append(_joined(node, x, wires[node.other]))
            else:
                wires.append(x * self._gates(number, node, x.sum((3, 4)))[..., None, None])
        return wires

    def _layer(self, number: int, layer: IntegerLayer, x: Tensor) -> Tensor:
        part = self.get_buffer
        sums = _sums(layer.synapses, part(f"w{number}"), x)
        currents = sums * part(f"m{number}") + part(f"b{number}")
        states = fresh(layer.neuron, torch.zeros_like(currents[0]))
        fired, back = list[Tensor](), torch.zeros_like(currents[0])
        for now in currents:
            if layer.feedback is not None:
                fed = _sums(layer.feedback.synapses, part(f"r{number}"), back[None])[0]
                now = now + fed * part(f"n{number}")
            back, states = step(layer.neuron, now, states)
            fired.append(back)
        return torch.stack(fired)

    def _gates(self, number: int, node: Attention, z: Tensor) -> Tensor:
        part = self.get_buffer
        sequences = F.pad(z.transpose(0, 1).double(), node.padding)
        across = F.pad(z.permute(1, 2, 0).double(), node.padding)
        temporal = _whole(F.conv1d(sequences, part(f"t{number}")))
        channel = _whole(F.conv1d(across, part(f"c{number}"))).transpose(1, 2)
        half = len(node.table) // 2
        places = rounded(temporal * channel * node.multiplier, node.shift).clip(-half, half - 1) + half
        return part(f"g{number}")[places].transpose(0, 1)


def _whole(sums: Tensor) -> Tensor:
    return sums.round().to(torch.int64)


def _sums(synapses: Synapses, weights: Tensor, x: Tensor) -> Tensor:
    time, batch = x.shape[:2]
    images = x.flatten(0, 1).double()
    if synapses.flat:
        images = images.flatten(1)[:, :, None, None]
    found = F.conv2d(
        images,
        weights,
        None,
        list(synapses.stride),
        list(synapses.padding),
        list(synapses.dilation),
        synapses.groups,
    )
    return _whole(found).unflatten(0, (time, batch))


def _pooled(pool: Pool, x: Tensor) -> Tensor:
    images = x.flatten(0, 1).double()
    reach = [(n - 1) * s + k for n, s, k in zip(pool.size, pool.stride, pool.kernel, strict=True)]
    sides = zip(reach, images.shape[2:], pool.padding, strict=True)
    (top, bottom), (left, right) = ((p, max(0, r - n - p)) for r, n, p in sides)
    padded = F.pad(images, (left, right, top, bottom))
    if pool.kind == "max":
        found = F.max_pool2d(padded, pool.kernel, pool.stride)
    else:
        found = F.avg_pool2d(padded, pool.kernel, pool.stride, divisor_override=1)
    height, width = pool.size
    return _whole(found[..., :height, :width]).unflatten(0, x.shape[:2])


def _joined(join: Join, a: Tensor, x: Tensor) -> Tensor:
    if join.kind == "add":
        return join.factors[0] * a + join.factors[1] * x
    return a * x if join.kind == "and" else (1 - a) * x
