"""Sums of weights times inputs that may be spikes: by events or dense, whichever the inputs call for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from spareto.kernels import c_layers
from spareto.kernels.c_layers import ConvShape, Gradient
from spareto.kernels.decision_log import CONNECTED, Reason, Way, by_density, crossover
from spareto.kernels.fused import widened
from spareto.kernels.sums import ConvSums, DenseSums, Sums


@dataclass(frozen=True)
class Mixed:
    """Inputs of one layer, and the way their sums are made.

    Args:
        x: Inputs `(N, channels, *spatial)`; the carrier `(N, *spatial, channels)` where bits are given.
        given: Whether they came as bits.
        bits: Their bits, given or found; None if some are no spikes.
        geometry: Of a convolution the values of `ConvShape`; none of a dense layer.
        density: Share of spikes among them, 0..1; None if some are no spikes.
    """

    x: Tensor
    given: bool
    bits: Tensor | None
    geometry: tuple[int, ...]
    density: float | None

    @staticmethod
    def of(x: Tensor, bits: Tensor | None, geometry: list[int]) -> Mixed:
        """Inputs, looked at.

        Args:
            x: See `Mixed`.
            bits: Their bits, if they are known to be spikes.
            geometry: See `Mixed`.
        """
        given = bits is not None
        if bits is None:
            found, binary = c_layers.pack(x.contiguous(), x.shape[1], x[0, 0].numel())
            bits = found if binary else None
        density = None if bits is None else c_layers.count(bits) / max(x.numel(), 1)
        return Mixed(x, given, bits, tuple(geometry), density)

    @property
    def decision(self) -> tuple[Way, str]:
        """The way, and why."""
        if self.density is None:
            return "dense", Reason.MIXED
        if not self.geometry:
            return by_density(self.density, CONNECTED)
        s = ConvShape(*self.geometry)
        return by_density(self.density, crossover(s.groups, s.C, max(s.SH, s.SW), s.KH * s.KW))

    def forward(self, weight: Tensor) -> Tensor:
        """Sums `(N, OH, OW, channels padded)`."""
        if self.bits is not None and self.decision[0] == "events":
            return self._sums(self.bits).forward(self.bits, weight)[0]
        real = self._real()
        if weight.dim() == 2:
            y = F.linear(real.flatten(1), weight)[:, None, None]
        else:
            y = torch.ops.aten.convolution(real, weight, None, *self._convolution()).permute(0, 2, 3, 1)
        return widened(y, c_layers.padded(weight.shape[0]))

    def backward(
        self, g: Tensor, weight: Tensor, wants_x: bool, wants_weight: bool
    ) -> tuple[Tensor | None, Tensor | None]:
        """Gradients of the inputs, in the shape of `x`, and of the weight, from that of the sums."""
        if self.bits is not None and self.decision[0] == "events":
            sums, gradient = self._sums(self.bits), Gradient(g, finite=c_layers.finite(g))
            dw = sums.weight_gradient(self.bits, gradient, weight) if wants_weight else None
            dx = sums.input_gradient(gradient, weight) if wants_x else None
            return (dx if dx is None or self.given else dx.movedim(-1, 1)), dw
        dx, dw = self._dense_backward(g[..., : weight.shape[0]], weight, wants_x, wants_weight)
        return (dx.movedim(1, -1) if dx is not None and self.given else dx), dw

    def _dense_backward(
        self, g: Tensor, weight: Tensor, wants_x: bool, wants_weight: bool
    ) -> tuple[Tensor | None, Tensor | None]:
        real = self._real()
        if weight.dim() == 4:
            g = g.permute(0, 3, 1, 2)
            wants = [wants_x, wants_weight, False]
            dx, dw, _ = torch.ops.aten.convolution_backward(
                g, real, weight, None, *self._convolution(), wants
            )
            size = self.x.shape[1:3] if self.given else self.x.shape[2:]
            return dx if dx is None else dx[..., : size[0], : size[1]], dw
        g = g.flatten(1)
        dx = (g @ weight).view(real.shape) if wants_x else None
        return dx, g.T @ real.flatten(1) if wants_weight else None

    def _real(self) -> Tensor:
        """Inputs `(N, channels, *spatial)` as numbers; of a convolution as far as its output reaches."""
        x = self.x
        if self.given:
            assert self.bits is not None
            x = c_layers.unpack(self.bits, x.shape[-1]).view(x.shape).movedim(-1, 1)
        if not self.geometry:
            return x
        high, wide = ConvShape(*self.geometry).reach
        beyond = (0, wide - x.shape[-1], 0, high - x.shape[-2])
        return F.pad(x, beyond) if any(beyond) else x

    def _sums(self, bits: Tensor) -> Sums:
        if self.geometry:
            return ConvSums(ConvShape(*self.geometry), c_layers.count(bits))
        size = tuple(self.x.shape[1:])
        return DenseSums(size[-1], size[:-1]) if self.given else DenseSums(size[0], size[1:])

    def _convolution(self) -> tuple[Any, ...]:
        """Stride, padding, dilation, transposed, output padding and groups, as torch takes them."""
        s = ConvShape(*self.geometry)
        return [s.SH, s.SW], [s.PH, s.PW], [s.DH, s.DW], False, [0, 0], s.groups
