"""Where versions of the reference tools count differently, as named switches of `timeloop-compatible`.

The switches by the tool whose printed numbers follow them:

| switch | Sparseloop, MICRO 2022 artifact | Timeloop, published exercises |
|---|---|---|
| `first_sums` | `charged` | `free` |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

FirstSums = Literal["charged", "free"]
Tool = Literal["sparseloop-micro2022", "timeloop-exercises"]


@dataclass(frozen=True)
class Conventions:
    """How accesses are charged where versions of the reference tools differ.

    Args:
        first_sums: Whether a partial sum that does not exist yet is written into a buffer all the same
            (`charged`), or appears there with its first update (`free`).
    """

    first_sums: FirstSums = "charged"


SPARSELOOP: Final = Conventions()
TOOLS: Final[dict[Tool, Conventions]] = {
    "sparseloop-micro2022": SPARSELOOP,
    "timeloop-exercises": Conventions(first_sums="free"),
}
