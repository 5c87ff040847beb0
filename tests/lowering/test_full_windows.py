"""Sums of 16 bits where a timestep's windows are proven to fit, of 32 where they are not: the same bits."""

import numpy as np
import pytest

from spareto.integer import IntegerLayer, IntegerNetwork, IntegerNeuron, Reference, Synapses
from spareto.runtime import Engine, kernels
from spareto.runtime.plans import few_spikes
from spareto.runtime.rows import INT8, WOVEN


def layered(weights, bits=8, stride=(1, 1), dilation=(1, 1), shift=4):
    neuron = IntegerNeuron(
        16, 0, shift, 30_000, (1 << shift) - 3, 4000 << shift, keep=True, drop_threshold=True
    )
    synapses = Synapses(weights.astype(np.int32), bits, stride=stride, padding=(1, 1), dilation=dilation)
    ones = np.ones(len(weights), np.int64)
    return IntegerLayer("layer", -1, synapses, ones, 0 * ones, neuron)


def network(layer, channels, side=9):
    return IntegerNetwork((channels, side, side), len(layer.multiplier), (layer,), 1, 1.0, None, {})


def densities(channels, side, seed=0):
    """Timesteps from silence to spikes everywhere, and one whose windows just fit, and just do not."""
    rng = np.random.default_rng(seed)
    shares = (0.0, 0.02, 0.1, 0.3, 0.5, 0.8, 1.0, 0.05)
    return np.stack([rng.random((channels, side, side)) < share for share in shares]).astype(np.uint8)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("geometry", [{}, {"stride": (2, 3)}, {"dilation": (2, 2)}])
@pytest.mark.parametrize("kept", ["random", "largest"])
def test_all_densities_give_the_reference_spikes(bits, geometry, kept):
    rng, most = np.random.default_rng(bits), (1 << (bits - 1)) - 1
    channels = 70 if bits == 8 else 64 * 70
    weights = rng.integers(-most, most + 1, (5, channels, 3, 3)) if kept == "random" else most
    lowered = network(layered(np.broadcast_to(weights, (5, channels, 3, 3)), bits, **geometry), channels)
    engine, frames = Engine(lowered), densities(channels, 9)
    expected = Reference(lowered).run(frames[:, None])[0][:, 0]
    session = engine.session()
    assert np.array_equal(session.outputs(frames)[0], expected)
    session.reset()
    again = [session.outputs(frame[None])[0][0] for frame in frames]
    assert np.array_equal(again, expected)


def test_a_window_of_one_spike_too_many_takes_wide_sums():
    weights = np.full((2, 100, 3, 3), 127)
    weights[1] = -128
    lowered = network(layered(weights), 100)
    plan = Engine(lowered).plans[0].struct
    assert (plan.few, plan.narrow) == (
        255,
        0,
    )  # 256 times -128 is the last that fits, one less of the negated
    for spikes in (254, 255, 256, 257, 258, 259, 260, 900):
        frames = np.zeros((1, 100, 9, 9), np.uint8)
        frames[0, :, 3:6, 3:6] = (np.arange(900) < spikes).reshape(100, 3, 3)
        found = Engine(lowered).session().outputs(frames)[0]
        assert np.array_equal(found, Reference(lowered).run(frames[:, None])[0][:, 0])


def test_few_spikes_are_the_largest_weights():
    weights = np.array([[100, 90, -3, 7] * 200, [-90, 10, 1, 0] * 200])
    assert few_spikes(weights) == 200 + (32767 - 20_000) // 90
    assert few_spikes(np.ones((3, 40))) == 40


WOVEN_SIZES = [(64, 64), (65, 128), (100, 32), (128, 192), (64, 200), (200, 600), (63, 128)]
"""Channels of the input, and outputs."""


def check_woven(channels, outputs, largest):
    """Rows of bytes, two at a time where they are whole vectors: every weight, any number of spikes."""
    rng = np.random.default_rng(outputs)
    weights = rng.integers(-128, 128, (outputs, channels, 3, 3)) if largest is None else largest
    lowered = network(layered(np.broadcast_to(weights, (outputs, channels, 3, 3))), channels)
    engine, frames = Engine(lowered), densities(channels, 9)
    whole = -(-outputs // 32) * 32 % kernels.vector_bytes() == 0
    assert engine.plans[0].rows.kind == (WOVEN if channels in range(64, 256) and whole else INT8)
    assert engine.plans[0].rows.content.ctypes.data % 64 == 0
    expected = Reference(lowered).run(frames[:, None])[0][:, 0]
    session = engine.session(threads=2)
    assert np.array_equal(session.outputs(frames)[0], expected)
    session.reset()
    assert np.array_equal([session.outputs(frame[None])[0][0] for frame in frames], expected)


@pytest.mark.parametrize(("channels", "outputs"), WOVEN_SIZES)
@pytest.mark.parametrize("largest", [None, 127, -128])
def test_rows_of_bytes_two_at_a_time(channels, outputs, largest):
    check_woven(channels, outputs, largest)


def test_many_rows_of_bytes_that_no_short_holds():
    check_woven(260, 64, 127)
