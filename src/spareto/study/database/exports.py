"""The trials of a store as a table for other programs, however many there are."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from spareto.core.artifacts import replacing
from spareto.core.errors import ConfigError, MissingDependency, Problem
from spareto.study.database.points import COLUMNS
from spareto.study.database.tables import points, trials

BATCH: Final = 20_000
"""Rows that are in memory at once."""
RECORDS: Final = ("key", "record")
"""Columns that hold a trial in full; they can be imported again."""
EXPORTED: Final = (*COLUMNS[:1], "stage", *COLUMNS[1:], "chosen_by", "seconds", "finished")


def export(connection: Connection, path: Path, *, records: bool = False) -> int:
    """Write a CSV or Parquet file, by its suffix: one row a trial, units in the names of the columns.

    Args:
        connection: Of the store.
        path: The file.
        records: Also every trial in full.

    Returns:
        How many rows.

    Raises:
        ConfigError: The suffix is neither `.csv` nor `.parquet`.
        MissingDependency: Parquet needs pyarrow.
        StoreError: The file cannot be written.
    """
    kinds = {".csv": _csv, ".parquet": _parquet}
    if path.suffix not in kinds:
        raise ConfigError(Problem("file", str(path), "a name that ends with .csv or .parquet"))
    names = (*EXPORTED, *(RECORDS if records else ()))
    with replacing(path) as temporary:
        return kinds[path.suffix](temporary, names, _batches(connection, records))


def read(path: Path) -> Iterator[Mapping[str, str]]:
    """The rows of a file with records.

    Raises:
        ConfigError: It has none, or is no such file.
    """
    try:
        rows = _read_csv(path) if path.suffix == ".csv" else _rows(path)
    except (OSError, ValueError) as error:
        got = str(error).splitlines()[0]
        raise ConfigError(Problem(str(path), got, "a CSV or Parquet file of spareto study export")) from None
    if rows and not set(RECORDS) <= rows[0].keys():
        cure = "Export it with --records."
        raise ConfigError(Problem(str(path), "a table without records", "trials in full", cure))
    yield from rows


def _batches(connection: Connection, records: bool) -> Iterator[list[tuple[Any, ...]]]:
    asked = sa.select(*(points.c[name] for name in EXPORTED))
    if records:
        asked = asked.add_columns(trials.c.key, trials.c.trial).join(
            trials, trials.c.position == points.c.position
        )
    found = connection.execution_options(yield_per=BATCH).execute(asked.order_by(points.c.position))
    for some in found.partitions():
        yield [tuple(row) for row in some]


def _csv(path: Path, names: tuple[str, ...], batches: Iterator[list[tuple[Any, ...]]]) -> int:
    count = 0
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(names)
        for rows in batches:
            writer.writerows(rows)
            count += len(rows)
    return count


def _parquet(path: Path, names: tuple[str, ...], batches: Iterator[list[tuple[Any, ...]]]) -> int:
    arrow, files = _pyarrow()
    whole = {"seed": arrow.int64(), "weight_bits": arrow.int64()}
    texts = {"trial", "stage", "recipe_hash", "regime", "weight_format", *RECORDS}
    kinds = [(n, arrow.string() if n in texts else whole.get(n, arrow.float64())) for n in names]
    schema, count = arrow.schema(kinds), 0
    with files.ParquetWriter(path, schema) as writer:
        for rows in batches:
            columns = [
                arrow.array(values, kind)
                for values, (_, kind) in zip(zip(*rows, strict=True), kinds, strict=True)
            ]
            writer.write_table(arrow.Table.from_arrays(columns, schema=schema))
            count += len(rows)
    return count


def _read_csv(path: Path) -> list[dict[str, str]]:
    csv.field_size_limit(1 << 30)  # a trial in full is longer than what a cell mostly holds
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _rows(path: Path) -> list[dict[str, Any]]:
    return _pyarrow()[1].read_table(path).to_pylist()


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        cure = "Install it: pip install 'spareto[parquet]', or write .csv."
        raise MissingDependency(Problem("export", "a Parquet file", "the package pyarrow", cure)) from error
    return pyarrow, pyarrow.parquet
