"""A network that pools before its neurons, as snnTorch's tutorial 6 does: its convolutions are fused."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spareto import kernels
from spareto.converting.chains import pooled_chains
from spareto.interchange import convert
from spareto.kernels import library

snntorch = pytest.importorskip("snntorch")


class Tutorial(nn.Module):
    """Two convolutions, the second pooled by a module and read twice if `branches`."""

    def __init__(self, branches=False):
        super().__init__()
        self.branches = branches
        self.conv1, self.lif1 = nn.Conv2d(1, 6, 5), snntorch.Leaky(beta=0.5)
        self.conv2, self.pool, self.lif2 = nn.Conv2d(6, 9, 3), nn.MaxPool2d(2), snntorch.Leaky(beta=0.5)
        self.fc, self.lif3 = nn.Linear(36, 5), snntorch.Leaky(beta=0.5)

    def forward(self, x):
        one, two, three = self.lif1.init_leaky(), self.lif2.init_leaky(), self.lif3.init_leaky()
        record = []
        for now in x:
            spikes, one = self.lif1(F.max_pool2d(self.conv1(now), 2), one)
            pooled = self.pool(self.conv2(spikes))
            spikes, two = self.lif2(pooled, two)
            currents = self.fc(spikes.flatten(1) + (pooled.flatten(1) if self.branches else 0.0))
            spikes, three = self.lif3(currents, three)
            record.append(spikes)
        return torch.stack(record)


def made(branches=False):
    torch.manual_seed(0)
    model = Tutorial(branches)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3.0 if weight.dim() > 1 else 1.0)
    frames = (torch.rand(6, 4, 1, 16, 16) < 0.3).float()
    return model, frames, convert(model, frames)


def gradients(network, frames):
    network.zero_grad()
    record = network(frames)
    (record * torch.randn(record.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
    return record.detach(), [parameter.grad.clone() for parameter in network.parameters()]


@pytest.mark.skipif(library.backend() != "c", reason="the C kernels do not run here")
def test_both_convolutions_are_fused_and_train_as_the_original():
    model, frames, network = made()
    network.train()
    assert len(network._chains) == 2
    for each in (network, copy.deepcopy(network)):
        ours, theirs = gradients(each, frames), gradients(model, frames)
        assert torch.equal(ours[0], theirs[0])
        assert 0.02 < ours[0].mean() < 0.9
        for found, expected in zip(ours[1], theirs[1], strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        assert [chain.slot.latest.way for chain in each._chains.values()] == ["events", "events"]
    with kernels.reference():
        assert torch.equal(network(frames), ours[0])


def test_currents_that_somebody_else_reads_are_pooled_alone():
    network = made(branches=True)[2]
    assert len(network._chains) == 1
    assert pooled_chains(network.steps[:2], network.output, network.parts) == {}


@pytest.mark.parametrize("options", [{"stride": 1}, {"padding": 1}, {"ceil_mode": True}, {"dilation": 2}])
def test_other_poolings_stay_as_they_are(options):
    model, frames, _ = made()
    model.pool = nn.MaxPool2d(2, **options)
    sides = {"stride": 3, "padding": 3, "ceil_mode": 2, "dilation": 1}[next(iter(options))]
    model.fc = nn.Linear(9 * sides * sides, 5)
    network = convert(model, frames).train()
    ours, theirs = gradients(network, frames), gradients(model, frames)
    assert torch.equal(ours[0], theirs[0])
    ways = {chain.conv: chain.slot.latest for chain in network._chains.values()}
    assert ways["conv2"] is None
    assert ways["conv1"] is not None
