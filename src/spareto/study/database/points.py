"""The narrow rows of a store: what tables, fronts and exports of many trials are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from spareto.core.text import shown
from spareto.records.rows import TrialRow, trial_row
from spareto.records.trial import Trial
from spareto.study.database.tables import points, trials
from spareto.study.front import in_order

COLUMNS: Final = (
    "trial", "recipe_hash", "regime", "seed", "weight_bits", "weight_sparsity", "weight_sparsity_target",
    "accuracy", "validation_accuracy", "energy_pj", "latency_cycles", "stored_bytes", "weight_format",
)  # fmt: skip

_TEXTS: Final = frozenset(column.name for column in points.columns if isinstance(column.type, sa.Text))
_WHOLE: Final = frozenset(column.name for column in points.columns if isinstance(column.type, sa.Integer))
_OPTIONAL: Final = frozenset(column.name for column in points.columns if column.nullable)


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


def sound(point: Mapping[Any, Any]) -> dict[str, Any]:
    """The row, if every value is of its column's kind.

    Raises:
        ValueError: One is not; somebody wrote to the store.
    """
    for name, value in point.items():
        if value is None and name in _OPTIONAL:
            continue
        kinds = (str,) if name in _TEXTS else (int,) if name in _WHOLE else (float, int)
        if type(value) not in kinds or (type(value) is float and not isfinite(value)):
            raise ValueError(f"{shown(value)} as {name} of the trial at place {point['position']}")
    return {**point}


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
    """Places of the trials that no other dominates, in a stage or in all of them."""
    stages = connection.execute(sa.select(points.c.stage).distinct()).scalars() if stage is None else [stage]
    rows = [row for each in [*stages] for row in _front_of(connection, each)]
    rows.sort(key=lambda row: (row[1], -row[2]))
    flags = in_order((energy, -accuracy) for _, energy, accuracy in rows)
    return {row[0] for row, flag in zip(rows, flags, strict=True) if flag}


def _front_of(connection: Connection, stage: str) -> Iterator[tuple[int, float, float]]:
    """Places, energies and accuracies: always the cheapest trial that is more accurate than the last one.

    The index is in this order, so the database passes over it once, whatever the number of trials.
    """
    asked = sa.select(points.c.position, points.c.energy_pj, points.c.chosen_by).where(
        points.c.stage == stage
    )
    order, better = (points.c.energy_pj, points.c.chosen_by.desc()), asked
    while (row := connection.execute(better.order_by(*order).limit(1)).first()) is not None:
        _, energy, accuracy = row
        if not all(isinstance(value, float | int) for value in (energy, accuracy)):
            raise ValueError(f"{shown(energy)} and {shown(accuracy)} as energy and accuracy of a trial")
        same = asked.where(points.c.energy_pj == energy, points.c.chosen_by == accuracy)
        yield from (tuple(each) for each in connection.execute(same))
        better = asked.where(points.c.energy_pj > energy, points.c.chosen_by > accuracy)


def rows_at(connection: Connection, positions: Sequence[int]) -> list[dict[str, Any]]:
    """Rows at some places, in the order of the study."""
    return list(_at(connection, points, positions))


def held(
    connection: Connection,
    found: Sequence[Mapping[Any, Any]],
    read: Callable[..., Trial],
    *,
    all_of_them: bool = False,
) -> None:
    """Hold rows against their trials in full, which carry checksums.

    Args:
        connection: Of the store.
        found: Rows.
        read: Gives the trial of a key, a text and a checksum, if they belong together.
        all_of_them: There must be one for each trial.

    Raises:
        ValueError: A row says something else than its trial.
    """
    places = [point["position"] for point in found]
    records = {each["position"]: each for each in _at(connection, trials, places)}
    count = connection.execute(sa.select(sa.func.count()).select_from(trials)).scalar_one()
    if all_of_them and count != len(found):
        raise ValueError(f"{len(found)} rows of numbers for {count} trials")
    for point in found:
        record = records.get(point["position"])
        if record is None:
            raise ValueError(f"no trial at place {point['position']}")
        expected = point_of(read(record["key"], record["trial"], record["checksum"]))
        for name, value in expected.items():
            if point[name] != (float(value) if isinstance(value, int) and name not in _WHOLE else value):
                raise ValueError(f"{shown(point[name])} as {name} of trial '{record['key'][:40]}'")


def _at(connection: Connection, table: sa.Table, positions: Sequence[int]) -> Iterator[dict[str, Any]]:
    for first in range(0, len(positions), 500):
        some = positions[first : first + 500]
        asked = sa.select(table).where(table.c.position.in_(some)).order_by(table.c.position)
        yield from (dict(row) for row in connection.execute(asked).mappings())
