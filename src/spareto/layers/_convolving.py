"""The sums of a convolution over time: by events where its input is spikes, and few; else torch's own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spareto.kernels.decision_log import DecisionSlot, Reason, by_density, crossover, decide
from spareto.kernels.spikes import Spikes, dense
from spareto.layers import _fusion as fusion


def why_dense(conv: nn.Conv2d) -> str:
    """Why a convolution has no event-driven sums; empty if it has."""
    if fusion.running(conv, nn.Conv2d) and conv.padding_mode == "zeros":
        return ""
    return Reason.CONVOLUTION


def events(slot: DecisionSlot, conv: nn.Conv2d, sequence: Tensor | Spikes) -> Spikes | None:
    """Spikes few enough, and a convolution simple enough, for event-driven sums; the decision is noted."""
    why = why_dense(conv)
    spikes = None if why else fusion.as_spikes(sequence)
    if spikes is None:
        decide(slot, conv, "dense", why or Reason.MIXED)
        return None
    taps = conv.kernel_size[0] * conv.kernel_size[1]
    most = crossover(conv.groups, conv.in_channels, max(conv.stride), taps)
    way, why = by_density(spikes.density, most)
    decide(slot, conv, way, why, spikes.density)
    return spikes if way == "events" else None


def dense_sums(conv: nn.Conv2d, sequence: Tensor | Spikes, weight: Tensor) -> Tensor:
    """Currents `(images, height, width, channels)` by torch's own convolution."""
    x = dense(sequence).flatten(0, 1).contiguous(memory_format=torch.channels_last)
    y = conv._conv_forward(x, weight, conv.bias) if fusion.running(conv, nn.Conv2d) else conv(x)
    return y.permute(0, 2, 3, 1)
