"""How large the numbers of a record may be: far beyond any use, and small enough to be counted with.

A number without an end is a loop without an end, or a sum that is no number any more. So every number of a
record has a largest value; where a record knows a tighter one, it says so itself.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from spareto.core.arguments import MOST_SEED as MOST_SEED
from spareto.core.config import Rule

MOST_COUNTED: Final = 1_000_000_000
"""Samples, epochs, channels or timesteps: what is walked through one by one."""

MOST_STORED: Final = 1 << 48
"""Elements, bits or microseconds: what is only multiplied."""

MOST_AMOUNT: Final = 1e100
"""Energies, cycles and other sums; a thousand products of them are still numbers."""

Seed = Annotated[int, Field(ge=0, le=MOST_SEED, strict=True), Rule("an integer of at least 0, below 2^63")]
Natural = Annotated[int, Field(ge=0, le=MOST_STORED)]
Positive = Annotated[int, Field(ge=1, le=MOST_STORED)]
Amount = Annotated[float, Field(ge=0, le=MOST_AMOUNT)]
Above = Annotated[float, Field(gt=0, le=MOST_AMOUNT)]
Signed = Annotated[float, Field(ge=-MOST_AMOUNT, le=MOST_AMOUNT)]
