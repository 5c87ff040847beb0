"""Networks that cannot become ours: each is refused by name, with what to do."""

import pytest
import torch
from torch import nn

import spareto
from conventions import peer
from spareto.converting import convert
from spareto.core.errors import ConfigError

T, B = 7, 5
LEAKY = {"beta": 0.9, "init_hidden": True}


class Loop(nn.Module):
    """snnTorch neurons that keep their states, in a loop of its own."""

    def __init__(self):
        super().__init__()
        snn = peer("snntorch")
        torch.manual_seed(0)
        self.a, self.n = nn.Linear(12, 6), snn.Leaky(**LEAKY)
        self.b, self.m, self.back = nn.Linear(6, 6), snn.Leaky(**LEAKY), nn.Linear(6, 6)
        self.norms = nn.ModuleList(nn.BatchNorm1d(6) for _ in range(T))
        self.gru = nn.GRU(12, 12)

    def forward(self, x):
        peer("snntorch.utils").reset(self)
        return torch.stack(self.steps(x))


class FeedbackOverTwoLayers(Loop):
    def steps(self, x):
        last, out = torch.zeros(x.shape[1], 6), []
        for now in x:
            last = self.m(self.b(self.n(self.a(now) + self.back(last))))
            out.append(last)
        return out


class ANormEachTimestep(Loop):
    def steps(self, x):
        return [self.n(self.norms[t](self.a(now))) for t, now in enumerate(x)]


class Gated(Loop):
    def steps(self, x):
        return [self.n(self.a(now)) for now in self.gru(x)[0]]


class DrawnAtRandom(Loop):
    def steps(self, x):
        return [self.n(self.a((torch.rand_like(now) < now).float())) for now in x]


class WithNoise(Loop):
    def steps(self, x):
        return [self.n(self.a(now) + torch.randn(6)) for now in x]


class SignsOfWeights(Loop):
    def steps(self, x):
        return [self.n(nn.functional.linear(now, self.a.weight.sign(), self.a.bias)) for now in x]


class ByHand(Loop):
    def steps(self, x):
        v, out = torch.zeros(x.shape[1], 6), []
        for now in x:
            v = 0.9 * v + self.a(now)
            spikes = (v > 1).float()
            v = v - spikes
            out.append(spikes)
        return out


CASES = {
    FeedbackOverTwoLayers: "'n': got spikes that come back|'m': got spikes that come back",
    ANormEachTimestep: "'n': got other layers in front from timestep 2 on, in 'norms.2'",
    WithNoise: "'n': got another number or tensor in the operator add in front from timestep 2 on",
    SignsOfWeights: "'n': got a weight that is computed anew in front from timestep 2 on, in 'network",
    Gated: "'gru': got the operator",
    DrawnAtRandom: "got the operator rand_like",
    ByHand: "network: got no neurons; expected neurons of a known framework",
}


@pytest.mark.parametrize("kind", CASES)
def test_it_is_refused_by_name(kind):
    generator = torch.Generator().manual_seed(1)
    frames = torch.rand(T, B, 12, generator=generator) * 3
    with pytest.raises(ConfigError, match=CASES[kind]) as caught:
        convert(kind(), frames, time="time-batch")
    for problem in caught.value.problems:
        assert problem.cure.endswith(".")


def test_a_network_of_ours_is_ours():
    network = spareto.networks.registry.make("dense", sensor=(1, 1, 12), classes=3)
    with pytest.raises(ConfigError, match="It is of Spareto's layers already"):
        convert(network, torch.rand(T, B, 1, 1, 12))


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_another_precision_says_how_to_leave_it(kind):
    model = Loop().to(kind)
    with pytest.raises(
        ConfigError, match=rf"'a\.weight': got numbers of {kind}; .* Convert model\.float\(\)"
    ):
        convert(model, torch.rand(T, B, 12, dtype=kind))
