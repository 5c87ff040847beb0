"""SpikingJelly: firing at the threshold, a leak towards the value that the hard reset sets."""

import pytest
import torch

from conventions import (
    RAW,
    SCALED,
    TYPES,
    built,
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

TABLE = table("SpikingJelly")


def lif(x, tau, decay_input=True, v_reset=0.0):
    def update(now, v):
        rest = v_reset or 0.0
        h = v + (now - (v - rest)) / tau if decay_input else v - (v - rest) / tau + now
        return fired(h, v_reset)

    return loop(update, x, zeros() + (v_reset or 0.0))


def integrate(x, v_reset=0.0):
    return loop(lambda now, v: fired(v + now, v_reset), x, zeros() + (v_reset or 0.0))


def fired(h, v_reset):
    s = (h >= 1).double()
    return s, h - s if v_reset is None else h * (1 - s) + v_reset * s


LOOPS = {
    "IFNode()": (RAW, integrate),
    "IFNode(v_reset=None)": (RAW, lambda x: integrate(x, None)),
    "IFNode(v_reset=-0.5)": (RAW, lambda x: integrate(x, -0.5)),
    "LIFNode(tau=2.0)": (SCALED, lambda x: lif(x, 2.0)),
    "LIFNode(tau=2.0, detach_reset=True)": (SCALED, lambda x: lif(x, 2.0)),
    "LIFNode(tau=4.0, v_reset=None)": (SCALED, lambda x: lif(x, 4.0, True, None)),
    "LIFNode(tau=4.0, decay_input=False)": (RAW, lambda x: lif(x, 4.0, False)),
    "LIFNode(tau=4.0, decay_input=False, v_reset=None)": (RAW, lambda x: lif(x, 4.0, False, None)),
    "LIFNode(tau=2.0, v_reset=-0.5)": (SCALED, lambda x: lif(x, 2.0, True, -0.5)),
    "ParametricLIFNode(init_tau=2.0)": (SCALED, lambda x: lif(x, 2.0)),
    "ParametricLIFNode(init_tau=2.0, decay_input=False)": (RAW, lambda x: lif(x, 2.0, False)),
    "ParametricLIFNode(init_tau=2.0, decay_input=False, v_reset=None)": (
        RAW,
        lambda x: lif(x, 2.0, False, None),
    ),
}


def test_every_row_has_its_loop():
    assert set(LOOPS) == set(TABLE)


@TYPES
@pytest.mark.parametrize("theirs", LOOPS)
def test_it_is_its_equations(theirs, dtype):
    scale, plain = LOOPS[theirs]
    check_loop(TABLE[theirs], plain, scale, dtype)


@pytest.mark.parametrize("theirs", TABLE)
def test_it_is_spikingjelly(theirs):
    node = built(theirs, peer("spikingjelly.activation_based.neuron"))
    node.step_mode = "m"
    check_peer(made(TABLE[theirs]), node, LOOPS[theirs][0])


@pytest.mark.parametrize("decay_input", [True, False], ids=["scaled", "unscaled"])
def test_it_learns_the_same_leak(decay_input):
    neuron, surrogate = (peer(f"spikingjelly.activation_based.{name}") for name in ("neuron", "surrogate"))
    theirs = neuron.ParametricLIFNode(
        init_tau=2.0,
        decay_input=decay_input,
        surrogate_function=surrogate.ATan(2.0),
        step_mode="m",
        detach_reset=True,
    )
    ours = registry.make("plif", tau=2.0, gain=None if decay_input else 1.0)
    x = currents(torch.float32)
    ours(x).sum().backward()
    theirs(x).sum().backward()
    torch.testing.assert_close(ours.w.grad, theirs.w.grad.reshape(()), rtol=1e-4, atol=1e-4)
