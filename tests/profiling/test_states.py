"""Loops that begin with a state of their own, leave timesteps out, or make constants anew."""

import numpy as np
import pytest
import torch
from torch import nn

from profiling import comparing
from profiling.book import Site
from profiling.noting import Fire, Noting, found, linear, spikes, written
from profiling.twin import Weights
from spareto.core.errors import ConfigError

T, N = 4, 5
DECLARED = {"layout": "time-first", "time": "time-batch"}


class Begins(Noting):
    """Recurrent spikes whose first values are learned, or kept as a buffer, and not zero."""

    def __init__(self, kind):
        super().__init__()
        self.kind, self.fc, self.fire = kind, linear(6, 5), Fire()
        self.back = linear(5, 5)
        first = torch.tensor([1.0, 0.0, 1.0, 0.0, 0.5])
        if kind == "buffers":  # a reservoir: its weights are no parameters
            self.weight = self.back.weight.detach().clone()
            del self.back
            self.register_buffer("reservoir", self.weight)
            self.register_buffer("first", first)
        elif kind == "a plain tensor":
            self.first = first
        else:
            self.first = nn.Parameter(first)

    def recurrent(self, spikes):
        if self.kind == "matmul":
            return spikes @ self.back.weight.T
        if self.kind == "addmm":
            return torch.addmm(torch.zeros(5), spikes, self.back.weight.T)
        return nn.functional.linear(spikes, self.reservoir if self.kind == "buffers" else self.back.weight)

    def forward(self, x):
        last, outputs = self.first.expand(x.shape[1], 5), []
        for now in x:
            current = self.fc(self.note("fc", now)) + self.recurrent(self.note("back", last))
            last = self.note("out", self.fire(current))
            outputs.append(last)
        return torch.stack(outputs).mean(0)


@pytest.mark.parametrize("kind", ["linear", "matmul", "addmm", "buffers", "a plain tensor"])
def test_a_state_that_begins_with_values_is_multiplied_too(kind):
    torch.manual_seed(4)
    net, frames = Begins(kind), spikes(T, N, 6, seed=4)
    book = written(net, frames)
    workload = found(net, frames, N, **DECLARED)
    name, weight = ("reservoir", net.reservoir) if kind == "buffers" else ("back", net.back.weight)
    back = Site(name, Weights(weight.detach().numpy()), book["back"])
    comparing.assert_equal(workload, [Site("fc", net.fc, book["fc"], book["out"]), back])
    for size in (1, 2):
        assert found(net, frames, N, batch_size=size, **DECLARED) == workload


class Late(Noting):
    """The second layer and its neurons do not run in the first timesteps."""

    def __init__(self, late):
        super().__init__()
        self.late, self.fc, self.out, self.fire = late, linear(6, 5), linear(5, 3), Fire()

    def forward(self, x):
        outputs = []
        for step, now in enumerate(x):
            hidden = self.note("hidden", self.fire(self.fc(self.note("fc", now))))
            if step >= self.late:
                spiking = self.fire(self.out(self.note("out", hidden)))
                outputs.append(self.note("spikes", spiking))
        return torch.stack(outputs).mean(0)


@pytest.mark.parametrize("late", [1, 2])
def test_layers_and_neurons_that_leave_out_the_first_timesteps(late):
    torch.manual_seed(5)
    net, frames = Late(late), spikes(T, N, 6, seed=5)
    book = written(net, frames)
    sites = [
        Site("fc", net.fc, book["fc"], book["hidden"]),
        Site("out", net.out, _after(book["out"], late), _after(book["spikes"], late)),
    ]
    comparing.assert_equal(found(net, frames, N, **DECLARED), sites)


def _after(values, late):
    return np.concatenate([np.zeros((late, *values.shape[1:])), values])


class Chunks(Noting):
    """Two timesteps a call."""

    def __init__(self):
        super().__init__()
        self.fc, self.fire = linear(6, 3), Fire()

    def forward(self, x):
        return torch.cat([self.fire(self.fc(x[at : at + 2])) for at in range(0, len(x), 2)]).mean(0)


def test_several_timesteps_a_call_are_not_taken_for_left_out_ones():
    with pytest.raises(ConfigError, match=r"layer 'fc' \(test_states.py:\d+\): got 2 calls in 4 timesteps"):
        found(Chunks(), spikes(T, N, 6, seed=6), N, **DECLARED)


class Anew(Noting):
    """A constant matrix that is made anew in every timestep."""

    def __init__(self, kind):
        super().__init__()
        self.kind, self.fc, self.fire = kind, linear(6, 5), Fire()

    def matrix(self):
        full = {"eye": torch.eye(5), "triangle": torch.ones(5, 5).tril(), "buffer": torch.full((5, 5), 0.5)}
        return full[self.kind][:, :3]

    def forward(self, x):
        outputs = []
        for now in x:
            hidden = self.note("hidden", self.fire(self.fc(self.note("fc", now))))
            outputs.append(self.note("out", self.fire(self.note("in", hidden) @ self.matrix())))
        return torch.stack(outputs).mean(0)


@pytest.mark.parametrize("kind", ["eye", "triangle", "buffer"])
def test_a_constant_that_is_made_anew_in_every_timestep_is_one_layer(kind):
    torch.manual_seed(7)
    net, frames = Anew(kind), spikes(T, N, 6, seed=7)
    book = written(net, frames)
    constant = Weights(net.matrix().T.numpy())
    sites = [
        Site("fc", net.fc, book["fc"], book["hidden"]),
        Site("constant", constant, book["in"], book["out"]),
    ]
    comparing.assert_equal(found(net, frames, N, **DECLARED), sites)
