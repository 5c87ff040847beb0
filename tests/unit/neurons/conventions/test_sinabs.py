"""sinabs: an exact exponential decay, counts of spikes, a reset by subtraction."""

import math

import pytest
import torch

from conventions import (
    RAW,
    SCALED,
    TYPES,
    built,
    check_equal,
    check_loop,
    check_peer,
    currents,
    loop,
    made,
    peer,
    table,
    zeros,
)
from spareto.neurons import registry

TABLE = table("sinabs")
MANY = math.inf


def lif(x, tau, norm=True, tau_syn=None, most=MANY, reset=None):
    """`most` spikes a timestep; `reset` None subtracts, a number is `MembraneReset(number)`."""
    beta = math.exp(-1 / tau)

    def update(now, i, v):
        i = now if tau_syn is None else math.exp(-1 / tau_syn) * (i + now)
        v = beta * v + (1 - beta if norm else 1) * i
        n = torch.where(v > 0, torch.trunc(v), 0.0).clamp(max=most)
        return n, i, v - n if reset is None else v * (n == 0) + reset

    return loop(update, x, zeros(), zeros())


def adaptive(x, tau, tau_adapt, scale=1.8, most=MANY):
    beta, rho = math.exp(-1 / tau), math.exp(-1 / tau_adapt)

    def update(now, v, b):
        v, level = beta * v + (1 - beta) * now, 1 + scale * b
        n = torch.where(v > 0, torch.trunc(v / level), 0.0).clamp(max=most)
        return n, v - n * level, rho * b + (1 - rho) * n

    return loop(update, x, zeros(), zeros())


STRONG = 4 * SCALED  # so that counts are above 1
SINGLE = "spike_fn=SingleSpike"
LOOPS = {
    "LIF(tau_mem=5.0)": (STRONG, lambda x: lif(x, 5.0)),
    "LIF(tau_mem=5.0, spike_fn=MaxSpike(2))": (STRONG, lambda x: lif(x, 5.0, most=2)),
    "LIF(tau_mem=3.0, norm_input=False)": (4 * RAW, lambda x: lif(x, 3.0, False)),
    "LIF(tau_mem=5.0, tau_syn=3.0)": (STRONG, lambda x: lif(x, 5.0, True, 3.0)),
    "IAF()": (4 * RAW, lambda x: lif(x, MANY, False)),
    f"LIF(tau_mem=5.0, {SINGLE})": (SCALED, lambda x: lif(x, 5.0, most=1)),
    f"LIF(tau_mem=3.0, norm_input=False, {SINGLE})": (RAW, lambda x: lif(x, 3.0, False, most=1)),
    f"LIF(tau_mem=5.0, tau_syn=3.0, norm_input=False, {SINGLE})": (
        RAW / 2,
        lambda x: lif(x, 5.0, False, 3.0, most=1),
    ),
    f"LIF(tau_mem=5.0, {SINGLE}, reset_fn=MembraneReset())": (
        SCALED,
        lambda x: lif(x, 5.0, most=1, reset=0.0),
    ),
    f"IAF({SINGLE})": (RAW, lambda x: lif(x, MANY, False, most=1)),
    f"IAF({SINGLE}, reset_fn=MembraneReset())": (RAW, lambda x: lif(x, MANY, False, most=1, reset=0.0)),
    "ALIF(tau_mem=5.0, tau_adapt=8.0, spike_fn=MultiSpike)": (STRONG, lambda x: adaptive(x, 5.0, 8.0)),
    "ALIF(tau_mem=5.0, tau_adapt=8.0)": (SCALED, lambda x: adaptive(x, 5.0, 8.0, most=1)),
}


def sinabs(code, dtype):
    layer = built(code, peer("sinabs.activation"), peer("sinabs.layers")).to(dtype)
    return lambda x: layer(x.transpose(0, 1)).transpose(0, 1)


def test_every_row_has_its_loop():
    assert set(LOOPS) == set(TABLE)


@TYPES
@pytest.mark.parametrize("theirs", LOOPS)
def test_it_is_its_equations(theirs, dtype):
    scale, plain = LOOPS[theirs]
    check_loop(TABLE[theirs], plain, scale, dtype)


@TYPES
@pytest.mark.parametrize("theirs", TABLE)
def test_it_is_sinabs(theirs, dtype):
    """The attached reset makes gradients grow with time; float32 is too coarse to compare them."""
    gradient = dtype is torch.float64 and not theirs.startswith("ALIF")  # none through its threshold
    check_peer(made(TABLE[theirs]), sinabs(theirs, dtype), LOOPS[theirs][0], gradient, dtype)


def started(neuron, potential):
    """A neuron that does not start from its leak potential."""
    return lambda x: neuron.run(x, torch.full_like(x[0], potential))[0]


@pytest.mark.parametrize("r", [0.25, -0.5])
def test_a_membrane_reset_to_a_value_is_added_at_every_timestep(r):
    beta, reset = math.exp(-1 / 5), f"spike_fn=SingleSpike, reset_fn=MembraneReset({r})"
    pulled = registry.make(
        "lif", tau=5.0, decay="exponential", v_leak=r * beta / (1 - beta), surrogate="exponential"
    )
    x = currents(scale=2 * SCALED)
    check_equal(started(pulled, -r)(x), lif(x, 5.0, most=1, reset=r))
    check_peer(started(pulled, -r), sinabs(f"LIF(tau_mem=5.0, {reset})", torch.float32), 2 * SCALED)
    integrating = registry.make("iaf", v_start=-r, surrogate="exponential")
    theirs = sinabs(f"IAF({reset})", torch.float32)
    check_peer(lambda x: integrating(x + r), theirs, 4 * RAW)
