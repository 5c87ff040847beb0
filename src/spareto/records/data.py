"""Which data a network is trained and measured on, as data."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from spareto.core.config import Record, Rule

Timesteps = Annotated[
    int, Field(ge=1, le=1000, strict=True), Rule("a number of timesteps, an integer from 1 to 1000")
]
Option = Annotated[str | int | float | bool | None, Rule("a text, a number, true, false or null")]


class DataPlan(Record):
    """A data set, and how its events become frames.

    Args:
        name: Name of the data set.
        timesteps: T, the number of equal time bins.
        binary: Frames of 0 and 1, else event counts up to 255.
        options: Options of the data set itself; `root` says where its files are.
    """

    name: str = "digits"
    timesteps: Timesteps = 10
    binary: bool = True
    options: dict[str, Option] = Field(default_factory=dict[str, Option])
