"""Layers that no call reaches, weights that are read without one, and data without a sample."""

import numpy as np
import pytest
from torch import nn

import tiny
from spareto.core.errors import ConfigError, DataError
from spareto.neurons.lif import LIF
from spareto.profiling import profile

T, SAMPLES = 3, 4


def workload(network, frames, **options):
    return profile(network, frames, np.zeros(frames.shape[1], np.int64), **options).workload


def events():
    return (np.random.default_rng(0).random((T, SAMPLES, 4, 5, 6)) < 0.3).astype(np.uint8)


def test_layers_that_did_not_run_are_refused_and_borrowed_weights_are_counted():
    class Sly(nn.Module):
        def __init__(self, spare):
            super().__init__()
            self.seen, self.borrowed = nn.Linear(120, 2), nn.Linear(2, 2)
            if spare:
                self.unseen, self.lif = nn.Linear(2, 2), LIF()

        def forward(self, frames):
            current = self.borrowed.weight @ self.seen(frames.flatten(2)).sum(0).T
            return current.T

    rule = "got no call; expected a module that the network calls. Call it, or remove it."
    with pytest.raises(ConfigError) as error:
        workload(Sly(spare=True), events(), time="time-batch")
    assert str(error.value).splitlines() == [f"layer 'unseen': {rule}", f"layer 'lif': {rule}"]
    record = workload(Sly(spare=False), events(), time="time-batch")
    assert [(layer.name, layer.timesteps) for layer in record.layers] == [("seen", T), ("borrowed", 1)]
    assert [(layer.name, layer.kind) for layer in record.free] == [("borrowed.bias", "parameter")]


def test_no_samples_are_refused():
    with pytest.raises(DataError, match="labels: got no sample; expected at least one"):
        workload(tiny.network(), np.zeros((3, 0, *tiny.SENSOR), np.uint8))
