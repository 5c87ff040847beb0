"""Invariants on random networks: layers, planes, time and batches drawn by Hypothesis, held to the twin."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from profiling import comparing
from profiling.book import Site
from profiling.noting import Fire, Noting, found, spikes, written


@st.composite
def convolutions(draw, channels):
    axes = draw(st.sampled_from([1, 2]))
    groups = draw(st.sampled_from([group for group in (1, 2) if channels % group == 0]))
    kernel = tuple(draw(st.lists(st.integers(1, 3), min_size=axes, max_size=axes)))
    return {
        "axes": axes,
        "out_channels": groups * draw(st.integers(1, 3)),
        "kernel_size": kernel,
        "stride": draw(st.integers(1, 2)),
        "padding": draw(st.integers(0, 1)),
        "dilation": draw(st.integers(1, 2)),
        "groups": groups,
        "bias": draw(st.booleans()),
        "transposed": draw(st.booleans()),
    }


@st.composite
def networks(draw):
    channels = draw(st.integers(1, 4))
    options = draw(convolutions(channels))
    side = draw(st.integers(5, 6))
    return {
        "time": draw(st.integers(1, 4)),
        "samples": draw(st.integers(1, 5)),
        "channels": channels,
        "side": side,
        "conv": options,
        "form": draw(st.sampled_from(["loop", "T*B", "B*T"])),
        "classes": draw(st.integers(2, 4)),
        "density": draw(st.sampled_from([0.05, 0.3, 1.0])),
        "live": draw(st.sampled_from([0.0, 0.3, 1.0])),
        "seed": draw(st.integers(0, 99)),
    }


class Random(Noting):
    """A convolution, its neurons and a dense layer behind them."""

    def __init__(self, drawn):
        super().__init__()
        options = dict(drawn["conv"])
        axes, transposed = options.pop("axes"), options.pop("transposed")
        kind = getattr(nn, f"Conv{'Transpose' if transposed else ''}{axes}d")
        self.form, self.conv, self.fire = drawn["form"], kind(drawn["channels"], **options), Fire()
        with torch.no_grad():
            shape = self.conv(torch.zeros(1, drawn["channels"], *[drawn["side"]] * axes)).shape[1:]
        self.fc = nn.Linear(shape.numel(), drawn["classes"], bias=False)
        with torch.no_grad():
            for layer in (self.conv, self.fc):
                alive = torch.rand(layer.weight.shape) < drawn["live"]
                layer.weight.copy_(torch.randn(layer.weight.shape) * alive)

    def forward(self, x):
        if self.form == "loop":
            return torch.stack([self.after(self.note("out", self.one(now))) for now in x]).mean(0)
        samples = x.shape[1]
        turned = x if self.form == "T*B" else x.transpose(0, 1)
        flat = self.one(turned.flatten(0, 1), self.form, samples)
        y = self.after(self.note("out", flat, self.form, samples), self.form, samples)
        y = y.unflatten(0, turned.shape[:2])
        return y.mean(0 if self.form == "T*B" else 1)

    def one(self, x, form="step", samples=0):
        return self.fire(self.conv(self.note("in", x, form, samples)))

    def after(self, x, form="step", samples=0):
        y = self.fire(self.fc(self.note("fc", x.flatten(1), form, samples)))
        return self.note("fc.out", y, form, samples)


@settings(max_examples=20)
@given(networks())
def test_counts_equal_the_twin_in_any_batch(drawn):
    torch.manual_seed(drawn["seed"])
    net = Random(drawn).eval()
    shape = (drawn["channels"], *[drawn["side"]] * drawn["conv"]["axes"])
    frames = spikes(drawn["time"], drawn["samples"], *shape, seed=drawn["seed"], density=drawn["density"])
    book = written(net, frames)
    options = {"layout": "time-first", "time": "time-batch"}
    workload = found(net, frames, drawn["samples"], **options)
    comparing.assert_equal(
        workload,
        [Site("conv", net.conv, book["in"], book["out"]), Site("fc", net.fc, book["fc"], book["fc.out"])],
    )
    for layer in workload.layers:
        assert layer.effectual_synops_mean <= layer.reached_synops_mean <= layer.dense_synops
        assert np.isclose(sum(layer.input.nonzero_per_timestep), layer.input.nonzero_mean, rtol=1e-12)
    assert found(net, frames, drawn["samples"], batch_size=1, **options) == workload
    assert found(net, frames, drawn["samples"], batch_size=2, **options) == workload
