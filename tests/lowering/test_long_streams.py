"""Ten million timesteps: nothing leaks, and the state is the reference's.

The reference would take long for one stream. So it takes every piece of it at once, each from the state that
the engine had there, and must end each in the state from which the engine went on.
"""

import resource
from itertools import pairwise

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

TIMESTEPS, PIECES, INPUTS = 10_000_000, 400, 8
TOGETHER = 500  # timesteps that the reference takes in


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def drawn(sources, timesteps):
    """Frames of every piece, (timesteps, pieces, 8, 1, 1): the next that its source gives."""
    frames = np.stack([source.random((timesteps, INPUTS)) < 0.2 for source in sources], axis=1)
    return frames[..., None, None].astype(np.uint8)


def sources():
    return [np.random.default_rng(seed) for seed in range(PIECES)]


def small_network():
    """Two neurons' kinds: one that stores its potential alone, one with a current, too."""
    torch.manual_seed(0)
    first = SpikingDense(nn.Linear(INPUTS, 12), registry.make("lif", beta=0.9, reset="subtract"))
    second = SpikingDense(nn.Linear(12, 6), registry.make("synaptic", alpha=0.5, beta=0.8))
    for layer in (first, second):
        layer.linear.weight.data = 6 * layer.linear.weight.data.abs()  # so that they fire
    small = compress(nn.Sequential(first, second), quantize(bits=4)).eval()
    return lower(small, sensor=(INPUTS, 1, 1), classes=3).network


@pytest.mark.slow
def test_ten_million_timesteps():
    network = small_network()
    session, before = Engine(network).session(), 0
    found = [stored(session)]
    for source in sources():
        session.push_frames(drawn([source], TIMESTEPS // PIECES)[:, 0])
        found.append(stored(session))
        before = before or peak()
    assert session.decision.timesteps == TIMESTEPS
    assert peak() - before < 20_000  # KiB

    slow, votes, each = Reference(network), 0, sources()
    begin(slow, found[:-1])
    for _ in range(TIMESTEPS // PIECES // TOGETHER):
        votes = votes + slow.counts(drawn(each, TOGETHER)).sum(0)
    assert session.decision.votes == tuple(votes.tolist())
    assert votes.min() > 1_000_000
    for number, states in slow.states.items():
        for name in session.states[number]:
            ends = np.stack([state[number][name] for state in found[1:]])
            assert np.array_equal(states[name].reshape(PIECES, -1), ends)
    assert any(not np.array_equal(one[0]["v"], other[0]["v"]) for one, other in pairwise(found))


def stored(session):
    """A copy of the states, without the lanes that pad them."""
    return {
        number: {
            name: state[0, 0, : session.engine.shapes[number][0]].copy() for name, state in states.items()
        }
        for number, states in session.states.items()
    }


def begin(slow, found):
    """Put the reference into the states of all pieces, one a recording."""
    slow.run(np.zeros((1, len(found), INPUTS, 1, 1), np.uint8))
    for number, states in slow.states.items():
        for name in found[0][number]:
            values = np.stack([state[number][name] for state in found])
            states[name] = values.astype(np.int64).reshape(states[name].shape)
        states["f"] = np.zeros_like(states["f"])
