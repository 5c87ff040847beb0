"""An ODE as weighted least squares, and its normal equations: blocks near the diagonal, and no others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spareto.core.errors import ConfigError, Problem, ShapeError


@dataclass(frozen=True)
class RowWeights:
    """How much squared residuals count.

    Args:
        governing: Of the equation's own rows.
        initial: Of the rows that hold initial values.
        smooth: Of the Taylor rows between neighbouring timesteps, and of the central rows.
    """

    governing: float = 1.0
    initial: float = 1.0
    smooth: float = 1.0


@dataclass(frozen=True)
class Problems:
    """The numbers of N equations over T timesteps, D dimensions and R derivatives, 0 to R - 1; float64.

    Unknown is u[t, d, r], the r-th derivative of dimension d at timestep t.

    Args:
        c: Coefficients of Q governing rows, `sum over d, r of c u = b`; shape (N, T, Q, D, R).
        b: Right sides, shape (N, T, Q).
        v: Values at the first timesteps, of the first derivatives; shape (N, N0, D, R0).
        h: Lengths of the steps, above 0; shape (N, T - 1).

    Raises:
        ConfigError: Numbers of another type, that are not finite, or a step that is not above 0.
        ShapeError: Shapes that do not fit together.
    """

    c: Tensor
    b: Tensor
    v: Tensor
    h: Tensor

    def __post_init__(self) -> None:
        given = {"c": self.c, "b": self.b, "v": self.v, "h": self.h}
        for name, tensor in given.items():
            _refuse_type(name, tensor)
        if self.c.dim() != 5:
            raise _misfit("c", self.c, "shape (N, T, Q, D, R)")
        N, T, Q, D, R = self.c.shape
        if self.b.shape != (N, T, Q):
            raise _misfit("b", self.b, f"shape ({N}, {T}, {Q}), as of c")
        if self.h.shape != (N, max(T - 1, 0)):
            raise _misfit("h", self.h, f"shape ({N}, {max(T - 1, 0)}), a step between two of {T} timesteps")
        first = self.v.shape
        if len(first) != 4 or first[0] != N or first[1] > T or first[2] != D or first[3] > R:
            raise _misfit("v", self.v, f"shape ({N}, at most {T}, {D}, at most {R})")
        for name, tensor in given.items():
            if not bool(torch.isfinite(tensor).all()):
                raise ConfigError(Problem(name, "nan or infinity", "finite numbers"))
        if not bool((self.h > 0).all()):
            got = f"a step of {self.h.min().item():g}"
            raise ConfigError(Problem("h", got, "steps above 0", "Let time run forwards."))


def _refuse_type(name: str, tensor: Any) -> None:
    if not isinstance(tensor, Tensor):
        raise ConfigError(Problem(name, type(tensor).__name__, "a tensor of float64"))
    if tensor.dtype != torch.float64:
        cure = (
            "Call .double() first: the normal equations square the condition number, and in float32 the "
            "solution of y'' + y = 0 over 1,000 steps of 0.01 collapses to an error of 1."
        )
        raise ConfigError(Problem(name, str(tensor.dtype), "torch.float64", cure))


def _misfit(name: str, tensor: Tensor, rule: str) -> ShapeError:
    return ShapeError(Problem(name, f"shape {tuple(tensor.shape)}", rule))


@dataclass(frozen=True)
class Banded:
    """Normal equations M u = rhs, M symmetric, in blocks of B = D R.

    Args:
        diag: Blocks (t, t), shape (N, T, B, B).
        sub: Blocks (t + 1, t), shape (N, T - 1, B, B).
        far: Blocks (t + 2, t), shape (N, T - 2, B, B); None without central rows.
        rhs: Shape (N, T, B).
    """

    diag: Tensor
    sub: Tensor
    far: Tensor | None
    rhs: Tensor


def assemble(given: Problems, weights: RowWeights, *, central: bool) -> Banded:
    """The normal equations.

    Besides governing and initial rows there are, for neighbouring timesteps, each r and each dimension, the
    Taylor rows `sum over j >= r of h^j / (j - r)! u[t, j] = h^r u[t + 1, r]` and the same backwards, with -h.
    They are scaled by h^r, which is part of the method.

    Args:
        given: The equations.
        weights: How much each kind of row counts.
        central: Further rows `u[t + 2, R - 2] - u[t, R - 2] = H u[t + 1, R - 1]`, scaled by H^(R - 3) with
            H the sum of both steps; the Taylor rows of the highest derivative are then left out.

    Raises:
        ConfigError: Central rows need a first derivative.
    """
    N, T, Q, D, R = given.c.shape
    if central and R < 2:
        rule = "at least 2 with central rows, which tie a derivative to the one below it"
        raise ConfigError(Problem("c", f"R = {R}", rule))
    C = given.c.reshape(N, T, Q, D * R)
    diag = weights.governing * C.mT @ C
    rhs = weights.governing * (C.mT @ given.b[..., None])[..., 0]
    marks, values = _initial(given.v, T, R)
    diag = diag + weights.initial * torch.diag_embed(marks)
    rhs = rhs + weights.initial * values
    here, there, sub = _taylor(given.h, R, R - 1 if central else R)
    diag = diag + weights.smooth * _each(_shifted(here, 0, 1) + _shifted(there, 1, 0), D)
    sub, far = weights.smooth * _each(sub, D), None
    if central and T > 2:
        own, below, far = _central(given.h, R)
        diag = diag + weights.smooth * _each(own, D)
        sub = sub + weights.smooth * _each(below, D)
        far = weights.smooth * _each(far, D)
    return Banded(diag, sub, far, rhs)


def _initial(v: Tensor, T: int, R: int) -> tuple[Tensor, Tensor]:
    """Which unknowns have an initial value, and these; (T, B) and (N, T, B)."""
    room = (0, R - v.shape[3], 0, 0, 0, T - v.shape[1])
    marks, values = (torch.nn.functional.pad(x, room) for x in (torch.ones_like(v[:1]), v))
    return marks.flatten(2)[0], values.flatten(2)


def _taylor(h: Tensor, R: int, kept: int) -> tuple[Tensor, Tensor, Tensor]:
    """What rows between t and t + 1 add to blocks (t, t), (t + 1, t + 1) and (t + 1, t); (N, T - 1, R, R)."""
    inverse = torch.tensor(
        [[1 / math.factorial(j - r) if j >= r else 0.0 for j in range(R)] for r in range(kept)],
        dtype=h.dtype,
        device=h.device,
    )
    powers = torch.stack([h**k for k in range(R)], -1)
    turned = powers * torch.tensor([(-1.0) ** k for k in range(R)], dtype=h.dtype, device=h.device)
    ahead, back = inverse * powers[..., None, :], inverse * turned[..., None, :]
    own, back_own = powers[..., :kept], turned[..., :kept]
    corner = torch.eye(kept, R, dtype=h.dtype, device=h.device)
    own_rows, back_rows = own[..., None] * corner, back_own[..., None] * corner
    here = ahead.mT @ ahead + back_rows.mT @ back_rows
    there = own_rows.mT @ own_rows + back.mT @ back
    return here, there, -own_rows.mT @ ahead - back.mT @ back_rows


def _central(h: Tensor, R: int) -> tuple[Tensor, Tensor, Tensor]:
    """What central rows add to the diagonal, the blocks below it and those below these."""
    H = h[:, :-1] + h[:, 1:]
    unit = torch.eye(R, dtype=h.dtype, device=h.device)
    outer, middle = (H ** (R - 3))[..., None] * unit[R - 2], (H ** (R - 2))[..., None] * unit[R - 1]

    def product(left: Tensor, right: Tensor) -> Tensor:
        return left[..., :, None] * right[..., None, :]

    ends, inner, cross = product(outer, outer), product(middle, middle), product(middle, outer)
    own = _shifted(ends, 0, 2) + _shifted(inner, 1, 1) + _shifted(ends, 2, 0)
    return own, _shifted(cross, 0, 1) - _shifted(cross.mT, 1, 0), -ends


def _shifted(blocks: Tensor, before: int, after: int) -> Tensor:
    """Zero blocks before and behind, along time."""
    return torch.nn.functional.pad(blocks, (0, 0, 0, 0, before, after))


def _each(blocks: Tensor, D: int) -> Tensor:
    """The same block for every dimension: (N, T, R, R) to (N, T, D R, D R)."""
    N, T, R, _ = blocks.shape
    unit = torch.eye(D, dtype=blocks.dtype, device=blocks.device)
    return torch.einsum("ntij,de->ntdiej", blocks, unit).reshape(N, T, D * R, D * R)
