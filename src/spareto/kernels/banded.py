"""Block banded systems in C: factored along time, and solved, in float64."""

from __future__ import annotations

import torch
from torch import Tensor

from spareto.kernels.library import function


def solve(diag: Tensor, sub: Tensor, far: Tensor | None, x: Tensor, *, ready: bool) -> Tensor:
    """Solve systems in place.

    Args:
        diag: Blocks of the diagonal, contiguous float64, shape `(N, T, B, B)`; become factors.
        sub: Blocks (t + 1, t), shape `(N, T - 1, B, B)`; likewise.
        far: Blocks (t + 2, t), shape `(N, T - 2, B, B)`; likewise. None where they are zero.
        x: Right sides, shape `(N, T, B)`; become the solutions.
        ready: Whether the first three are factors already.

    Returns:
        Of each system the block at which it was found not to be positive definite, or -1; int64, `(N,)`.
    """
    count, time, size = x.shape
    failed = torch.empty(count, dtype=torch.int64)
    threads = min(torch.get_num_threads(), max(count, 1))
    call = function("spareto_band_solve", "pppppqqqii")
    place = None if far is None else far.data_ptr()
    call(
        *(diag.data_ptr(), sub.data_ptr(), place, x.data_ptr(), failed.data_ptr()),
        *(count, time, size, int(ready), threads),
    )
    return failed
