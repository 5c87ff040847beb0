"""Random numbers of a user's code that are the same each time it runs."""

from __future__ import annotations

import random
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np


@contextmanager
def fixed_random(seed: int) -> Generator[None]:
    """Python's and numpy's global generators begin with a seed, and afterwards go on as before."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002 - what users' code draws from
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
