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


class Pictures(nn.Module):
    """One image at every timestep; spikes are pooled by a function."""

    def __init__(self, pool):
        super().__init__()
        self.pool = pool
        self.conv1, self.lif1 = nn.Conv2d(1, 6, 5), snntorch.Leaky(beta=0.5)
        self.conv2, self.lif2 = nn.Conv2d(6, 9, 3), snntorch.Leaky(beta=0.5)
        self.conv3, self.lif3 = nn.Conv2d(9, 4, 1), snntorch.Leaky(beta=0.5)

    def forward(self, x):
        one, two, three = (lif.init_leaky() for lif in (self.lif1, self.lif2, self.lif3))
        record = []
        for _ in range(6):
            spikes, one = self.lif1(F.max_pool2d(self.conv1(x), 2), one)
            spikes, two = self.lif2(F.max_pool2d(self.conv2(spikes), 2, 1), two)
            spikes, three = self.lif3(self.conv3(self.pool(spikes)), three)
            record.append(spikes)
        return torch.stack(record)


POOLS = {
    "max": (lambda x: F.max_pool2d(x, 2), True),
    "mean": (lambda x: F.avg_pool2d(x, 2), True),
    "overlapping": (lambda x: F.max_pool2d(x, 2, stride=1), False),
    "padded": (lambda x: F.max_pool2d(x, 3, padding=1), False),
}


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.skipif(library.backend() != "c", reason="the C kernels do not run here")
def test_neurons_behind_one_image_hand_over_bits(name):
    torch.manual_seed(0)
    model, images = Pictures(POOLS[name][0]), torch.rand(4, 1, 16, 16)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4.0 if weight.dim() > 1 else 1.0)
    network = convert(model, images, layout="static").train()
    ours, theirs = gradients(network, images), gradients(model, images)
    assert torch.equal(ours[0], theirs[0])
    assert 0.02 < ours[0].mean() < 0.95
    for found, expected in zip(ours[1], theirs[1], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    with kernels.reference():
        assert torch.equal(network(images), ours[0])


class Spiking(nn.Module):
    """Neurons, then a pooling that is called as a function."""

    def __init__(self, pool):
        super().__init__()
        self.pool = pool
        self.conv1, self.lif1 = nn.Conv2d(1, 6, 5), snntorch.Leaky(beta=0.5)
        self.conv2, self.lif2 = nn.Conv2d(6, 4, 3), snntorch.Leaky(beta=0.5)

    def forward(self, x):
        one, two = self.lif1.init_leaky(), self.lif2.init_leaky()
        record = []
        for now in x:
            spikes, one = self.lif1(self.conv1(now), one)
            spikes, two = self.lif2(self.conv2(self.pool(spikes)), two)
            record.append(spikes)
        return torch.stack(record)


@pytest.mark.parametrize("name", POOLS)
def test_a_pooling_function_is_part_of_the_block_where_it_fits(name):
    torch.manual_seed(0)
    pool, fits = POOLS[name]
    model, frames = Spiking(pool), (torch.rand(6, 4, 1, 16, 16) < 0.3).float()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3.0 if weight.dim() > 1 else 1.0)
    network = convert(model, frames).train()
    assert [step.how for step in network.steps] == ["block", *([] if fits else ["function"]), "block"]
    ours, theirs = gradients(network, frames), gradients(model, frames)
    assert torch.equal(ours[0], theirs[0])
    assert 0.02 < ours[0].mean() < 0.95
    for found, expected in zip(ours[1], theirs[1], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_pooling_may_give_places_that_nobody_reads():
    model = Spiking(lambda spikes: F.max_pool2d(spikes, 2))
    frames = (torch.rand(6, 4, 1, 16, 16) < 0.3).float()
    expected = model(frames)
    model.places = nn.MaxPool2d(2, return_indices=True)
    model.pool = lambda spikes: model.places(spikes)[0]
    assert torch.equal(convert(model, frames)(frames), expected)


@pytest.mark.skipif(library.backend() != "c", reason="the C kernels do not run here")
@pytest.mark.parametrize("name", ["max", "overlapping", "padded"])
def test_neurons_on_one_image_are_pooled_where_they_fire(name):
    """Their convolution runs once, without time; so no block takes them in."""
    torch.manual_seed(0)
    pool, fits = POOLS[name][0], POOLS[name][1]
    model, images = Spiking(pool), torch.rand(4, 1, 16, 16)
    model.forward = lambda x: Spiking.forward(model, [x] * 6)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3.0 if weight.dim() > 1 else 1.0)
    network = convert(model, images, layout="static").train()
    ran = [chain.run(network.parts, torch.rand(2, 2, 6, 12, 12)) for chain in network._chains.values()]
    assert [each is not None for each in ran] == [fits]
    ours, theirs = gradients(network, images), gradients(model, images)
    assert torch.equal(ours[0], theirs[0])
    assert 0.02 < ours[0].mean() < 0.95
    for found, expected in zip(ours[1], theirs[1], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    with kernels.reference():
        assert torch.equal(network(images), ours[0])
