"""Rockpool: an input that decays with the current, counts of spikes, time constants in seconds."""

import math

import pytest
import torch

from conventions import RAW, TYPES, built, check_loop, check_peer, loop, made, peer, table, zeros

TABLE = table("Rockpool")


def lif(x, tau_mem, tau_syn, most=math.inf, dt=1e-3):
    alpha, beta = math.exp(-dt / tau_mem), math.exp(-dt / tau_syn)

    def update(now, i, v):
        i = (i + now) * beta
        v = v * alpha + i
        n = torch.where(v >= 1, torch.floor(v), 0.0).clamp(max=most)
        return n, i, v - n

    return loop(update, x, zeros(), zeros())


CODE = "LIFTorch((31, 31), tau_mem=0.004, tau_syn=0.002"
LOOPS = {
    f"{CODE})": (RAW, lambda x: lif(x, 0.004, 0.002)),
    f"{CODE}, max_spikes_per_dt=tensor(1.0))": (RAW, lambda x: lif(x, 0.004, 0.002, most=1)),
}


def test_every_row_has_its_loop():
    assert set(LOOPS) == set(TABLE)


@TYPES
@pytest.mark.parametrize("theirs", LOOPS)
def test_it_is_its_equations(theirs, dtype):
    scale, plain = LOOPS[theirs]
    check_loop(TABLE[theirs], plain, scale, dtype)


@pytest.mark.parametrize("theirs", TABLE)
def test_it_is_rockpool(theirs):
    layer = built(theirs, peer("rockpool.nn.modules.torch.lif_torch"), torch)
    check_peer(
        made(TABLE[theirs]), lambda x: layer(x.transpose(0, 1))[0].transpose(0, 1), LOOPS[theirs][0], False
    )
