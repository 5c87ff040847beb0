"""The neuron loops in numba, for machines without the C library; the same sums in the same order.

Row slices and loops that start at 0 matter: `x[t, first + j]` keeps numba's check for negative indices, and
LLVM does not vectorise it. A loop is compiled once for each kind of neuron and cached on disk.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spareto.kernels.dynamics import COEFFICIENTS, Flag

BLOCK = 256
PLANES = (0, Flag.CURRENT, Flag.ADAPTIVE, Flag.DELAYED)
_OPTIONS = {"cache": True, "parallel": True, "nogil": True, "error_model": "numpy"}
_F = np.float32


def forward(
    x: Tensor, spikes: Tensor, k: Tensor, state: Tensor | None, last: Tensor | None, flags: int
) -> None:
    """Fill `spikes` and `last` by numba; arguments as in `Loops.forward`."""
    numba = _numba()
    numba.set_num_threads(min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS))
    rows = _rows(x)
    start = _start(rows.shape[1], k, state, flags)
    _forward_loop(flags & _SHAPE)(rows, _rows(spikes), k.numpy(), start)
    _give(start, last, flags)


def backward(
    x: Tensor,
    g: Tensor,
    gx: Tensor,
    k: Tensor,
    gk: Tensor | None,
    state: Tensor | None,
    glast: Tensor | None,
    gstate: Tensor | None,
    flags: int,
    surrogate: int,
) -> None:
    """Fill the gradients by numba; arguments as in `Loops.backward`."""
    numba = _numba()
    numba.set_num_threads(min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS))
    rows = _rows(x)
    start = _start(rows.shape[1], k, state, flags)
    carry = np.zeros_like(start)
    if glast is not None:
        _fill(carry, glast, flags)
    blocks = -(-rows.shape[1] // BLOCK)
    sums = np.zeros((blocks, len(COEFFICIENTS)), np.float64)
    loop = _backward_loop(flags & (_SHAPE | Flag.ATTACHED | Flag.LEARNED), surrogate)
    loop(rows, _rows(g), _rows(gx), k.numpy(), start, carry, sums)
    _give(carry, gstate, flags)
    if gk is not None:
        gk += torch.from_numpy(sums.sum(0))


_SHAPE = Flag.CURRENT | Flag.ADAPTIVE | Flag.DELAYED | Flag.STRICT | Flag.STORED


@cache
def _numba() -> Any:
    return importlib.import_module("numba")


def _rows(x: Tensor) -> Any:
    """`(time, n)` view of an array whose timesteps lie one behind the other."""
    size = math.prod(x.shape[1:])
    return x.detach().as_strided((x.shape[0], size), (size, 1)).numpy()


def _start(size: int, k: Tensor, state: Tensor | None, flags: int) -> Any:
    start = np.zeros((4, size), _F)
    start[0] = float(k[COEFFICIENTS.index("v_start")])
    if state is not None:
        _fill(start, state, flags)
    return start


def _used(flags: int) -> list[int]:
    return [place for place, flag in enumerate(PLANES) if not flag or flags & flag]


def _fill(planes: Any, state: Tensor, flags: int) -> None:
    for place, values in zip(_used(flags), state, strict=True):
        planes[place] = values.detach().reshape(-1).numpy()


def _give(planes: Any, state: Tensor | None, flags: int) -> None:
    if state is not None:
        for place, values in zip(_used(flags), state, strict=True):
            values.copy_(torch.from_numpy(planes[place]).view(values.shape))


def _whole() -> Callable[..., Any]:
    """Where a part of the state lies among the steps it is stored in, and the nearest step."""

    def whole(x, k):  # noqa: ANN001, ANN202 - numba compiles it
        scaled, most, half_even = x * k[16], k[17], _F(12582912)  # 1.5 * 2^23
        clipped = most if scaled > most else -most if scaled < -most else scaled
        return scaled, clipped, (clipped + half_even) - half_even

    return _numba().njit(whole, cache=True, error_model="numpy")


def _step(flags: int) -> Callable[..., Any]:
    """One timestep of a row, compiled into both loops: writes h, spikes and the state in place."""
    current, adaptive, delayed = (bool(flags & flag) for flag in PLANES[1:])
    strict, zero, one = bool(flags & Flag.STRICT), _F(0), _F(1)
    stored, whole = bool(flags & Flag.STORED), _whole()

    def step(x, k, v, i, a, s, h, spikes):  # noqa: ANN001, ANN202 - numba compiles it
        alpha, beta, gain, bias, threshold, decay, scale = k[0], k[1], k[2], k[3], k[4], k[5], k[6]
        delayed_keep, delayed_drop, keep, drop, drop_theta = k[7], k[8], k[9], k[10], k[11]
        for j in range(x.shape[0]):
            now = x[j]
            if current:
                now = alpha * i[j] + now
                i[j] = now
            q = beta * v[j] + gain * now + bias
            if delayed:
                q = (q if delayed_keep > zero else zero) - delayed_drop if s[j] > zero else q
            theta = threshold
            if adaptive:
                theta = threshold + scale * a[j]
            fires = q > theta if strict else q >= theta
            fired = one if fires else zero
            v[j] = (q if keep > zero else zero) - (drop + drop_theta * theta) if fires else q
            if adaptive:
                a[j] = decay * a[j] + fired
            if stored:
                v[j] = whole(v[j], k)[2] * k[15]
                if current:
                    i[j] = whole(i[j], k)[2] * k[15]
                if adaptive:
                    a[j] = whole(a[j], k)[2] * k[15]
            s[j] = fired
            h[j] = q
            spikes[j] = fired

    return _numba().njit(step, cache=True, error_model="numpy")


@cache
def _forward_loop(flags: int) -> Any:
    numba, step = _numba(), _step(flags)
    prange = numba.prange

    def loop(x, spikes, k, state):  # noqa: ANN001, ANN202 - numba compiles it
        steps, size = x.shape
        for block in prange((size + BLOCK - 1) // BLOCK):
            first = block * BLOCK
            m = min(BLOCK, size - first)
            h = np.empty(m, _F)
            for t in range(steps):
                part = state[:, first : first + m]
                step(
                    x[t, first : first + m],
                    k,
                    part[0],
                    part[1],
                    part[2],
                    part[3],
                    h,
                    spikes[t, first : first + m],
                )

    return numba.njit(loop, **_OPTIONS)


def _derivative(surrogate: int) -> Callable[..., Any]:
    """`f` of `height · f(slope · distance)`, by the numbers in `csrc/neuron.h`."""
    zero, one, half = _F(0), _F(1), _F(0.5)

    def arctan(z):  # noqa: ANN001, ANN202
        return one / (one + z * z)

    def sigmoid(z):  # noqa: ANN001, ANN202
        e = math.exp(-abs(z))
        return _F(e / ((one + e) * (one + e)))

    def fast_sigmoid(z):  # noqa: ANN001, ANN202
        return one / ((one + abs(z)) * (one + abs(z)))

    def triangle(z):  # noqa: ANN001, ANN202
        return max(zero, one - abs(z))

    def rectangle(z):  # noqa: ANN001, ANN202
        return one if abs(z) < half else zero

    def gaussian(z):  # noqa: ANN001, ANN202
        return _F(math.exp(-half * z * z))

    chosen = (arctan, sigmoid, fast_sigmoid, triangle, rectangle, gaussian)[surrogate]
    return _numba().njit(chosen, cache=True, error_model="numpy")


def _unstored(learned: bool) -> Callable[..., Any]:
    """Gradient of a part of the state before it was stored; adds up that of the step."""
    whole = _whole()

    def unstored(x, g, k, sums):  # noqa: ANN001, ANN202 - numba compiles it
        scaled, clipped, nearest = whole(x, k)
        inside = clipped == scaled
        if learned:
            sums[15] += g * (nearest - scaled if inside else nearest)
        return g if inside else _F(0)

    return _numba().njit(unstored, cache=True, error_model="numpy")


def _back(flags: int, surrogate: int) -> Callable[..., Any]:
    """One timestep of a row backward; mirrors `neuron_backward_step` of `csrc/neuron.h`."""
    current, adaptive, delayed = (bool(flags & flag) for flag in PLANES[1:])
    attached, learned = bool(flags & Flag.ATTACHED), bool(flags & Flag.LEARNED)
    stored, zero = bool(flags & Flag.STORED), _F(0)
    derivative = _derivative(surrogate)
    unstored = _unstored(learned)

    def back(x, g, gx, k, h, fired, before, c, sums):  # noqa: ANN001, ANN202 - numba compiles it
        alpha, beta, gain, bias, threshold, decay, scale = k[0], k[1], k[2], k[3], k[4], k[5], k[6]
        delayed_keep, delayed_drop, keep, drop, drop_theta = k[7], k[8], k[9], k[10], k[11]
        slope, height = k[13], k[14]
        for j in range(x.shape[0]):
            theta = threshold + scale * before[2, j] if adaptive else threshold
            i = alpha * before[1, j] + x[j] if current else x[j]
            if stored:
                lower = (h[j] if keep > zero else zero) - (drop + drop_theta * theta)
                c[0, j] = unstored(lower if fired[j] > zero else h[j], c[0, j], k, sums)
                if current:
                    c[1, j] = unstored(i, c[1, j], k, sums)
                if adaptive:
                    c[2, j] = unstored(decay * before[2, j] + fired[j], c[2, j], k, sums)
            gv, gs = c[0, j], g[j]
            if delayed:
                gs += c[3, j]
            if adaptive:
                gs += c[2, j]
            if attached:
                gs -= gv * (h[j] - ((h[j] if keep > zero else zero) - (drop + drop_theta * theta)))
            gd = gs * height * derivative(slope * (h[j] - theta))
            gh = gd + (gv if keep > zero or not fired[j] > zero else zero)
            gq = gh
            if delayed:
                q = beta * before[0, j] + gain * i + bias
                gq = gh if delayed_keep > zero or not before[3, j] > zero else zero
                c[3, j] = (
                    -gh * (q - ((q if delayed_keep > zero else zero) - delayed_drop)) if attached else zero
                )
            gtheta = -gd - (drop_theta * gv if fired[j] > zero else zero)
            if adaptive:
                if learned:
                    sums[6] += gtheta * before[2, j]
                    sums[5] += c[2, j] * before[2, j]
                c[2, j] = decay * c[2, j] + scale * gtheta
            gi = gain * gq
            if current:
                gi += c[1, j]
                if learned:
                    sums[0] += gi * before[1, j]
                c[1, j] = alpha * gi
            if learned:
                sums[1] += gq * before[0, j]
                sums[2] += gq * i
                sums[3] += gq
                sums[4] += gtheta
            c[0, j] = beta * gq
            gx[j] = gi

    return _numba().njit(back, cache=True, error_model="numpy")


@cache
def _backward_loop(flags: int, surrogate: int) -> Any:
    numba, step, back = _numba(), _step(flags), _back(flags, surrogate)
    prange = numba.prange

    def loop(x, g, gx, k, start, carry, sums):  # noqa: ANN001, ANN202 - numba compiles it
        steps, size = x.shape
        for block in prange((size + BLOCK - 1) // BLOCK):
            first = block * BLOCK
            m = min(BLOCK, size - first)
            h, fired = np.empty((steps, m), _F), np.empty((steps, m), _F)
            before = np.empty((steps, 4, m), _F)
            state = start[:, first : first + m]
            for t in range(steps):
                before[t] = state
                step(x[t, first : first + m], k, state[0], state[1], state[2], state[3], h[t], fired[t])
            c = carry[:, first : first + m]
            for back_t in range(steps):
                t = steps - 1 - back_t
                now = slice(first, first + m)
                back(x[t, now], g[t, now], gx[t, now], k, h[t], fired[t], before[t], c, sums[block])

    return numba.njit(loop, **_OPTIONS)
