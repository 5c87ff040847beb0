"""A converted network learns what the original learns: equal gradients, whatever lies between its layers."""

import runpy

import pytest
import torch
from torch import nn

import spareto

snntorch = pytest.importorskip("snntorch")
FRAMES = (torch.rand(8, 6, 24, generator=torch.Generator().manual_seed(0)) < 0.4).float()
MASK = torch.arange(16) < 8

BETWEEN = {
    "nothing": lambda network, spikes: spikes,
    "a buffer": lambda network, spikes: spikes * network.gain,
    "a mask": lambda network, spikes: spikes * MASK,
    "no gradient": lambda network, spikes: spikes.detach(),
    "two parts": lambda network, spikes: torch.cat([spikes[:, :8], spikes[:, 8:]], 1),
    "inhibition": lambda network, spikes: spikes - 0.1 * spikes.mean(1, keepdim=True),
    "relu": lambda network, spikes: torch.relu(spikes),
}
ANSWERS = {
    "spikes": lambda spikes, potentials: spikes,
    "mean": lambda spikes, potentials: spikes.mean(0),
    "maximum": lambda spikes, potentials: spikes.max(0).values,
    "shared maximum": lambda spikes, potentials: spikes.amax(0),
    "last": lambda spikes, potentials: spikes[-1],
    "potentials": lambda spikes, potentials: potentials,
    "highest potential": lambda spikes, potentials: potentials.max(0).values,
}


class Looping(nn.Module):
    """As the tutorials write it."""

    def __init__(self, between="nothing", answer="spikes"):
        super().__init__()
        torch.manual_seed(0)
        self.fc1, self.lif1 = nn.Linear(24, 16), snntorch.Leaky(beta=0.75)
        self.fc2, self.lif2 = nn.Linear(16, 5), snntorch.Leaky(beta=0.75)
        self.register_buffer("gain", torch.tensor(1.5))
        self.between, self.answer = BETWEEN[between], ANSWERS[answer]

    def forward(self, x):
        mem1, mem2, spikes, potentials = self.lif1.init_leaky(), self.lif2.init_leaky(), [], []
        for frame in x:
            spike, mem1 = self.lif1(self.fc1(frame), mem1)
            spike, mem2 = self.lif2(self.fc2(self.between(self, spike)), mem2)
            spikes.append(spike)
            potentials.append(mem2)
        return self.answer(torch.stack(spikes), torch.stack(potentials))


def gradients(network):
    answer = network(FRAMES)
    (answer * torch.linspace(-1, 1, answer.numel()).reshape(answer.shape)).sum().backward()
    return [parameter.grad for parameter in network.parameters()]


@pytest.mark.parametrize(
    "options", [{"between": name} for name in BETWEEN] + [{"answer": name} for name in ANSWERS], ids=str
)
def test_gradients_are_those_of_the_original(options):
    model = Looping(**options)
    network = spareto.convert(model, FRAMES)
    for ours, theirs in zip(gradients(network), gradients(model), strict=True):
        if theirs is None:
            assert ours is None
        else:
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("answer", ["maximum", "shared maximum", "mean", "last"])
def test_what_is_written_for_another_framework_learns_the_same(answer, tmp_path):
    network = spareto.convert(Looping("no gradient", answer), FRAMES)
    spareto.export_to(network, "snntorch", tmp_path / "there")
    there = runpy.run_path(str(tmp_path / "there" / "network.py"))["load"]()
    assert torch.equal(there(FRAMES), network(FRAMES))
    for ours, theirs in zip(gradients(network), gradients(there), strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_what_stops_a_gradient_is_nothing_to_files(tmp_path):
    network = spareto.convert(Looping("no gradient"), FRAMES)
    network.sequential()
    for name in ("network.nir", "network.safetensors"):
        options = {"dt": 1e-3, "lossy": True} if name.endswith("nir") else {}
        spareto.export_to(network, name.split(".")[1], tmp_path / name, **options)
        assert torch.equal(spareto.convert(tmp_path / name)(FRAMES), network(FRAMES))
