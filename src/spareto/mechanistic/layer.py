"""A layer whose answer is the solution of an ODE that its input decides."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spareto.core.arguments import whole
from spareto.core.errors import Problem, ShapeError
from spareto.mechanistic.solver import solve_ode
from spareto.mechanistic.system import RowWeights


class Mechanistic(nn.Module):
    """Features at each timestep become an ODE, and this its solution.

    Two dense layers, which recipes quantize and prune as any other, make coefficients and right sides; for
    each dimension one equation `u^(order) + sum over lower derivatives of c u = b`. A third one makes initial
    values of the features at the first timestep. The solver itself works in float64, whatever comes in, and
    gives back the type of the features.

    Args:
        features: Features at a timestep.
        dims: D, dimensions of the solution.
        order: Order of the equations, at least 1.
        step: Length of a step at the start; learnt, one number.
        central: See `solve_ode`.

    Raises:
        ConfigError: A size is no integer of at least 1.

    Reference:
        chen2025.
    """

    def __init__(
        self, features: int, dims: int, order: int = 2, *, step: float = 0.1, central: bool = False
    ) -> None:
        super().__init__()
        for name, value in (("features", features), ("dims", dims), ("order", order)):
            whole(value, f"Mechanistic.{name}", 1, 1_000_000)
        self.features, self.dims, self.order, self.central = features, dims, order, central
        self.coefficients = nn.Linear(features, dims * order)
        self.forcing = nn.Linear(features, dims)
        self.initial = nn.Linear(features, dims * order)
        self.log_step = nn.Parameter(torch.tensor(float(step)).log())

    def forward(self, x: Tensor) -> Tensor:
        """The solutions.

        Args:
            x: Shape (time, batch, features).

        Returns:
            Shape (time, batch, dims).

        Raises:
            ShapeError: Another shape.
        """
        if x.dim() != 3 or x.shape[2] != self.features:
            rule = f"shape (time, batch, {self.features})"
            raise ShapeError(Problem("Mechanistic", f"shape {tuple(x.shape)}", rule))
        T, N = x.shape[:2]
        D = self.dims
        lower = self.coefficients(x).double().reshape(T, N, D, self.order)
        highest = torch.ones(T, N, D, 1, dtype=torch.float64, device=x.device)
        rows = torch.cat([lower, highest], -1)  # (T, N, D, R): equation d knows dimension d alone
        c = torch.diag_embed(rows.transpose(2, 3)).movedim(2, -1).transpose(0, 1)
        b = self.forcing(x).double().transpose(0, 1)
        v = self.initial(x[0]).double().reshape(N, 1, D, self.order)
        h = self.log_step.double().exp().expand(N, T - 1)
        u = solve_ode(c, b, v, h, weights=RowWeights(), central=self.central)
        return u[..., 0].transpose(0, 1).to(x.dtype)
