"""snnTorch: a reset that acts one timestep late, firing above the threshold."""

import pytest
import torch

from conventions import (
    RAW,
    TYPES,
    built,
    check_loop,
    check_peer,
    currents,
    loop,
    made,
    peer,
    stepping,
    table,
    zeros,
)

TABLE = table("snnTorch")


def leaky(x, beta, reset, delay=True):
    def update(now, v):
        r = (v > 1).double()
        if reset == "subtract":
            u = beta * v + now - (r if delay else 0)
        else:
            u = beta * (v * (1 - r) if reset == "zero" else v) + now
        s = (u > 1).double()
        return s, u if delay or reset != "subtract" else u - s

    return loop(update, x, zeros())


def synaptic(x, alpha, beta, reset):
    def update(now, i, v):
        r = (v > 1).double()
        i = alpha * i + now
        u = beta * v + i
        if reset == "subtract":
            u = u - r
        elif reset == "zero":
            u = u * (1 - r)
        return (u > 1).double(), i, u

    return loop(update, x, zeros(), zeros())


LOOPS = {
    "Leaky(beta=0.75)": lambda x: leaky(x, 0.75, "subtract"),
    "Leaky(beta=0.75, reset_delay=False)": lambda x: leaky(x, 0.75, "subtract", delay=False),
    'Leaky(beta=0.75, reset_mechanism="zero")': lambda x: leaky(x, 0.75, "zero"),
    'Leaky(beta=0.75, reset_mechanism="none")': lambda x: leaky(x, 0.75, "none"),
    "Synaptic(alpha=0.5, beta=0.75)": lambda x: synaptic(x, 0.5, 0.75, "subtract"),
    'Synaptic(alpha=0.5, beta=0.75, reset_mechanism="zero")': lambda x: synaptic(x, 0.5, 0.75, "zero"),
    'Synaptic(alpha=0.5, beta=0.75, reset_mechanism="none")': lambda x: synaptic(x, 0.5, 0.75, "none"),
}


def test_every_row_has_its_loop():
    assert set(LOOPS) == set(TABLE)


@TYPES
@pytest.mark.parametrize("theirs", LOOPS)
def test_it_is_its_equations(theirs, dtype):
    check_loop(TABLE[theirs], LOOPS[theirs], RAW, dtype)


@pytest.mark.parametrize("theirs", TABLE)
def test_it_is_snntorch(theirs):
    cell = built(theirs, peer("snntorch"))
    number = 2 if "Synaptic" in theirs else 1
    states = lambda now: (torch.zeros_like(now),) * number  # noqa: E731
    check_peer(made(TABLE[theirs]), stepping(cell, states), RAW)


def test_a_reset_one_timestep_later_is_another_neuron():
    at_once, later = (
        made(("lif", f'beta=0.75, gain=1, strict=True, reset="{reset}"'))(currents(scale=RAW))
        for reset in ("subtract", "subtract_delayed")
    )
    assert int((at_once != later).sum()) > 10


def test_at_the_threshold_conventions_differ():
    """The currents do reach the threshold itself, so that `strict` matters."""
    at, above = (made(("lif", f"tau=2, strict={strict}"))(currents()) for strict in (False, True))
    assert int((at != above).sum()) > 10
