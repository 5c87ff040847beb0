"""A network as an snnTorch tutorial writes it: two dense layers, a loop over time, spikes and membranes out."""

import snntorch
import torch
from snntorch import surrogate
from torch import nn


class Network(nn.Module):
    """Frames `(time, batch, 64)` in; spikes and membranes `(time, batch, 10)` out."""

    def __init__(self, hidden, beta):
        super().__init__()
        gradient = surrogate.fast_sigmoid(slope=25)
        self.fc1 = nn.Linear(64, hidden)
        self.lif1 = snntorch.Leaky(beta=beta, spike_grad=gradient)
        self.fc2 = nn.Linear(hidden, 10)
        self.lif2 = snntorch.Leaky(beta=beta, spike_grad=gradient)

    def forward(self, frames):
        mem1, mem2 = self.lif1.reset_mem(), self.lif2.reset_mem()
        spikes, membranes = [], []
        for frame in frames:
            spk1, mem1 = self.lif1(self.fc1(frame), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spikes.append(spk2)
            membranes.append(mem2)
        return torch.stack(spikes), torch.stack(membranes)


def build(hidden=64, beta=0.9):
    """What the study calls, with its `network.options`."""
    return Network(hidden, beta)
