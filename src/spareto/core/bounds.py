"""How large the numbers of a record may be: far beyond any use, and small enough to be counted with.

A number without an end is a loop without an end, or a sum that is no number any more. So every number of a
record has a largest value; where a record knows a tighter one, it says so itself.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from spareto.core.config import Rule
from spareto.core.limits import MOST_AMOUNT as MOST_AMOUNT
from spareto.core.limits import MOST_COUNTED as MOST_COUNTED
from spareto.core.limits import MOST_SEED as MOST_SEED
from spareto.core.limits import MOST_STORED as MOST_STORED

Seed = Annotated[int, Field(ge=0, le=MOST_SEED, strict=True), Rule("an integer of at least 0, below 2^63")]
Natural = Annotated[int, Field(ge=0, le=MOST_STORED)]
Positive = Annotated[int, Field(ge=1, le=MOST_STORED)]
Amount = Annotated[float, Field(ge=0, le=MOST_AMOUNT)]
Above = Annotated[float, Field(gt=0, le=MOST_AMOUNT)]
Signed = Annotated[float, Field(ge=-MOST_AMOUNT, le=MOST_AMOUNT)]
