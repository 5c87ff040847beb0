"""lava-dl's CUBA neuron in the units of its chip; it needs an older Python, so there is no peer to run."""

import pytest
import torch

from conventions import RAW, TYPES, check_loop, currents, loop, made, table, zeros

TABLE = table("lava-dl")
WEIGHTS, PARAMETERS, STATES = 1 << 6, 1 << 12, 1 << 12  # units in 1: weights and threshold, decays, states


def cuba(x, current_decay, voltage_decay, threshold=1.0):
    """The documented equations: 12-bit decays, weights and threshold 64 times as large, firing above it."""
    di, dv = (round(decay * PARAMETERS) / PARAMETERS for decay in (current_decay, voltage_decay))
    mantissa = int(threshold * WEIGHTS)

    def update(now, i, v):
        i = (1 - di) * i + now * WEIGHTS
        v = (1 - dv) * v + i
        s = (v > mantissa).double()
        return s, i, v * (1 - s)

    return loop(update, x, zeros(), zeros())


def cuba_in_whole_numbers(x, current_decay, voltage_decay):
    """The same as the chip does it: after each decay the state is rounded towards zero."""
    di, dv = (PARAMETERS - round(decay * PARAMETERS) for decay in (current_decay, voltage_decay))
    decayed = lambda state, kept: (state.abs() * kept // PARAMETERS) * state.sign()  # noqa: E731

    def update(now, i, v):
        i = decayed(i, di) + (now * STATES).long()
        v = decayed(v, dv) + i
        s = (v > STATES).long()
        return s, i, v * (1 - s)

    return loop(update, x, zeros().long(), zeros().long()).double()


CODE = "cuba.Neuron(threshold=1.0, "
DECAYS = {
    f"{CODE}current_decay=0.5, voltage_decay=0.25)": (0.5, 0.25),
    f"{CODE}current_decay=0.3, voltage_decay=0.2)": (0.3, 0.2),
}


def test_every_row_has_its_loop():
    assert set(DECAYS) == set(TABLE)


@TYPES
@pytest.mark.parametrize("theirs", DECAYS)
def test_it_is_its_equations(theirs, dtype):
    check_loop(TABLE[theirs], lambda x: cuba(x, *DECAYS[theirs]), RAW, dtype)


@pytest.mark.parametrize("theirs", DECAYS)
def test_rounding_its_states_towards_zero_moves_few_spikes(theirs):
    x = currents(scale=RAW)
    assert torch.equal(x * WEIGHTS, (x * WEIGHTS).round())
    differ = made(TABLE[theirs])(x) != cuba_in_whole_numbers(x, *DECAYS[theirs])
    assert float(differ.double().mean()) < 0.02
