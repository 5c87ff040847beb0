"""Find the equation behind a trace: terms whose sum is the highest derivative, fitted through the solver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Final

import torch
from torch import Tensor

from spareto.core.errors import ConfigError, Problem
from spareto.mechanistic.solver import factor_and_solve, solve_again
from spareto.mechanistic.system import Problems, RowWeights, assemble

ROUNDS: Final = 30
"""Gauss-Newton steps of one fit, and rounds of thresholding, at most."""
CLOSE: Final = 1e-9


@dataclass(frozen=True)
class Term:
    """A candidate on the right of `u^(order) = sum of coefficient x values x u^(derivative)`.

    Args:
        name: How it is written.
        values: At each window and timestep, float64, shape (N, T).
        derivative: Which derivative of the unknown it multiplies, below the order; None for none.
    """

    name: str
    values: Tensor
    derivative: int | None = None


@dataclass(frozen=True)
class Discovery:
    """An equation that was found.

    Args:
        names: Of the terms.
        coefficients: Of each, 0 for one that was dropped.
        error: Root mean square of what it leaves of the trace, over the trace's standard deviation.
    """

    names: tuple[str, ...]
    coefficients: tuple[float, ...]
    error: float

    def __getitem__(self, name: str) -> float:
        return self.coefficients[self.names.index(name)]

    def __str__(self) -> str:
        kept = [(c, name) for name, c in zip(self.names, self.coefficients, strict=True) if c]
        return " + ".join(f"{c:.4g} {name}" for c, name in kept) or "0"


def discover(
    trace: Tensor, step: float, terms: Sequence[Term], *, order: int = 1, threshold: float = 0.0
) -> Discovery:
    """Fit the coefficients of terms, and drop those that are small, until none is.

    Gauss-Newton on the distance between the trace and the solution of the equation, whose derivative by a
    coefficient is one more solve with the same factors.

    Args:
        trace: What was seen, in windows; float64, shape (N, T).
        step: Time between two timesteps, the same everywhere.
        terms: What may stand on the right.
        order: Order of the equation.
        threshold: Terms with coefficients below it in absolute value are dropped; 0 drops none.

    Raises:
        ConfigError: Numbers of another type or shape, too short windows, or a fit that does not settle.
    """
    _check(trace, terms, order)
    kept, coefficients = list(range(len(terms))), torch.zeros(len(terms), dtype=torch.float64)
    error = 1.0
    for _ in range(ROUNDS):
        fitted, error = _fitted(trace, step, [terms[k] for k in kept], order, coefficients[kept])
        coefficients = torch.zeros(len(terms), dtype=torch.float64)
        coefficients[kept] = fitted
        large = [k for k in kept if abs(coefficients[k]) >= threshold]
        if len(large) == len(kept):
            break
        coefficients[[k for k in kept if k not in large]] = 0
        kept = large
    return Discovery(tuple(term.name for term in terms), tuple(coefficients.tolist()), error)


def _check(trace: Tensor, terms: Sequence[Term], order: int) -> None:
    if trace.dtype != torch.float64 or trace.dim() != 2 or trace.shape[1] < order + 2:
        got = f"{trace.dtype} of shape {tuple(trace.shape)}"
        rule = f"float64 of shape (windows, timesteps), at least {order + 2} timesteps"
        raise ConfigError(Problem("trace", got, rule, "Call .double(); float32 collapses."))
    for term in terms:
        if term.values.shape != trace.shape or term.values.dtype != torch.float64:
            got = f"{term.values.dtype} of shape {tuple(term.values.shape)}"
            rule = f"float64 of shape {tuple(trace.shape)}, as the trace"
            raise ConfigError(Problem(f"term '{term.name}'", got, rule))
        if term.derivative is not None and not 0 <= term.derivative < order:
            raise ConfigError(
                Problem(f"term '{term.name}'", f"derivative {term.derivative}", f"below {order}")
            )


def _fitted(
    trace: Tensor, step: float, terms: Sequence[Term], order: int, start: Tensor
) -> tuple[Tensor, float]:
    theta, spread = start.clone(), trace.std().item() or 1.0
    seen, slopes = _seen(trace, step, terms, order, theta)
    for _ in range(ROUNDS if terms else 0):
        left = (trace - seen).flatten()
        scale = slopes.norm(dim=0).clamp(min=1e-300)
        change = torch.linalg.lstsq(slopes / scale, left[:, None]).solution[:, 0] / scale
        length, before = 1.0, left.norm()
        for _ in range(20):  # a shorter step where the whole one makes it worse
            seen, slopes = _seen(trace, step, terms, order, theta + length * change)
            if (trace - seen).norm() <= before or length < 1e-4:
                break
            length /= 2
        theta = theta + length * change
        if (length * change * scale).norm() <= CLOSE * spread * len(left) ** 0.5:
            break
    return theta, (trace - seen).pow(2).mean().sqrt().item() / spread


def _seen(
    trace: Tensor, step: float, terms: Sequence[Term], order: int, theta: Tensor
) -> tuple[Tensor, Tensor]:
    """The solution for these coefficients, and its derivative by each; (N, T) and (N T, terms)."""
    N, T = trace.shape
    row, side = torch.zeros(N, T, order + 1, dtype=torch.float64), torch.zeros(N, T, dtype=torch.float64)
    row[..., order] = 1
    for value, term in zip(theta, terms, strict=True):
        if term.derivative is None:
            side = side + value * term.values
        else:
            row[..., term.derivative] -= value * term.values
    h = torch.full((N, T - 1), step, dtype=torch.float64)
    given = Problems(row[:, :, None, None], side[..., None], trace[:, :order, None, None], h)
    factors, u = factor_and_solve(assemble(given, RowWeights(), central=False))
    missing = side - (row * u).sum(-1)
    slopes: list[Tensor] = []
    for term in terms:
        if term.derivative is None:
            rhs = row * term.values[..., None]
        else:
            rhs = row * (term.values * u[..., term.derivative])[..., None]
            rhs[..., term.derivative] -= term.values * missing
        slopes.append(solve_again(factors, rhs)[..., 0].flatten())
    return u[..., 0], torch.stack(slopes, 1) if slopes else u.new_zeros(N * T, 0)


def windows(trace: Tensor, length: int) -> Tensor:
    """A trace cut into windows; what is left at its end is dropped.

    Args:
        trace: Shape (T, ...).
        length: Timesteps of a window.

    Returns:
        Shape (N, length, ...).
    """
    count = len(trace) // length
    return trace[: count * length].reshape(count, length, *trace.shape[1:])


def monomials(states: Tensor, names: Sequence[str], degree: int) -> list[Term]:
    """All products of at most `degree` states, as terms that multiply no unknown.

    Args:
        states: Shape (N, T, D).
        names: D names.
        degree: 0 or more.
    """
    made = [Term("1", torch.ones(states.shape[:2], dtype=torch.float64))]
    for power in range(1, degree + 1):
        for which in combinations_with_replacement(range(len(names)), power):
            name = " ".join(names[d] for d in which)
            made.append(Term(name, states[..., list(which)].prod(-1)))
    return made
