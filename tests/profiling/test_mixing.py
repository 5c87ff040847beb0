"""Layers along time: they run once an inference, and the neurons behind them are charged alone."""

import numpy as np
import pytest
import torch
from torch import nn

from profiling import comparing, twin
from profiling.book import Site
from profiling.noting import Fire, Noting, found, linear, spikes, written
from spareto.core.errors import ConfigError
from spareto.profiling.charging import MIXES

T, N, CHANNELS = 4, 5, 3


class AlongTime(Noting):
    """A convolution along time between two layers; its neurons are a module of their own."""

    def __init__(self, kind):
        super().__init__()
        self.kind, self.fire, self.spike = kind, Fire(), Fire()
        self.fc = linear(6, 3)
        axes = {"conv2d": 2, "conv3d": 3}.get(kind, 1)
        layer = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1]
        self.mix = layer(CHANNELS, 3, (3,) * axes, padding=(1,) * axes, bias=kind == "bias")
        if kind == "causal":
            self.mix.padding = (0,)

    def forward(self, x):
        """`(T, B, C)`, of convolutions of planes `(T, B, C, ...)`."""
        hidden = x.movedim(0, 2)  # (B, C, T, ...)
        self.note("mix", nn.functional.pad(hidden, (2, 0)) if self.kind == "causal" else hidden)
        current = self.mix(nn.functional.pad(hidden, (2, 0)) if self.kind == "causal" else hidden)
        current = self.note("current", current.movedim(2, 0), "TB")
        emitted = self.note("out", self._fired(current), "TB")
        if emitted.dim() > 3:
            emitted = emitted.flatten(3).sum(3)
        return self.spike(
            self.fc(self.note("fc", torch.cat([emitted, emitted], 2).gt(0).float(), "TB"))
        ).mean(0)

    def _fired(self, current):
        if self.kind == "looped neurons":
            return torch.stack([self.fire(now) for now in current])
        return self.fire(current)


def _frames(kind):
    return spikes(T, N, CHANNELS, *{"conv2d": (5,), "conv3d": (4, 5)}.get(kind, ()), seed=8)


@pytest.mark.parametrize("kind", ["plain", "bias", "causal", "looped neurons", "conv2d", "conv3d"])
def test_a_convolution_along_time_runs_once(kind):
    torch.manual_seed(8)
    net, frames = AlongTime(kind), _frames(kind)
    book = written(net, frames)
    options = {"layout": "time-first", "time": "time-batch", "neurons": {"fire": "iaf", "spike": "lif"}}
    workload = found(net, frames, N, **options)
    layers = {layer.name: layer for layer in workload.layers}
    mix, alone = layers["mix"], layers["fire"]
    counted = twin.count(comparing.weights_of(Site("mix", net.mix, book["mix"])), book["mix"])
    assert (mix.timesteps, mix.neuron) == (1, None)
    assert MIXES in mix.note
    assert (mix.effectual_synops_mean, mix.effectual_synops_max) == comparing._both(counted.effectual)
    assert mix.dense_synops == int(np.prod(counted.outputs_shape)) * net.mix.weight[0].numel()
    arriving = (book["current"] != 0).reshape(T, N, -1).sum((0, 2))
    assert (alone.timesteps, alone.neuron.kind) == (T, "iaf")
    assert alone.neuron.count == int(np.prod(book["out"].shape[2:]))
    assert (alone.touched_updates_mean, alone.touched_updates_max) == comparing._both(arriving)
    assert alone.output.nonzero_per_timestep == tuple((book["out"] != 0).reshape(T, N, -1).sum(2).mean(1))
    for size in (1, 2):
        assert found(net, frames, N, batch_size=size, **options) == workload


def test_neurons_by_hand_behind_a_layer_along_time_are_asked_for():
    torch.manual_seed(9)
    with pytest.raises(ConfigError, match="no layer that feeds them timestep by timestep"):
        found(AlongTime("plain"), _frames("plain"), N, layout="time-first", time="time-batch")


class Held(nn.Module):
    """A still image: the convolution runs once, and its neurons take the pooled result in four timesteps."""

    def __init__(self, size):
        super().__init__()
        self.conv, self.pool = nn.Conv2d(1, 3, 3, padding=1, bias=False), nn.MaxPool2d(2)
        self.fire, self.fc = Fire(), linear(3 * (size // 2) ** 2, 3)

    def forward(self, x):
        current = self.pool(self.conv(x))
        return torch.stack([self.fire(self.fc(self.fire(current).flatten(1))) for _ in range(T)]).mean(0)


@pytest.mark.parametrize("size", [4, 6])
def test_a_pooled_current_that_is_held_is_none(size):
    torch.manual_seed(10)
    images = np.random.default_rng(10).random((N, 1, size, size)).astype(np.float32)
    conv = found(Held(size), images, N).layers[0]
    assert (conv.timesteps, conv.neuron.count) == (T, 3 * (size // 2) ** 2)
    assert "It runs once, and its neurons take the result in 4 timesteps." in conv.note
