"""Where versions of the reference tools count differently, as named switches of `timeloop-compatible`.

Which switch the printed numbers of a tool follow:

| switch | Timeloop 0.3 exercises, Sparseloop's artifact of MICRO 2022 | Timeloop 0.4 exercises |
|---|---|---|
| `first_sums` | `charged` | `free` |
| `halo` | `kept` | `dropped` |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from spareto.hardware.counting.accesses import Halo as Halo

FirstSums = Literal["charged", "free"]
Tool = Literal["sparseloop-micro2022", "timeloop-0.3", "timeloop-0.4"]


@dataclass(frozen=True)
class Conventions:
    """How accesses are charged where versions of the reference tools differ.

    Args:
        first_sums: Whether a partial sum that does not exist yet is written into a buffer all the same
            (`charged`), or appears there with its first update (`free`).
        halo: Whether inputs that two neighbouring tiles share stay in the buffer when other loops ran in
            between (`kept`), or are fetched again (`dropped`).
    """

    first_sums: FirstSums = "charged"
    halo: Halo = "kept"


SPARSELOOP: Final = Conventions()
TOOLS: Final[dict[Tool, Conventions]] = {
    "sparseloop-micro2022": SPARSELOOP,
    "timeloop-0.3": SPARSELOOP,
    "timeloop-0.4": Conventions(first_sums="free", halo="dropped"),
}
