"""The trials of a store as a table for other programs, however many there are."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from spareto.core.artifacts import replacing
from spareto.core.errors import ConfigError, Problem, SparetoError
from spareto.core.extras import imported
from spareto.study.database import columns
from spareto.study.database.points import COLUMNS
from spareto.study.database.tables import points, trials

BATCH_OF_RECORDS: Final = 1000
"""Trials in full that are in memory at once; of some 20 kB each."""
RECORDS: Final = ("key", "record", "checksum")
"""Columns that hold a trial in full; they can be imported again. Files of before have no checksums."""
MOST_UNPACKED: Final = 1032
"""Bytes that one byte of a Parquet file may declare."""
EXPORTED: Final = (*COLUMNS[:1], "stage", *COLUMNS[1:], "chosen_by", "seconds", "finished")


def export(
    connection: Connection, path: Path, *, records: bool = False, columns_of: Path | None = None
) -> int:
    """Write a CSV or Parquet file, by its suffix: one row per trial, units in the names of the columns.

    Args:
        connection: Of the store.
        path: The file.
        records: Also every trial in full.
        columns_of: The store's SQLite file, to read it a column at a time where the packages for that are
            there and no records are wanted; three times as fast. This process must not write to it meanwhile.

    Returns:
        How many rows.

    Raises:
        ConfigError: The suffix is neither `.csv` nor `.parquet`.
        MissingDependency: Parquet needs pyarrow.
        StoreError: The file cannot be written, or the store is damaged.
    """
    kinds = {".csv": (_csv, _csv_columns), ".parquet": (_parquet, _parquet_columns)}
    if path.suffix not in kinds:
        raise ConfigError(Problem("file", str(path), "a name that ends with .csv or .parquet"))
    by_row, by_column = kinds[path.suffix]
    with replacing(path) as temporary:
        if columns_of is not None and not records and columns.available():
            return by_column(temporary, columns.batches(columns_of, EXPORTED))
        names = (*EXPORTED, *(RECORDS if records else ()))
        return by_row(temporary, names, _batches(connection, records))


def read(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a file with records, one after the other.

    Raises:
        ConfigError: It has none, or is no such file.
    """
    try:
        yield from _read_csv(path) if path.suffix == ".csv" else _read_parquet(path)
    except SparetoError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        got = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ConfigError(Problem(str(path), got, "a CSV or Parquet file of spareto study export")) from None


def _batches(connection: Connection, records: bool) -> Iterator[Sequence[sa.Row[Any]]]:
    asked = sa.select(*(points.c[name] for name in EXPORTED))
    if records:
        asked = asked.add_columns(trials.c.key, trials.c.trial, trials.c.checksum).join(
            trials, trials.c.position == points.c.position
        )
    size = BATCH_OF_RECORDS if records else columns.BATCH
    found = connection.execution_options(yield_per=size).execute(asked.order_by(points.c.position))
    yield from found.partitions()


def _csv(path: Path, names: tuple[str, ...], batches: Iterator[Sequence[sa.Row[Any]]]) -> int:
    count = 0
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(names)
        for rows in batches:
            writer.writerows(rows)
            count += len(rows)
    return count


def _csv_columns(path: Path, batches: Iterator[Any]) -> int:
    arrow, _ = _pyarrow()
    from pyarrow import csv as arrow_csv

    options = arrow_csv.WriteOptions(include_header=False, quoting_style="needed")
    with arrow.OSFile(str(path), "wb") as file:
        file.write(f"{','.join(EXPORTED)}\n".encode())
        with arrow_csv.CSVWriter(file, _schema(EXPORTED), write_options=options) as writer:
            return columns.ahead(batches, writer.write_batch)


def _parquet(path: Path, names: tuple[str, ...], batches: Iterator[Sequence[sa.Row[Any]]]) -> int:
    arrow, _ = _pyarrow()
    schema = _schema(names)

    def packed() -> Iterator[Any]:
        for rows in batches:
            pairs = zip(zip(*rows, strict=True), schema.types, strict=True)
            try:
                found = [arrow.array(values, kind) for values, kind in pairs]
            except arrow.ArrowException as error:  # somebody wrote to the store
                raise ValueError(str(error)) from None
            yield arrow.record_batch(found, schema=schema)

    with _parquet_file(path, names) as writer:
        return columns.counted(packed(), writer.write_batch)


def _parquet_columns(path: Path, batches: Iterator[Any]) -> int:
    with _parquet_file(path, EXPORTED) as writer:
        return columns.ahead(batches, writer.write_batch)


def _parquet_file(path: Path, names: tuple[str, ...]) -> Any:
    repeated = sorted(columns.TEXTS.intersection(names) - {"recipe_hash"})
    return _pyarrow()[1].ParquetWriter(path, _schema(names), use_dictionary=repeated)


def _schema(names: tuple[str, ...]) -> Any:
    arrow, _ = _pyarrow()
    kinds = {
        **dict.fromkeys((*columns.TEXTS, *RECORDS), arrow.string()),
        **dict.fromkeys(columns.WHOLE, arrow.int64()),
    }
    return arrow.schema([(name, kinds.get(name, arrow.float64())) for name in names])


def _read_csv(path: Path) -> Iterator[Mapping[str, Any]]:
    csv.field_size_limit(1 << 30)  # a trial in full is longer than what a cell mostly holds
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        _require_records(path, reader.fieldnames or ())
        yield from reader


def _read_parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    arrow, files = _pyarrow()
    try:
        with files.ParquetFile(path) as file:
            names, facts, size = file.schema_arrow.names, file.metadata, path.stat().st_size
            _require_records(path, names)
            unpacked = sum(facts.row_group(n).total_byte_size for n in range(facts.num_row_groups))
            if facts.num_rows > size or unpacked > MOST_UNPACKED * size:
                raise ValueError(f"{facts.num_rows:,} rows of {unpacked:,} bytes in a file of {size:,} bytes")
            wanted = [name for name in RECORDS if name in names]
            for batch in file.iter_batches(batch_size=64, columns=wanted):
                batch.validate(full=True)
                yield from batch.to_pylist()
    except arrow.ArrowException as error:  # some are no ValueError
        raise ValueError(str(error)) from None


def _require_records(path: Path, names: Sequence[str]) -> None:
    if not set(RECORDS[:2]) <= set(names):
        cure = "Export it with --records."
        raise ConfigError(Problem(str(path), "a table without records", "trials in full", cure))


def _pyarrow() -> tuple[Any, Any]:
    cure = "Install it: pip install 'spareto[parquet]', or write .csv."
    told = "export", "a Parquet file", "the package pyarrow", cure
    return imported("pyarrow", *told), imported("pyarrow.parquet", *told)
