"""The neuron's step in Triton, forward and backward; mirrors `csrc/neuron.h`, imported only on a GPU.

`k` points to the coefficients in the order of `kernels/dynamics.py`; upper-case arguments are compile-time.
"""

# ruff: noqa: ANN001, ANN201, ANN202 - Triton reads the signatures
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _charge(x, v, i, s, k, CURRENT: tl.constexpr, DELAYED: tl.constexpr):
    """Synaptic current, and potential without and with the delayed reset."""
    now = x
    if CURRENT:
        now = tl.load(k + 0) * i + x
    q = tl.load(k + 1) * v + tl.load(k + 2) * now + tl.load(k + 3)
    h = q
    if DELAYED:
        h = tl.where(s > 0, tl.load(k + 7) * q - tl.load(k + 8), q)
    return now, q, h


@triton.jit
def _fire(h, a, k, ADAPTIVE: tl.constexpr, STRICT: tl.constexpr):
    """Threshold, and whether it is reached."""
    theta = h * 0.0 + tl.load(k + 4)
    if ADAPTIVE:
        theta = tl.load(k + 4) + tl.load(k + 6) * a
    fires = h >= theta
    if STRICT:
        fires = h > theta
    return theta, fires


@triton.jit
def _drop(theta, k):
    """What a spike subtracts."""
    return tl.load(k + 10) + tl.load(k + 11) * theta


@triton.jit
def _step(
    x, v, i, a, s, k,
    CURRENT: tl.constexpr, ADAPTIVE: tl.constexpr, DELAYED: tl.constexpr, STRICT: tl.constexpr,
):  # fmt: skip
    """State after one timestep; its last part is the spikes."""
    now, _q, h = _charge(x, v, i, s, k, CURRENT, DELAYED)
    theta, fires = _fire(h, a, k, ADAPTIVE, STRICT)
    fired = fires.to(tl.float32)
    after = tl.where(fires, tl.load(k + 9) * h - _drop(theta, k), h)
    if ADAPTIVE:
        a = tl.load(k + 5) * a + fired
    return after, now, a, fired


@triton.jit
def _load(planes, plane, at, here):
    """v, i, a and s, or their gradients, from four planes."""
    v = tl.load(planes + at, here, 0.0)
    i = tl.load(planes + plane + at, here, 0.0)
    a = tl.load(planes + 2 * plane + at, here, 0.0)
    s = tl.load(planes + 3 * plane + at, here, 0.0)
    return v, i, a, s


@triton.jit
def _store(planes, plane, at, here, v, i, a, s):
    tl.store(planes + at, v, here)
    tl.store(planes + plane + at, i, here)
    tl.store(planes + 2 * plane + at, a, here)
    tl.store(planes + 3 * plane + at, s, here)


@triton.jit
def forward(
    x, spikes, k, planes, steps, size,
    CURRENT: tl.constexpr, ADAPTIVE: tl.constexpr, DELAYED: tl.constexpr, STRICT: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Spikes `(steps, size)`; `planes` holds v, i, a, s before and, when it returns, after all timesteps."""
    size = size.to(tl.int64)
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = at < size
    v, i, a, s = _load(planes, size, at, here)
    for t in range(steps):
        row = at + t * size
        current = tl.load(x + row, here, 0.0)
        v, i, a, s = _step(current, v, i, a, s, k, CURRENT, ADAPTIVE, DELAYED, STRICT)
        tl.store(spikes + row, s, here)
    _store(planes, size, at, here, v, i, a, s)


@triton.jit
def _derivative(z, SURROGATE: tl.constexpr):
    """`f` of `height · f(slope · distance)`."""
    one = 1.0 + z * 0.0
    if SURROGATE == 0:
        value = one / (1.0 + z * z)
    elif SURROGATE == 1:
        fall = tl.exp(-tl.abs(z))
        value = fall / ((1.0 + fall) * (1.0 + fall))
    elif SURROGATE == 2:
        value = one / ((1.0 + tl.abs(z)) * (1.0 + tl.abs(z)))
    elif SURROGATE == 3:
        value = tl.maximum(1.0 - tl.abs(z), 0.0)
    elif SURROGATE == 4:
        value = tl.where(tl.abs(z) < 0.5, one, 0.0)
    else:
        value = tl.exp(z * z * -0.5)
    return value


@triton.jit
def _back(
    g, q, h, theta, fires, s, gv, gi, ga, gs, k,
    CURRENT: tl.constexpr, ADAPTIVE: tl.constexpr, DELAYED: tl.constexpr, ATTACHED: tl.constexpr,
    SURROGATE: tl.constexpr,
):  # fmt: skip
    """One timestep: gradients of x, q and theta, then of the state before it."""
    total = g + gs + ga
    if ATTACHED:
        total -= gv * (h - (tl.load(k + 9) * h - _drop(theta, k)))
    gd = total * tl.load(k + 14) * _derivative(tl.load(k + 13) * (h - theta), SURROGATE)
    gh = gd + tl.where(fires, tl.load(k + 9) * gv, gv)
    gq = gh
    if DELAYED:
        gq = tl.where(s > 0, tl.load(k + 7) * gh, gh)
        gs = gh * 0.0
        if ATTACHED:
            gs = -gh * (q - (tl.load(k + 7) * q - tl.load(k + 8)))
    g_theta = -gd - tl.where(fires, tl.load(k + 11) * gv, 0.0)
    if ADAPTIVE:
        ga = tl.load(k + 5) * ga + tl.load(k + 6) * g_theta
    gx = tl.load(k + 2) * gq + gi
    if CURRENT:
        gi = tl.load(k + 0) * gx
    return gx, gq, g_theta, tl.load(k + 1) * gq, gi, ga, gs


@triton.jit
def backward(
    x, g, gx, k, start, carry, tape, sums, steps, size,
    CURRENT: tl.constexpr, ADAPTIVE: tl.constexpr, DELAYED: tl.constexpr, STRICT: tl.constexpr,
    ATTACHED: tl.constexpr, LEARNED: tl.constexpr, SURROGATE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradients of `x`; `carry` holds those of the last state and becomes those of the first.

    `tape` takes the state before every timestep, `(4, steps, size)`; `sums` gets the gradients of the first
    seven coefficients, a row of eight a program.
    """
    size = size.to(tl.int64)
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = at < size
    v, i, a, s = _load(start, size, at, here)
    for t in range(steps):
        row = at + t * size
        _store(tape, steps * size, row, here, v, i, a, s)
        v, i, a, s = _step(tl.load(x + row, here, 0.0), v, i, a, s, k, CURRENT, ADAPTIVE, DELAYED, STRICT)
    gv, gi, ga, gs = _load(carry, size, at, here)
    zero = v * 0.0
    s_alpha, s_beta, s_gain, s_bias, s_theta, s_decay, s_scale = zero, zero, zero, zero, zero, zero, zero
    for back in range(steps):
        row = at + (steps - 1 - back) * size
        v, i, a, s = _load(tape, steps * size, row, here)
        now, q, h = _charge(tl.load(x + row, here, 0.0), v, i, s, k, CURRENT, DELAYED)
        theta, fires = _fire(h, a, k, ADAPTIVE, STRICT)
        s_decay += ga * a
        gx_now, gq, g_theta, gv, gi, ga, gs = _back(
            tl.load(g + row, here, 0.0), q, h, theta, fires, s, gv, gi, ga, gs, k,
            CURRENT, ADAPTIVE, DELAYED, ATTACHED, SURROGATE,
        )  # fmt: skip
        if LEARNED:
            s_alpha += gx_now * i
            s_beta += gq * v
            s_gain += gq * now
            s_bias += gq
            s_theta += g_theta
            s_scale += g_theta * a
        tl.store(gx + row, gx_now, here)
    _store(carry, size, at, here, gv, gi, ga, gs)
    if LEARNED:
        place = sums + tl.program_id(0) * 8
        tl.store(place + 0, tl.sum(s_alpha))
        tl.store(place + 1, tl.sum(s_beta))
        tl.store(place + 2, tl.sum(s_gain))
        tl.store(place + 3, tl.sum(s_bias))
        tl.store(place + 4, tl.sum(s_theta))
        tl.store(place + 5, tl.sum(s_decay))
        tl.store(place + 6, tl.sum(s_scale))
