"""The definitions, slowly: block Cholesky in plain torch, and dense least squares over all rows."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from spareto.mechanistic.system import Banded, Problems, RowWeights

OPEN: Final = 16 * torch.finfo(torch.float64).eps
"""A pivot below this share of its row has lost all its digits: the system is open there."""


def factored(system: Banded) -> Banded:
    """Block Cholesky along time; what the kernel computes in place.

    Raises:
        RuntimeError: A system is not positive definite, or open.
    """
    T = system.diag.shape[1]
    diag: list[Tensor] = []
    sub: list[Tensor] = []
    far: list[Tensor] = []
    for t in range(T):
        A = system.diag[:, t]
        if t > 0:
            A = A - sub[t - 1] @ sub[t - 1].mT
        if system.far is not None and t > 1:
            A = A - far[t - 2] @ far[t - 2].mT
        L = torch.linalg.cholesky(A)
        before = [L, *sub[t - 1 : t], *far[max(t - 2, 0) : t - 1]]
        whole = sum(block.pow(2).sum(-1) for block in before)
        if bool((L.diagonal(dim1=-2, dim2=-1).pow(2) <= OPEN * whole).any()):
            raise RuntimeError(f"timestep {t} is left open")
        diag.append(L)
        if t + 1 < T:
            S = system.sub[:, t]
            if system.far is not None and t > 0:
                S = S - far[t - 1] @ sub[t - 1].mT
            sub.append(_behind(S, L))
        if system.far is not None and t + 2 < T:
            far.append(_behind(system.far[:, t], L))
    below = torch.stack(sub, 1) if sub else system.sub
    further = torch.stack(far, 1) if far else system.far
    return Banded(torch.stack(diag, 1), below, further, system.rhs)


def _behind(X: Tensor, L: Tensor) -> Tensor:
    """X L'^-1."""
    return torch.linalg.solve_triangular(L, X.mT, upper=False).mT


def solved(factors: Banded, rhs: Tensor) -> Tensor:
    """The solution for a right side, shape (N, T, B)."""
    T, x = rhs.shape[1], list(rhs[..., None].unbind(1))
    for t in range(T):
        for back, blocks in ((1, factors.sub), (2, factors.far)):
            if blocks is not None and t >= back:
                x[t] = x[t] - blocks[:, t - back] @ x[t - back]
        x[t] = torch.linalg.solve_triangular(factors.diag[:, t], x[t], upper=False)
    for t in reversed(range(T)):
        for ahead, blocks in ((1, factors.sub), (2, factors.far)):
            if blocks is not None and t + ahead < T:
                x[t] = x[t] - blocks[:, t].mT @ x[t + ahead]
        x[t] = torch.linalg.solve_triangular(factors.diag[:, t].mT, x[t], upper=True)
    return torch.stack(x, 1)[..., 0]


def rows(given: Problems, weights: RowWeights, *, central: bool) -> tuple[Tensor, Tensor]:
    """Every row of the least squares problem of one equation, as it is written: A and b with `A u = b`.

    Args:
        given: One equation, N = 1.
        weights: How much squared residuals count.
        central: See `assemble`.

    Returns:
        Shapes (rows, T D R) and (rows,).
    """
    _, T, Q, D, R = given.c.shape
    made: list[tuple[float, list[tuple[int, int, int, Tensor]], Tensor]] = []
    zero, one = given.h.new_zeros(()), given.h.new_ones(())
    for t in range(T):
        for q in range(Q):
            parts = [(t, d, r, given.c[0, t, q, d, r]) for d in range(D) for r in range(R)]
            made.append((weights.governing, parts, given.b[0, t, q]))
    for t, d, r in _places(*given.v.shape[1:]):
        made.append((weights.initial, [(t, d, r, one)], given.v[0, t, d, r]))
    for t, d, r in _places(T - 1, D, R - 1 if central else R):
        for start, end, h in ((t, t + 1, given.h[0, t]), (t + 1, t, -given.h[0, t])):
            parts = [(start, d, j, h**j / math.factorial(j - r)) for j in range(r, R)]
            made.append((weights.smooth, [*parts, (end, d, r, -(h**r))], zero))
    for t, d, _ in _places(T - 2 if central else 0, D, 1):
        H = given.h[0, t] + given.h[0, t + 1]
        parts = [
            (t, d, R - 2, H ** (R - 3)),
            (t + 1, d, R - 1, H ** (R - 2)),
            (t + 2, d, R - 2, -(H ** (R - 3))),
        ]
        made.append((weights.smooth, parts, zero))
    A = torch.stack([_row(parts, T, D, R, zero) * math.sqrt(weight) for weight, parts, _ in made])
    return A, torch.stack([value * math.sqrt(weight) for weight, _, value in made])


def _places(*sizes: int) -> list[tuple[int, int, int]]:
    first, second, third = sizes
    return [(i, j, k) for i in range(first) for j in range(second) for k in range(third)]


def _row(parts: list[tuple[int, int, int, Tensor]], T: int, D: int, R: int, zero: Tensor) -> Tensor:
    values = torch.stack([value for *_, value in parts])
    places = torch.tensor([(t * D + d) * R + r for t, d, r, _ in parts])
    return zero.new_zeros(T * D * R).index_add(0, places, values)


def least_squares(given: Problems, weights: RowWeights, *, central: bool) -> Tensor:
    """The solution of one equation by dense least squares, shape (1, T, D, R); differentiable."""
    A, b = rows(given, weights, central=central)
    return torch.linalg.lstsq(A, b[:, None]).solution.reshape(1, *given.c.shape[1:2], *given.c.shape[3:])
