"""Frames without a time axis: what is computed once, and what again in every timestep."""

import numpy as np
import pytest
import torch
from torch import nn

from profiling import comparing
from profiling.book import Site
from profiling.noting import Fire, Noting, linear, spikes, written
from profiling.ways import Spike
from spareto.core.errors import ConfigError
from spareto.profiling import profile


def test_static_images_run_as_long_as_the_network_says():
    class Static(Noting):
        def __init__(self):
            super().__init__()
            self.fc, self.out = linear(6, 5), linear(5, 3)

        def forward(self, x):
            membrane, total = torch.zeros(len(x), 5), 0
            current = self.fc(self.note("in", x))
            for _ in range(7):
                membrane = 0.9 * membrane + current
                hidden = self.note("out", Spike.apply(membrane - 1))
                membrane = membrane - hidden
                total = total + self.out(self.note("out.in", hidden))
            return total

    torch.manual_seed(7)
    net, frames = Static(), np.random.default_rng(7).random((5, 6)).astype(np.float32)
    book = written(net, frames)
    workload = profile(net, frames, np.zeros(5, int), layout="static").workload
    assert workload.timesteps == 7
    layers = {layer.name: layer for layer in workload.layers}
    comparing.assert_layer(layers["out"], Site("out", net.out, book["out.in"]))
    once = np.concatenate([book["in"], np.zeros((6, *book["in"].shape[1:]))])
    comparing.assert_layer(layers["fc"], Site("fc", net.fc, once, book["out"], held=7))
    assert layers["fc"].note.startswith("It runs once, and its neurons take the result in 7 timesteps.")


@pytest.mark.parametrize("once", [True, False])
def test_a_constant_current_touches_its_neurons_in_every_timestep(once):
    """Whether a layer is computed once or again in every timestep: its neurons receive the same."""

    class Direct(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.fire = nn.Linear(6, 5, bias=False), Fire()
            self.calls = 0

        def forward(self, x):
            current = self.fc(x) if once else None
            return sum(self.fire(self.fc(x) if current is None else current) for _ in range(4))

    torch.manual_seed(7)
    net, frames = Direct(), spikes(5, 6, seed=7)
    (layer,) = profile(net, frames, layout="static", neurons={"fire": "lif"}).workload.layers
    touched = ((frames != 0).astype(float) @ (net.fc.weight.detach().numpy() != 0).T > 0).sum(1)
    assert layer.touched_updates_mean == pytest.approx(4 * touched.mean())
    assert layer.touched_updates_max == 4 * touched.max()


def test_calls_that_neurons_take_in_turn_are_no_timesteps_if_there_is_one_too_many():
    class Extra(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.fire = nn.Linear(6, 5), Fire()

        def forward(self, x):
            self.fc(x)
            return sum(self.fire(self.fc(x)) for _ in range(4))

    with pytest.raises(ConfigError, match=r"layer 'fc'.*expected calls that follow the timesteps"):
        profile(Extra(), spikes(5, 6), layout="static", neurons={"fire": "lif"})
