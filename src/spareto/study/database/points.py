"""The narrow rows of a store: what tables, fronts and exports of many trials are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from spareto.records.rows import TrialRow, trial_row
from spareto.records.trial import Trial
from spareto.study.database.tables import points
from spareto.study.front import in_order

COLUMNS: Final = (
    "trial", "recipe_hash", "regime", "seed", "weight_bits", "weight_sparsity", "weight_sparsity_target",
    "accuracy", "validation_accuracy", "energy_pj", "latency_cycles", "stored_bytes", "weight_format",
)  # fmt: skip


def point_of(trial: Trial) -> dict[str, Any]:
    """The row of a trial, without its place in the order."""
    row: dict[str, Any] = {**trial_row(trial, False)}
    del row["on_front"]
    return {
        **row,
        "stage": trial.stage,
        "chosen_by": trial.chosen_by,
        "seconds": trial.seconds,
    }


def row_of(point: Mapping[Any, Any], on_front: bool) -> TrialRow:
    """The row of a table."""
    values: dict[str, Any] = {name: point[name] for name in COLUMNS}
    return TrialRow(**{**values, "on_front": on_front})  # pyright: ignore[reportArgumentType]


def stage_shown(connection: Connection) -> str | None:
    """`result` where a study has results; None, which means every trial, while a search is under way."""
    found = connection.execute(
        sa.select(points.c.position).where(points.c.stage == "result").limit(1)
    ).first()
    return "result" if found else None


def front_positions(connection: Connection, stage: str | None) -> set[int]:
    """Places of the trials that no other dominates: in the order of energy, those that raise the accuracy.

    The rows come one after the other from an index, so a million of them take no memory.
    """
    asked = sa.select(points.c.position, points.c.energy_pj, points.c.chosen_by)
    if stage is not None:
        asked = asked.where(points.c.stage == stage)
    asked = asked.order_by(points.c.energy_pj, points.c.chosen_by.desc())
    rows = connection.execution_options(yield_per=5000).execute(asked)
    places: list[int] = []

    def costs() -> Iterator[tuple[float, float]]:
        for position, energy, accuracy in rows:
            places.append(position)
            yield energy, -accuracy

    found: set[int] = set()
    for flag in in_order(costs()):
        place = places.pop()
        if flag:
            found.add(place)
    return found


def rows_at(connection: Connection, positions: Sequence[int]) -> list[Mapping[Any, Any]]:
    """Rows at some places, in the order of the study."""
    found: list[Mapping[Any, Any]] = []
    for first in range(0, len(positions), 500):
        some = positions[first : first + 500]
        asked = sa.select(points).where(points.c.position.in_(some)).order_by(points.c.position)
        found += [dict(row) for row in connection.execute(asked).mappings()]
    return found
