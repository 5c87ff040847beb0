"""Norse: an Euler step of a time constant in seconds, firing above the threshold."""

import pytest
import torch

from conventions import RAW, SCALED, TYPES, built, check_loop, check_peer, loop, made, peer, table, zeros

TABLE = table("Norse")


def box(x, dt_over_tau, v_leak=0.0, v_reset=0.0):
    """`v_reset` None is their `reset_subtract`."""

    def update(now, v):
        h = v + dt_over_tau * (now + v_leak - v)
        s = (h > 1).double()
        return s, h - s if v_reset is None else (1 - s) * h + s * v_reset

    return loop(update, x, zeros() + v_leak)


def with_current(x, syn, mem):
    def update(now, i, v):
        jump = i + now
        h = v + mem * (jump - v)
        s = (h > 1).double()
        return s, jump - syn * jump, (1 - s) * h

    return loop(update, x, zeros(), zeros())


BOX = "LIFBoxCell(LIFBoxParameters(tau_mem_inv=250.0"
LOOPS = {
    f"{BOX}))": (SCALED, lambda x: box(x, 0.25)),
    f"{BOX}, v_leak=as_tensor(0.25), v_reset=as_tensor(-0.5)))": (SCALED, lambda x: box(x, 0.25, 0.25, -0.5)),
    f"{BOX}, reset_method=reset_subtract))": (SCALED, lambda x: box(x, 0.25, v_reset=None)),
    "LIFCell(LIFParameters(tau_syn_inv=500.0, tau_mem_inv=250.0))": (
        2 * RAW,
        lambda x: with_current(x, 0.5, 0.25),
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
def test_it_is_norse(theirs):
    cell = built(theirs, torch, peer("norse.torch.functional.reset"), peer("norse.torch"))

    def steps(x):
        state, out = None, []
        for now in x:
            s, state = cell(now, state)
            out.append(s)
        return torch.stack(out)

    check_peer(made(TABLE[theirs]), steps, LOOPS[theirs][0])
