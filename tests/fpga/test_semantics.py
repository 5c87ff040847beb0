"""What a semantics may say, and what our presets mean, by hand."""

import numpy as np
import pytest

from spareto.core.errors import ConfigError, UnknownName
from spareto.fpga import Circuit, Golden
from spareto.fpga.circuit import Neurons
from spareto.fpga.windows import dense
from spareto.integer.semantics import PRESETS, Semantics, leak_shift, preset


def one_neuron(semantics, weight, threshold, reset, **more):
    ones = np.ones(1, np.int64)
    stage = Neurons(
        "n", -1, semantics, dense(1), weight * ones[:, None], threshold * ones, reset * ones, 0 * ones, **more
    )
    return Circuit(1, 1, (stage,))


def potentials(circuit, bits):
    golden, found = Golden(circuit), []
    for bit in bits:
        spike = golden.step(np.array([[bit]]))[0][0, 0]
        found.append((int(golden.states[0]["v"][0, 0, 0]), int(spike)))
    return found


def test_spiker_fires_first_and_does_not_leak_when_it_fires():
    how = preset("spiker", leak_shift=1, neuron_bits=6, weight_bits=6)
    # 20 is above 16: the next timestep fires, takes 16 off, keeps 4 whole, then adds 20
    assert potentials(one_neuron(how, 20, 16, 16), [1, 1, 0, 0]) == [(20, 0), (24, 1), (8, 1), (4, 0)]


def test_a_floor_sticks_at_a_small_potential_and_lets_minus_one_go():
    how = preset("spiker", leak_shift=3, neuron_bits=6, weight_bits=6)
    assert potentials(one_neuron(how, 7, 16, 16), [1, 0, 0])[-1] == (7, 0)
    assert potentials(one_neuron(how, -1, 16, 16), [1, 0]) == [(-1, 0), (0, 0)]


@pytest.mark.parametrize(("name", "spikes"), [("spiker", 0), ("snntorch", 0), ("hls4ml", 1), ("spareto", 1)])
def test_a_potential_at_the_threshold(name, spikes):
    how = preset(name, neuron_bits=6, weight_bits=6)
    found = potentials(one_neuron(how, 16, 16, 16), [1, 0])
    assert sum(spike for _, spike in found) == spikes


def test_snntorch_resets_one_timestep_later():
    how = preset("snntorch", leak_shift=1, neuron_bits=8, weight_bits=8)
    assert potentials(one_neuron(how, 20, 16, 16), [1, 0, 0]) == [(20, 1), (-6, 0), (-3, 0)]


@pytest.mark.parametrize(("saturation", "end"), [("each", 26), ("once", 31)])
def test_saturation_after_each_addition_loses_what_a_sum_keeps(saturation, end):
    how = Semantics(saturation=saturation, neuron_bits=6, weight_bits=6)
    row = np.array([[30, 30, -5]])
    level = np.array([31])
    circuit = Circuit(3, 1, (Neurons("n", -1, how, dense(3), row, level + 99, level, 0 * level),))
    golden = Golden(circuit)
    golden.step(np.ones((1, 3), np.int64))
    assert golden.states[0]["v"].item() == end


@pytest.mark.parametrize("shift", range(11))
def test_shares_that_are_shifts(shift):
    assert leak_shift(1.0 - 2.0**-shift, "neuron") == shift


@pytest.mark.parametrize("share", [0.9, 0.95, 0.3, 1.1])
def test_other_shares_are_refused_by_name(share):
    with pytest.raises(ConfigError, match=r"neuron 'a': got a share of .* expected 1 − 2\^−s"):
        leak_shift(share, "neuron 'a'")


@pytest.mark.parametrize(
    "changes",
    [
        {"comparison": "="},
        {"neuron_bits": 1},
        {"weight_bits": 0},
        {"leak_shift": -1},
        {"order": "fire", "reset_late": True},
        {"order": "integrate", "firing_leaks": False},
        {"saturation": "each", "digits": 3},
        {"current_shift": 2},
    ],
)
def test_contradictions_are_refused(changes):
    with pytest.raises(ConfigError, match="semantics"):
        preset("spareto", **changes)


def test_unknown_presets_and_choices_are_refused():
    with pytest.raises(UnknownName, match="Did you mean 'spiker'"):
        preset("spikr")
    with pytest.raises(ConfigError, match="unknown choice"):
        preset("spiker", leek_shift=1)
    assert set(PRESETS) == {"spareto", "spiker", "hls4ml", "snntorch"}
