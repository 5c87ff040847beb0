"""Neurons of every spelling: known, by name, by what they do, written by hand; and what is said of each."""

import numpy as np
import pytest
import torch
from torch import nn

from profiling import comparing
from profiling.book import Site
from profiling.noting import Noting, found, linear, spikes, written
from profiling.ways import Spike
from spareto.core.errors import ConfigError

T, N = 4, 5


class Straight(torch.autograd.Function):
    """A step with a surrogate gradient, by `torch.heaviside`."""

    @staticmethod
    def forward(ctx, x):
        return torch.heaviside(x, torch.zeros(()))

    @staticmethod
    def backward(ctx, gradient):
        return gradient


STEPS = {
    "comparison": lambda m: (m > 0.5).float(),
    "comparison, type of": lambda m: (m >= 0.5).type_as(m),
    "greater": lambda m: torch.gt(m, 0.5) * 1.0,
    "heaviside": lambda m: torch.heaviside(m - 0.5, torch.tensor(0.0)),
    "where": lambda m: torch.where(m > 0.5, 1.0, 0.0),
    "where, tensors": lambda m: torch.where(m > 0.5, torch.ones_like(m), torch.zeros_like(m)),
    "autograd function": lambda m: Spike.apply(m - 0.5),
    "autograd function, heaviside": lambda m: Straight.apply(m - 0.5),
    "sign": lambda m: (torch.sign(m - 0.5) + 1) / 2,
    "clamped floor": lambda m: torch.floor(m * 2).clamp(0, 1),
    "written into zeros": lambda m: torch.zeros_like(m).masked_fill_(m > 0.5, 1.0),
    "assigned": lambda m: _assigned(m),
    "long": lambda m: (m > 0.5).long().float(),
}


def _assigned(m):
    spikes = torch.zeros_like(m)
    spikes[m > 0.5] = 1.0
    return spikes


class Written(Noting):
    """Two layers, with neurons written out in `forward`."""

    def __init__(self, step, reset="subtract", state="local"):
        super().__init__()
        self.spike, self.reset, self.state = STEPS[step], reset, state
        self.fc1, self.fc2 = linear(6, 5), linear(5, 3)

    def fire(self, membranes, name, current):
        m = membranes.get(name)
        m = torch.zeros_like(current) if m is None else m
        if self.state == "in place":
            m.mul_(0.9).add_(current)
        else:
            m = 0.9 * m + current
        s = self.spike(m)
        if self.reset == "subtract":
            m = m - 0.5 * s
        elif self.reset == "zero":
            m = m * (1 - s)
        elif self.reset == "where":
            m = torch.where(s > 0, torch.zeros_like(m), m)
        membranes[name] = m
        return self.note(f"{name}.out", s)

    def forward(self, x):
        membranes, outputs = {}, []
        for now in x:
            hidden = self.fire(membranes, "a", self.fc1(self.note("a", now)))
            outputs.append(self.fire(membranes, "b", self.fc2(self.note("b", hidden))))
        return torch.stack(outputs).mean(0)


def held_to_the_twin(net, frames):
    book = written(net, frames)
    assert 0 < book["a.out"].mean() < 1
    workload = found(net, frames, N, layout="time-first", time="time-batch")
    comparing.assert_equal(
        workload,
        [Site("fc1", net.fc1, book["a"], book["a.out"]), Site("fc2", net.fc2, book["b"], book["b.out"])],
    )
    return workload


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("reset", ["subtract", "none"])
def test_neurons_written_by_hand_are_seen_by_their_output(step, reset):
    torch.manual_seed(0)
    workload = held_to_the_twin(Written(step, reset), spikes(T, N, 6))
    for layer in workload.layers:
        assert layer.neuron.kind == "lif"
        assert "written out by hand" in layer.note


@pytest.mark.parametrize("reset", ["zero", "where"])
@pytest.mark.parametrize("state", ["local", "in place"])
def test_states_and_resets_written_by_hand(reset, state):
    torch.manual_seed(1)
    held_to_the_twin(Written("comparison", reset, state), spikes(T, N, 6))


def test_neurons_by_name_of_their_layer():
    torch.manual_seed(2)
    net, frames = Written("comparison"), spikes(T, N, 6)
    workload = found(
        net, frames, N, time="time-batch", layout="time-first", neurons={"fc1": "iaf", "fc2": "alif"}
    )
    assert [layer.neuron.kind for layer in workload.layers] == ["iaf", "alif"]
    with pytest.raises(ConfigError, match=r"neurons\['fc3'\]"):
        found(net, frames, N, time="time-batch", layout="time-first", neurons={"fc3": "iaf"})


class Odd(nn.Module):
    """Neurons of an own class that keep no state and do not emit only 0 and 1."""

    def forward(self, x):
        return torch.relu(x - 0.3)


@pytest.mark.parametrize("named", [False, True])
def test_values_are_no_spikes_unless_their_module_is_named(named):
    class Net(Noting):
        def __init__(self):
            super().__init__()
            self.fc, self.act, self.out = linear(6, 5), Odd(), linear(5, 3)

        def forward(self, x):
            hidden = [self.note("h", self.act(self.fc(self.note("in", now)))) for now in x]
            return torch.stack([self.out(each) for each in hidden]).mean(0)

    torch.manual_seed(3)
    net, frames = Net(), spikes(T, N, 6)
    book = written(net, frames)
    options = {"neurons": {"act": "lif"}} if named else {}
    first, last = found(net, frames, N, layout="time-first", time="time-batch", **options).layers
    assert (first.neuron is not None) == named
    if not named:
        assert "No neurons stand behind it" in first.note
    comparing.assert_layer(first, Site("fc", net.fc, book["in"], book["h"] if named else None))
    assert last.input.kind == "analog"


def test_masks_and_gates_are_no_neurons():
    """0 and 1 that come from no layer's potential: a dropout mask, a mask of tokens, a ReLU's sign."""

    class Net(Noting):
        def __init__(self):
            super().__init__()
            self.fc, self.out = linear(6, 5), linear(5, 3)

        def forward(self, x):
            mask = (torch.arange(5) % 2).float()
            return torch.stack([self.out(self.fc(now) * mask) for now in x]).mean(0)

    workload = found(Net(), spikes(T, N, 6), N, layout="time-first", time="time-batch")
    assert [layer.neuron for layer in workload.layers] == [None, None]


def test_the_second_of_two_neurons_in_a_row_is_charged_alone():
    snn = pytest.importorskip("snntorch")

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = linear(6, 5)
            self.first, self.second = snn.Leaky(beta=0.9), snn.Leaky(beta=0.9)

        def forward(self, x):
            m1, m2, outputs = self.first.init_leaky(), self.second.init_leaky(), []
            for now in x:
                s, m1 = self.first(self.fc(now), m1)
                s, m2 = self.second(s, m2)
                outputs.append(s)
            return torch.stack(outputs).mean(0)

    fed, alone = found(Net(), spikes(T, N, 6), N, layout="time-first").layers
    assert (fed.name, fed.neuron.count, alone.name, alone.kind) == ("fc", 5, "second", "neurons")
    assert alone.input.nonzero_per_timestep == fed.output.nonzero_per_timestep
    assert (alone.neuron.kind, alone.neuron.count, alone.timesteps) == ("lif", 5, T)


def test_neurons_before_any_layer_are_charged_alone():
    snn = pytest.importorskip("snntorch")

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.code, self.fc = snn.Leaky(beta=0.9), linear(6, 3)

        def forward(self, x):
            m, outputs = self.code.init_leaky(), []
            for now in x:
                s, m = self.code(now, m)
                outputs.append(self.fc(s))
            return torch.stack(outputs).mean(0)

    frames = spikes(T, N, 6)
    code, layer = found(Net(), frames, N, layout="time-first").layers
    assert (code.name, code.kind, layer.name) == ("code", "neurons", "fc")
    assert code.input.nonzero_mean == pytest.approx((frames != 0).sum() / N)
    assert code.output.nonzero_per_timestep == layer.input.nonzero_per_timestep


@pytest.mark.parametrize("way", ["one module", "two layers, one potential"])
def test_neurons_that_two_layers_share(way):
    snn = pytest.importorskip("snntorch")

    class Net(Noting):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.n = linear(6, 5), linear(6, 5), snn.Leaky(beta=0.9, threshold=0.4)

        def forward(self, x):
            ma, mb, outputs = self.n.init_leaky(), self.n.init_leaky(), []
            for now in x:
                self.note("in", now)
                if way == "one module":
                    a, ma = self.n(self.a(now), ma)
                    b, mb = self.n(self.b(now), mb)
                    self.note("a", a)
                    outputs.append(self.note("b", b) + a)
                else:
                    s, ma = self.n(self.a(now) + self.b(now), ma)
                    outputs.append(self.note("b", s))
            return torch.stack(outputs).mean(0)

    torch.manual_seed(4)
    net, frames = Net(), spikes(T, N, 6)
    book = written(net, frames)
    workload = found(net, frames, N, layout="time-first", time="time-batch")
    first = book["a"] if way == "one module" else None
    comparing.assert_equal(
        workload, [Site("a", net.a, book["in"], first), Site("b", net.b, book["in"], book["b"])]
    )


class OwnLIF(nn.Module):
    """A stateful neuron of a user's own class, without a framework."""

    def __init__(self):
        super().__init__()
        self.m = None

    def reset(self):
        self.m = None

    def forward(self, x):
        self.m = (0 if self.m is None else 0.9 * self.m) + x
        s = (self.m > 0.5).float()
        self.m = self.m - 0.5 * s
        return s


@pytest.mark.parametrize("named", [False, True])
def test_a_users_own_stateful_class(named):
    class Net(Noting):
        def __init__(self):
            super().__init__()
            self.fc1, self.a, self.fc2, self.b = linear(6, 5), OwnLIF(), linear(5, 3), OwnLIF()

        def forward(self, x):
            self.a.reset()
            self.b.reset()
            outputs = []
            for now in x:
                h = self.note("a.out", self.a(self.fc1(self.note("a", now))))
                outputs.append(self.note("b.out", self.b(self.fc2(self.note("b", h)))))
            return torch.stack(outputs).mean(0)

    torch.manual_seed(5)
    net, frames = Net(), spikes(T, N, 6)
    book = written(net, frames)
    options = {"neurons": {"a": "plif", "b": "plif"}} if named else {}
    workload = found(net, frames, N, layout="time-first", time="time-batch", **options)
    comparing.assert_equal(
        workload,
        [Site("fc1", net.fc1, book["a"], book["a.out"]), Site("fc2", net.fc2, book["b"], book["b.out"])],
    )
    assert {layer.neuron.kind for layer in workload.layers} == {"plif" if named else "lif"}
    for size in (1, 2):
        assert (
            found(net, frames, N, layout="time-first", time="time-batch", batch_size=size, **options)
            == workload
        )


def test_states_kept_between_calls_without_a_reset_are_refused():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.n = linear(6, 3), OwnLIF()

        def forward(self, x):
            return torch.stack([self.n(self.fc(now)) for now in x]).mean(0)

    with pytest.raises(ConfigError, match="reset"):
        found(Net(), spikes(T, N, 6), N, layout="time-first", time="time-batch")
    workload = found(Net(), spikes(T, N, 6), N, layout="time-first", time="time-batch", reset="reset")
    assert workload.layers[0].neuron is not None


def test_a_product_inside_of_a_users_neuron_is_counted():
    snn = pytest.importorskip("snntorch")

    class Gated(snn.Leaky):
        """A neuron with a layer of its own before its potential."""

        def __init__(self):
            super().__init__(beta=0.9, threshold=0.4)
            self.gate = linear(5, 5)

        def forward(self, x, mem=None):
            return super().forward(self.gate(x), mem)

    class Net(Noting):
        def __init__(self):
            super().__init__()
            self.fc, self.n = linear(6, 5), Gated()

        def forward(self, x):
            m, outputs = self.n.init_leaky(), []
            for now in x:
                s, m = self.n(self.note("gate", self.fc(self.note("in", now))), m)
                outputs.append(self.note("out", s))
            return torch.stack(outputs).mean(0)

    torch.manual_seed(6)
    net, frames = Net(), spikes(T, N, 6)
    book = written(net, frames)
    workload = found(net, frames, N, layout="time-first", time="time-batch")
    layers = {layer.name: layer for layer in workload.layers}
    assert set(layers) == {"fc", "n.gate"}
    assert layers["n.gate"].effectual_synops_mean > 0
    assert sum(layer.neuron is not None for layer in workload.layers) == 1
    assert np.isclose(layers["fc"].input.nonzero_mean, (book["in"] != 0).sum() / N)
