"""Mechanistic networks: time and memory of the banded solver over the timesteps, beside a dense one.

python -m benchmarks.mechanistic [--rounds 5] [--json]

`y'' + y = 0`, float64, one thread, CPU time, the least of some rounds: forward and backward of 16 equations
for the banded solver, one factorization and one solve of one equation for the dense one, of the same normal
equations.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spareto.mechanistic import RowWeights, solve_ode
from spareto.mechanistic.system import Banded, Problems, assemble

BANDED, DENSE = (1000, 2000, 4000, 8000), (250, 500, 1000)
EQUATIONS = 16


def oscillators(T: int, count: int) -> list[Tensor]:
    """c, b, v and h."""
    c = torch.zeros(count, T, 1, 1, 3, dtype=torch.float64)
    c[..., 0] = c[..., 2] = 1
    v = torch.tensor([1.0, 0.0], dtype=torch.float64).repeat(count, 1, 1, 1)
    given = [c, c.new_zeros(count, T, 1), v, c.new_full((count, T - 1), 0.01)]
    return [x.requires_grad_() for x in given]


def dense(system: Banded) -> Tensor:
    """The first equation as one matrix."""
    T, B = system.rhs.shape[1:]
    M = torch.zeros(T, B, T, B, dtype=torch.float64)
    for t in range(T):
        M[t, :, t] = system.diag[0, t]
    for t in range(T - 1):
        M[t + 1, :, t] = system.sub[0, t]
    factor = torch.linalg.cholesky(M.reshape(T * B, T * B).tril_())
    return torch.cholesky_solve(system.rhs[0].reshape(-1, 1), factor)


def seconds(run: Callable[[], object], rounds: int) -> float:
    """The least CPU time of some rounds."""
    found: list[float] = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return min(found)


def kept(T: int) -> int:
    """Bytes that wait for the backward pass."""
    u = solve_ode(*oscillators(T, EQUATIONS))
    bands = u.grad_fn.next_functions[0][0]  # type: ignore[union-attr]
    return sum(8 * x.numel() for x in bands.saved_tensors if x is not None)  # type: ignore[union-attr]


def slope(values: dict[int, float]) -> float:
    """Exponent of the power law through the points."""
    return float(np.polyfit(np.log(list(values)), np.log(list(values.values())), 1)[0])


def measure(rounds: int) -> dict[str, Any]:
    """Times and bytes, and their exponents."""
    torch.set_num_threads(1)
    inputs = {T: oscillators(T, EQUATIONS) for T in BANDED}
    banded = {T: seconds(lambda T=T: solve_ode(*inputs[T]).sum().backward(), rounds) for T in BANDED}
    with torch.no_grad():
        systems = {T: assemble(Problems(*oscillators(T, 1)), RowWeights(), central=False) for T in DENSE}
        matrix = {T: seconds(lambda T=T: dense(systems[T]), 2) for T in DENSE}
        one = oscillators(1000, 1)
        alone = seconds(lambda: solve_ode(*one), 2 * rounds)
    memory = {T: float(kept(T)) for T in BANDED}
    return {
        "banded seconds": banded,
        "banded exponent": slope(banded),
        "bytes kept": memory,
        "bytes exponent": slope(memory),
        "dense seconds": matrix,
        "dense exponent": slope(matrix),
        "banded seconds, one equation, T = 1000": alone,
        "times the dense solver, T = 1000": matrix[1000] / alone,
    }


def main(arguments: list[str] | None = None) -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args([] if arguments is None else arguments)
    found = measure(asked.rounds)
    if asked.json:
        print(json.dumps(found, indent=1))
        return
    for name, value in found.items():
        shown = {T: f"{each:.4g}" for T, each in value.items()} if isinstance(value, dict) else f"{value:.4g}"
        print(f"{name}: {shown}")


if __name__ == "__main__":
    main(sys.argv[1:])
