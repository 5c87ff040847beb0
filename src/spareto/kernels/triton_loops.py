"""The neuron's step in Triton, forward and backward; mirrors `csrc/neuron.h`, imported only where Triton is.

`k` points to the coefficients in the order of `kernels/dynamics.py`; upper-case arguments are compile-time.
States and their gradients stack what there is of v, i, a, s, each `size` long; None stands for no such array.

What a GPU asks for: coefficients are read once, for a read inside a loop stays there; offsets grow by
additions, for a product of sizes may pass 32 bits, and Triton makes a size of 1 a constant of its own kind.
"""

# ruff: noqa: ANN001, ANN201, ANN202 - Triton reads the signatures
# pyright: basic, reportMissingImports=false, reportGeneralTypeIssues=false

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _charge(x, v, i, s, alpha, beta, gain, bias, kept, lost, CURRENT: tl.constexpr, DELAYED: tl.constexpr):
    """Synaptic current, and potential without and with the delayed reset."""
    now = x
    if CURRENT:
        now = alpha * i + x
    q = beta * v + gain * now + bias
    h = q
    if DELAYED:
        h = tl.where(s > 0, tl.where(kept != 0, q, 0.0) - lost, q)
    return now, q, h


@triton.jit
def _fire(h, a, threshold, scale, ADAPTIVE: tl.constexpr, STRICT: tl.constexpr):
    """Threshold, and whether it is reached."""
    theta = tl.zeros_like(h) + threshold
    if ADAPTIVE:
        theta = threshold + scale * a
    fires = h >= theta
    if STRICT:
        fires = h > theta
    return theta, fires


@triton.jit
def _after(h, a, theta, fires, decay, keep, drop, drop_theta, ADAPTIVE: tl.constexpr):
    """v, a and s after a timestep."""
    s = fires.to(tl.float32)
    v = tl.where(fires, tl.where(keep != 0, h, 0.0) - (drop + drop_theta * theta), h)
    if ADAPTIVE:
        a = decay * a + s
    return v, a, s


@triton.jit
def _whole(x, rate, most):
    """Where a part of the state lies among the steps it is stored in, saturated, and the nearest step."""
    scaled = x * rate
    clipped = tl.where(scaled > most, most, scaled)
    clipped = tl.where(clipped < -most, -most, clipped)
    return scaled, clipped, (clipped + 12582912.0) - 12582912.0  # 1.5 * 2^23: half to even


@triton.jit
def _kept(v, i, a, step, rate, most, CURRENT: tl.constexpr, ADAPTIVE: tl.constexpr, STORED: tl.constexpr):
    """v, i and a as the next timestep finds them."""
    if STORED:
        _scaled, _clipped, nearest = _whole(v, rate, most)
        v = nearest * step
        if CURRENT:
            _scaled, _clipped, nearest = _whole(i, rate, most)
            i = nearest * step
        if ADAPTIVE:
            _scaled, _clipped, nearest = _whole(a, rate, most)
            a = nearest * step
    return v, i, a


@triton.jit
def _unstored(x, g, rate, most):
    """Gradient of a part of the state before it was stored, and what it gives that of the step."""
    scaled, clipped, nearest = _whole(x, rate, most)
    inside = clipped == scaled
    return tl.where(inside, g, 0.0), g * (nearest - tl.where(inside, scaled, 0.0))


@triton.jit
def _read(planes, step, at, here, v, CURRENT: tl.constexpr, ADAPTIVE: tl.constexpr, DELAYED: tl.constexpr):
    """v, i, a and s, or their gradients, from planes `step` apart; without planes, the v given and zeros."""
    i, a, s = tl.zeros_like(v), tl.zeros_like(v), tl.zeros_like(v)
    if planes is not None:
        v = tl.load(planes + at, here, 0.0)
        i, a, s = _read_others(planes + step, step, at, here, v, CURRENT, ADAPTIVE, DELAYED)
    return v, i, a, s


@triton.jit
def _read_others(
    planes, step, at, here, v, CURRENT: tl.constexpr, ADAPTIVE: tl.constexpr, DELAYED: tl.constexpr
):
    i, a, s = tl.zeros_like(v), tl.zeros_like(v), tl.zeros_like(v)
    if CURRENT:
        i = tl.load(planes + at, here, 0.0)
        planes += step
    if ADAPTIVE:
        a = tl.load(planes + at, here, 0.0)
        planes += step
    if DELAYED:
        s = tl.load(planes + at, here, 0.0)
    return i, a, s


@triton.jit
def _write_others(
    planes, step, at, here, i, a, s, CURRENT: tl.constexpr, ADAPTIVE: tl.constexpr, DELAYED: tl.constexpr
):
    if CURRENT:
        tl.store(planes + at, i, here)
        planes += step
    if ADAPTIVE:
        tl.store(planes + at, a, here)
        planes += step
    if DELAYED:
        tl.store(planes + at, s, here)


@triton.jit
def forward(
    x, spikes, k, state, last, steps, size,
    CURRENT: tl.constexpr, ADAPTIVE: tl.constexpr, DELAYED: tl.constexpr, STRICT: tl.constexpr,
    STORED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Spikes `(steps, size)`, and the state after the last timestep if there is a place for it."""
    alpha, beta, gain, bias = tl.load(k), tl.load(k + 1), tl.load(k + 2), tl.load(k + 3)
    threshold, decay, scale = tl.load(k + 4), tl.load(k + 5), tl.load(k + 6)
    kept, lost, keep, drop = tl.load(k + 7), tl.load(k + 8), tl.load(k + 9), tl.load(k + 10)
    drop_theta, step, rate, most = tl.load(k + 11), tl.load(k + 15), tl.load(k + 16), tl.load(k + 17)
    row = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = row < size
    fresh = tl.zeros((BLOCK,), tl.float32) + tl.load(k + 12)
    v, i, a, s = _read(state, size, row, here, fresh, CURRENT, ADAPTIVE, DELAYED)
    now = tl.cast(0, tl.int64)
    for _ in range(steps):
        i, _q, h = _charge(
            tl.load(x + now + row, here, 0.0), v, i, s, alpha, beta, gain, bias, kept, lost, CURRENT, DELAYED
        )
        theta, fires = _fire(h, a, threshold, scale, ADAPTIVE, STRICT)
        v, a, s = _after(h, a, theta, fires, decay, keep, drop, drop_theta, ADAPTIVE)
        v, i, a = _kept(v, i, a, step, rate, most, CURRENT, ADAPTIVE, STORED)
        tl.store(spikes + now + row, s, here)
        now += size
    if last is not None:
        tl.store(last + row, v, here)
        _write_others(last + size, size, row, here, i, a, s, CURRENT, ADAPTIVE, DELAYED)


@triton.jit
def _derivative(z, SURROGATE: tl.constexpr):
    """`f` of `height · f(slope · distance)`."""
    one = tl.zeros_like(z) + 1.0
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
    g, q, h, theta, fires, s, gv, gi, ga, gs, alpha, beta, gain, decay, scale, kept, lost, keep, drop,
    drop_theta, slope, height,
    CURRENT: tl.constexpr, ADAPTIVE: tl.constexpr, DELAYED: tl.constexpr, ATTACHED: tl.constexpr,
    SURROGATE: tl.constexpr,
):  # fmt: skip
    """One timestep: gradients of x, q and theta, then of the state before it."""
    total = g + gs + ga
    if ATTACHED:
        total -= gv * (h - (tl.where(keep != 0, h, 0.0) - (drop + drop_theta * theta)))
    gd = total * height * _derivative(slope * (h - theta), SURROGATE)
    gh = gd + tl.where(fires, tl.where(keep != 0, gv, 0.0), gv)
    gq = gh
    if DELAYED:
        gq = tl.where(s > 0, tl.where(kept != 0, gh, 0.0), gh)
        gs = tl.zeros_like(gh)
        if ATTACHED:
            gs = -gh * (q - (tl.where(kept != 0, q, 0.0) - lost))
    g_theta = -gd - tl.where(fires, drop_theta * gv, 0.0)
    if ADAPTIVE:
        ga = decay * ga + scale * g_theta
    gx = gain * gq + gi
    if CURRENT:
        gi = alpha * gx
    return gx, gq, g_theta, beta * gq, gi, ga, gs


@triton.jit
def _record(
    x, gx, tape, k, state, steps, size, row, here, area, zero,
    CURRENT: tl.constexpr, ADAPTIVE: tl.constexpr, DELAYED: tl.constexpr, STRICT: tl.constexpr,
    STORED: tl.constexpr,
):  # fmt: skip
    """The timesteps once more, with the state before each of them written down."""
    alpha, beta, gain, bias = tl.load(k), tl.load(k + 1), tl.load(k + 2), tl.load(k + 3)
    threshold, decay, scale = tl.load(k + 4), tl.load(k + 5), tl.load(k + 6)
    kept, lost, keep, drop = tl.load(k + 7), tl.load(k + 8), tl.load(k + 9), tl.load(k + 10)
    drop_theta, step, rate, most = tl.load(k + 11), tl.load(k + 15), tl.load(k + 16), tl.load(k + 17)
    v, i, a, s = _read(state, size, row, here, zero + tl.load(k + 12), CURRENT, ADAPTIVE, DELAYED)
    now = tl.cast(0, tl.int64)
    for _ in range(steps):
        tl.store(gx + now + row, v, here)
        if tape is not None:
            _write_others(tape + now, area, row, here, i, a, s, CURRENT, ADAPTIVE, DELAYED)
        i, _q, h = _charge(
            tl.load(x + now + row, here, 0.0), v, i, s, alpha, beta, gain, bias, kept, lost, CURRENT, DELAYED
        )
        theta, fires = _fire(h, a, threshold, scale, ADAPTIVE, STRICT)
        v, a, s = _after(h, a, theta, fires, decay, keep, drop, drop_theta, ADAPTIVE)
        v, i, a = _kept(v, i, a, step, rate, most, CURRENT, ADAPTIVE, STORED)
        now += size


@triton.jit
def _store_sums(sums, alpha, beta, gain, bias, theta, decay, scale, step):
    tl.store(sums, tl.sum(alpha))
    tl.store(sums + 1, tl.sum(beta))
    tl.store(sums + 2, tl.sum(gain))
    tl.store(sums + 3, tl.sum(bias))
    tl.store(sums + 4, tl.sum(theta))
    tl.store(sums + 5, tl.sum(decay))
    tl.store(sums + 6, tl.sum(scale))
    tl.store(sums + 7, tl.sum(step))


@triton.jit
def _twelve(k):
    """The coefficients of a timestep, in their order."""
    alpha, beta, gain, bias = tl.load(k), tl.load(k + 1), tl.load(k + 2), tl.load(k + 3)
    threshold, decay, scale = tl.load(k + 4), tl.load(k + 5), tl.load(k + 6)
    kept, lost, keep, drop = tl.load(k + 7), tl.load(k + 8), tl.load(k + 9), tl.load(k + 10)
    return alpha, beta, gain, bias, threshold, decay, scale, kept, lost, keep, drop, tl.load(k + 11)


@triton.jit
def _all_unstored(
    v, i, a, gv, gi, ga, rate, most, CURRENT: tl.constexpr, ADAPTIVE: tl.constexpr
):  # fmt: skip
    """Gradients of the state before it was stored, and that of the step, in steps."""
    gv, moved = _unstored(v, gv, rate, most)
    if CURRENT:
        gi, more = _unstored(i, gi, rate, most)
        moved += more
    if ADAPTIVE:
        ga, more = _unstored(a, ga, rate, most)
        moved += more
    return gv, gi, ga, moved


@triton.jit
def _added(
    alpha, beta, gain, bias, theta, scale, v, i, a, current, gx, gq, g_theta,
    CURRENT: tl.constexpr, ADAPTIVE: tl.constexpr,
):  # fmt: skip
    """The sums of the coefficients' gradients, one timestep more."""
    beta += (gq * v).to(tl.float64)
    gain += (gq * current).to(tl.float64)
    bias += gq.to(tl.float64)
    theta += g_theta.to(tl.float64)
    if CURRENT:
        alpha += (gx * i).to(tl.float64)
    if ADAPTIVE:
        scale += (g_theta * a).to(tl.float64)
    return alpha, beta, gain, bias, theta, scale


@triton.jit
def backward(
    x, g, gx, k, state, glast, gstate, tape, sums, steps, size,
    CURRENT: tl.constexpr, ADAPTIVE: tl.constexpr, DELAYED: tl.constexpr, STRICT: tl.constexpr,
    ATTACHED: tl.constexpr, LEARNED: tl.constexpr, STORED: tl.constexpr, SURROGATE: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradients of `x`, of the first state if there is a place for them, and of the coefficients if learned.

    `gx` first takes v before every timestep, `tape` the other states; `sums` gets eight float64 a program.
    """
    alpha, beta, gain, bias, threshold, decay, scale, kept, lost, keep, drop, drop_theta = _twelve(k)
    slope, height, rate, most = tl.load(k + 13), tl.load(k + 14), tl.load(k + 16), tl.load(k + 17)
    row = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = row < size
    area = tl.cast(steps, tl.int64) * size
    zero = tl.zeros((BLOCK,), tl.float32)
    _record(
        x, gx, tape, k, state, steps, size, row, here, area, zero, CURRENT, ADAPTIVE, DELAYED, STRICT, STORED
    )
    tl.debug_barrier()  # other threads of the program may read the tape than wrote it
    gv, gi, ga, gs = _read(glast, size, row, here, zero, CURRENT, ADAPTIVE, DELAYED)
    total = zero.to(tl.float64)
    s_alpha, s_beta, s_gain, s_bias, s_theta, s_decay, s_scale, s_step = (
        total, total, total, total, total, total, total, total,
    )  # fmt: skip
    i, a, s, now = zero, zero, zero, area
    for _ in range(steps):
        now -= size
        v = tl.load(gx + now + row, here, 0.0)
        if tape is not None:
            i, a, s = _read_others(tape + now, area, row, here, v, CURRENT, ADAPTIVE, DELAYED)
        current, q, h = _charge(
            tl.load(x + now + row, here, 0.0), v, i, s, alpha, beta, gain, bias, kept, lost, CURRENT, DELAYED
        )
        theta, fires = _fire(h, a, threshold, scale, ADAPTIVE, STRICT)
        if STORED:
            after, risen, _s = _after(h, a, theta, fires, decay, keep, drop, drop_theta, ADAPTIVE)
            gv, gi, ga, moved = _all_unstored(
                after, current, risen, gv, gi, ga, rate, most, CURRENT, ADAPTIVE
            )
            s_step += moved.to(tl.float64)
        s_decay += (ga * a).to(tl.float64)
        spiking = tl.load(g + now + row, here, 0.0)
        gx_now, gq, g_theta, gv, gi, ga, gs = _back(
            spiking, q, h, theta, fires, s, gv, gi, ga, gs, alpha, beta, gain, decay, scale, kept, lost, keep,
            drop, drop_theta, slope, height, CURRENT, ADAPTIVE, DELAYED, ATTACHED, SURROGATE,
        )  # fmt: skip
        if LEARNED:
            s_alpha, s_beta, s_gain, s_bias, s_theta, s_scale = _added(
                s_alpha, s_beta, s_gain, s_bias, s_theta, s_scale, v, i, a, current, gx_now, gq, g_theta,
                CURRENT, ADAPTIVE,
            )  # fmt: skip
        tl.store(gx + now + row, gx_now, here)
    if gstate is not None:
        tl.store(gstate + row, gv, here)
        _write_others(gstate + size, size, row, here, gi, ga, gs, CURRENT, ADAPTIVE, DELAYED)
    if LEARNED:
        _store_sums(
            sums + tl.program_id(0) * 8, s_alpha, s_beta, s_gain, s_bias, s_theta, s_decay, s_scale, s_step
        )
