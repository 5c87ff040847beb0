"""The Verilog equals the golden model to the bit, and the cycle model to the cycle."""

from random import Random

import numpy as np
import pytest

from fpga.random_circuits import conv_circuit, dense_circuit, frames_for
from spareto.fpga.circuit import Circuit, Neurons
from spareto.fpga.windows import dense
from spareto.integer.semantics import preset


def drawn(seed):
    pick = Random(seed)
    return (conv_circuit if seed % 3 == 0 else dense_circuit)(pick), pick


@pytest.mark.parametrize("seed", range(12))
def test_random_circuits(simulated, seed):
    circuit, pick = drawn(seed)
    simulated(circuit, frames_for(pick, circuit, 20, 2))


@pytest.mark.parametrize("seed", range(40, 46))
def test_ends_that_wait_at_random_change_no_bit(simulated, seed):
    circuit, pick = drawn(seed)
    simulated(circuit, frames_for(pick, circuit, 8, 3), stalls=seed)


@pytest.mark.parametrize(
    ("inputs", "units", "fed"),
    [
        (1, 4, False),
        (16, 2, True),
        (17, 4, False),
        (33, 1, False),
        (64, 2, True),
        (100, 4, False),
        (257, 2, False),
    ],
)
@pytest.mark.parametrize("reads", ["event", "compressed"])
def test_events_of_many_inputs(simulated, inputs, units, fed, reads):
    rng = np.random.default_rng(inputs)
    how = preset("spiker", leak_shift=2, weight_bits=3, neuron_bits=6, inhibition_bits=3)
    level = np.full(4, 9)
    stage = Neurons(
        "only", -1, how, dense(inputs), rng.integers(-3, 4, (4, inputs)), level, level, 0 * level,
        feedback=rng.integers(-3, 4, (4, 4)) if fed and reads == "event" else None, units=units, reads=reads,
    )  # fmt: skip
    shares = np.array([0, 1, 0.01, 0.1, 0.5, 1, 0, 0.02])  # silent, full and sparse timesteps
    spikes = (rng.random((8, 2, inputs)) < shares[:, None, None]).astype(np.int64)
    simulated(Circuit(inputs, 2, (stage,), {"network": "events"}), spikes)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 166))
def test_random_circuits_over_a_thousand_timesteps(simulated, seed):
    circuit, pick = drawn(seed)
    found = simulated(circuit, frames_for(pick, circuit, 500, 2))
    assert found.timesteps == 1000
