"""The Verilog equals the golden model to the bit, and the cycle model to the cycle."""

from random import Random

import pytest

from fpga.random_circuits import conv_circuit, dense_circuit, frames_for


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


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 166))
def test_random_circuits_over_a_thousand_timesteps(simulated, seed):
    circuit, pick = drawn(seed)
    found = simulated(circuit, frames_for(pick, circuit, 500, 2))
    assert found.timesteps == 1000
