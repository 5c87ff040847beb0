"""How spikes become a list of addresses: the priority encoder of event-driven hardware, chunk by chunk.

Reference:
    aliyev2024, and SNN-DSE: a register of the inputs, of which an encoder sees `chunk` bits at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Listed:
    """A bit vector as the list of its ones.

    Args:
        addresses: The ones, rising.
        cycles: What listing them took: one a chunk, and one a spike.
    """

    addresses: tuple[int, ...]
    cycles: int


def list_addresses(bits: Sequence[bool] | npt.NDArray[np.bool_], chunk: int) -> Listed:
    """List the ones of a bit vector as the encoder does.

    In each cycle it gives the lowest one of the chunk before it and clears it; an empty chunk makes way for
    the next.

    Args:
        bits: The inputs of one timestep.
        chunk: Bits the encoder sees.

    >>> list_addresses([0, 1, 0, 0, 1, 1], 4)
    Listed(addresses=(1, 4, 5), cycles=5)
    """
    register, found, cycles = [bool(bit) for bit in bits], list[int](), 0
    for first in range(0, len(register), chunk):
        window = register[first : first + chunk]
        while any(window):
            lowest = window.index(True)
            found.append(first + lowest)
            window[lowest] = False
            cycles += 1
        cycles += 1
    return Listed(tuple(found), cycles)


def chunks(inputs: int, chunk: int) -> int:
    """Chunks of a bit vector, each of which takes a cycle to look at."""
    return ceil(inputs / chunk)
