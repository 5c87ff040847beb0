"""Solve ODEs by banded least squares; the gradient is one more solve with the same factors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spareto.core.errors import ConfigError, Problem
from spareto.kernels import banded
from spareto.kernels.library import backend
from spareto.mechanistic import reference
from spareto.mechanistic.system import Banded, Problems, RowWeights, assemble


def solve_ode(
    c: Tensor,
    b: Tensor,
    v: Tensor,
    h: Tensor,
    *,
    weights: RowWeights | None = None,
    central: bool = False,
) -> Tensor:
    """The u that fits governing equations, initial values and smoothness best.

    Time O(N T (D R)^3), memory O(N T (D R)^2). Gradients reach c, b, v and h.

    Args:
        c: Coefficients of the governing equations, float64, shape (N, T, Q, D, R).
        b: Their right sides, shape (N, T, Q).
        v: Initial values, shape (N, N0, D, R0).
        h: Lengths of the steps, shape (N, T - 1).
        weights: How much each kind of row counts; left out, all alike.
        central: Central rows instead of the Taylor rows of the highest derivative.

    Returns:
        Each dimension and its derivatives, shape (N, T, D, R).

    Raises:
        ConfigError: A type but float64, a number that is not finite, a step that is not above 0, or rows that
            leave a value open.
        ShapeError: Shapes that do not fit together.

    Reference:
        chen2025, the formulation; pervez2024, what it descends from.
    """
    given = Problems(c, b, v, h)
    system = assemble(given, weights or RowWeights(), central=central)
    u = _Solve.apply(system.diag, system.sub, system.far, system.rhs)
    N, T, _, D, R = c.shape
    return u.reshape(N, T, D, R)


class _Solve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, diag: Tensor, sub: Tensor, far: Tensor | None, rhs: Tensor) -> Tensor:
        factors, u = factor_and_solve(Banded(diag, sub, far, rhs))
        ctx.save_for_backward(u, factors.diag, factors.sub, factors.far)
        return u

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore
        (g,) = grads
        u, diag, sub, far = ctx.saved_tensors
        y = solve_again(Banded(diag, sub, far, u), g)
        left, right = y[..., :, None], u[..., None, :]
        on_diag = -left * right

        def below(blocks: int) -> Tensor:
            return -(left[:, blocks:] * right[:, :-blocks] + u[:, blocks:, :, None] * y[:, :-blocks, None, :])

        return on_diag, below(1), None if far is None else below(2), y


def factor_and_solve(system: Banded) -> tuple[Banded, Tensor]:
    """The factors of a system, and its solution; shape (N, T, B).

    Raises:
        ConfigError: It leaves a value open.
    """
    if backend() != "c" or system.diag.device.type != "cpu":
        try:
            factors = reference.factored(system)
        except RuntimeError as error:
            raise _open(f"a system without one solution ({' '.join(str(error).split())[:80]})") from None
        return factors, reference.solved(factors, system.rhs)
    diag, sub = (
        blocks.detach().clone(memory_format=torch.contiguous_format) for blocks in (system.diag, system.sub)
    )
    far = None if system.far is None else system.far.detach().clone(memory_format=torch.contiguous_format)
    u = system.rhs.detach().clone(memory_format=torch.contiguous_format)
    failed = banded.solve(diag, sub, far, u, ready=False)
    if bool((failed >= 0).any()):
        number = int((failed >= 0).nonzero()[0])
        raise _open(f"equation {number} without one solution, from timestep {int(failed[number])} on")
    return Banded(diag, sub, far, system.rhs), u


def solve_again(factors: Banded, g: Tensor) -> Tensor:
    """The solution for another right side, shape (N, T, B)."""
    if backend() != "c" or g.device.type != "cpu":
        return reference.solved(factors, g)
    y = g.clone(memory_format=torch.contiguous_format)
    banded.solve(factors.diag, factors.sub, factors.far, y, ready=True)
    return y


def _open(got: str) -> ConfigError:
    rule = "rows that determine every value"
    return ConfigError(Problem("the equations", got, rule, "Give initial values, or steps nearer to 1."))
