"""Ten million timesteps: nothing leaks, and the state is the reference's."""

import resource

import numpy as np
import pytest
import torch
from torch import nn

from spareto.compression import compress
from spareto.integer import Reference
from spareto.layers.spiking_dense import SpikingDense
from spareto.lowering import lower
from spareto.neurons import registry
from spareto.recipes import quantize
from spareto.runtime import Engine

TIMESTEPS, CHUNK = 10_000_000, 50_000


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.slow
def test_ten_million_timesteps():
    torch.manual_seed(0)
    layer = SpikingDense(nn.Linear(8, 6), registry.make("lif", beta=0.9, reset="subtract"))
    network = lower(
        compress(nn.Sequential(layer), quantize(bits=4)).eval(), sensor=(8, 1, 1), classes=3
    ).network
    session, slow = Engine(network).session(), Reference(network)
    rng, before = np.random.default_rng(0), 0
    for _ in range(TIMESTEPS // CHUNK):
        frames = (rng.random((CHUNK, 8, 1, 1)) < 0.2).astype(np.uint8)
        session.push_frames(frames)
        slow.run(frames[:, None])
        before = before or peak()
    assert session.decision.timesteps == TIMESTEPS
    assert peak() - before < 20_000  # KiB
    assert np.array_equal(session.states[0]["v"][0, 0, :6], slow.states[0]["v"][0, :, 0, 0])
