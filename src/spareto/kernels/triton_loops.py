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
def forward(
    x, spikes, k, planes, steps, size,
    CURRENT: tl.constexpr, ADAPTIVE: tl.constexpr, DELAYED: tl.constexpr, STRICT: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Spikes `(steps, size)`; `planes` holds v, i, a, s before and, when it returns, after all timesteps."""
    size = size.to(tl.int64)
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = at < size
    v = tl.load(planes + at, here, 0.0)
    i = tl.load(planes + size + at, here, 0.0)
    a = tl.load(planes + 2 * size + at, here, 0.0)
    s = tl.load(planes + 3 * size + at, here, 0.0)
    for t in range(steps):
        row = at + t * size
        current = tl.load(x + row, here, 0.0)
        v, i, a, s = _step(current, v, i, a, s, k, CURRENT, ADAPTIVE, DELAYED, STRICT)
        tl.store(spikes + row, s, here)
    tl.store(planes + at, v, here)
    tl.store(planes + size + at, i, here)
    tl.store(planes + 2 * size + at, a, here)
    tl.store(planes + 3 * size + at, s, here)


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
    plane = steps * size
    v = tl.load(start + at, here, 0.0)
    i = tl.load(start + size + at, here, 0.0)
    a = tl.load(start + 2 * size + at, here, 0.0)
    s = tl.load(start + 3 * size + at, here, 0.0)
    for t in range(steps):
        row = at + t * size
        tl.store(tape + row, v, here)
        tl.store(tape + plane + row, i, here)
        tl.store(tape + 2 * plane + row, a, here)
        tl.store(tape + 3 * plane + row, s, here)
        v, i, a, s = _step(tl.load(x + row, here, 0.0), v, i, a, s, k, CURRENT, ADAPTIVE, DELAYED, STRICT)
    gv = tl.load(carry + at, here, 0.0)
    gi = tl.load(carry + size + at, here, 0.0)
    ga = tl.load(carry + 2 * size + at, here, 0.0)
    gs = tl.load(carry + 3 * size + at, here, 0.0)
    zero = v * 0.0
    s_alpha, s_beta, s_gain, s_bias, s_theta, s_decay, s_scale = zero, zero, zero, zero, zero, zero, zero
    for back in range(steps):
        row = at + (steps - 1 - back) * size
        v = tl.load(tape + row, here, 0.0)
        i = tl.load(tape + plane + row, here, 0.0)
        a = tl.load(tape + 2 * plane + row, here, 0.0)
        s = tl.load(tape + 3 * plane + row, here, 0.0)
        now, q, h = _charge(tl.load(x + row, here, 0.0), v, i, s, k, CURRENT, DELAYED)
        theta, fires = _fire(h, a, k, ADAPTIVE, STRICT)
        total = tl.load(g + row, here, 0.0) + gs + ga
        if ATTACHED:
            total -= gv * (h - (tl.load(k + 9) * h - _drop(theta, k)))
        gd = total * tl.load(k + 14) * _derivative(tl.load(k + 13) * (h - theta), SURROGATE)
        gh = gd + tl.where(fires, tl.load(k + 9) * gv, gv)
        gq = gh
        if DELAYED:
            gq = tl.where(s > 0, tl.load(k + 7) * gh, gh)
            gs = zero
            if ATTACHED:
                gs = -gh * (q - (tl.load(k + 7) * q - tl.load(k + 8)))
        g_theta = -gd - tl.where(fires, tl.load(k + 11) * gv, 0.0)
        if LEARNED:
            s_scale += g_theta * a
            s_decay += ga * a
            s_theta += g_theta
            s_beta += gq * v
            s_gain += gq * now
            s_bias += gq
        if ADAPTIVE:
            ga = tl.load(k + 5) * ga + tl.load(k + 6) * g_theta
        gx_now = tl.load(k + 2) * gq + gi
        if CURRENT:
            if LEARNED:
                s_alpha += gx_now * i
            gi = tl.load(k + 0) * gx_now
        gv = tl.load(k + 1) * gq
        tl.store(gx + row, gx_now, here)
    tl.store(carry + at, gv, here)
    tl.store(carry + size + at, gi, here)
    tl.store(carry + 2 * size + at, ga, here)
    tl.store(carry + 3 * size + at, gs, here)
    if LEARNED:
        place = sums + tl.program_id(0) * 8
        tl.store(place + 0, tl.sum(s_alpha))
        tl.store(place + 1, tl.sum(s_beta))
        tl.store(place + 2, tl.sum(s_gain))
        tl.store(place + 3, tl.sum(s_bias))
        tl.store(place + 4, tl.sum(s_theta))
        tl.store(place + 5, tl.sum(s_decay))
        tl.store(place + 6, tl.sum(s_scale))
