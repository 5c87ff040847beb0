"""A store's narrow rows, a column at a time: SQLite's own C hands Apache Arrow whole columns.

The driver (ADBC) brings a SQLite of its own. Two of them in one process do not see each other's locks on a
file, so a process reads like this only while it writes nothing there: what `spareto study export` does.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from spareto.core.errors import Problem, StoreError

BATCH: Final = 50_000
"""Rows that are in memory at once, of each batch; two or three of them are."""
PATIENCE_MS: Final = 60_000
WHOLE: Final = frozenset({"seed", "weight_bits"})
TEXTS: Final = frozenset({"trial", "stage", "recipe_hash", "regime", "weight_format"})
_BACKUP: Final = "Restore the file from a backup."


def available() -> bool:
    """Whether the packages are there: the extra 'parquet'."""
    try:
        import adbc_driver_sqlite  # noqa: F401
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


def batches(file: Path, names: Sequence[str]) -> Generator[Any]:
    """The rows of a SQLite store in their order, as `pyarrow.RecordBatch`.

    The driver takes a column's type from its first rows; a row of the right types, which is not handed on,
    comes before the store's own.

    Args:
        file: The database, of the newest format.
        names: Columns of the narrow rows.

    Raises:
        StoreError: The file is damaged, or held by a writer for a minute.
    """
    from adbc_driver_sqlite import dbapi

    typed = ", ".join(f"{_example(name)} AS {name}" for name in names)
    asked = (
        f"SELECT {typed} UNION ALL SELECT * FROM (SELECT {', '.join(names)} FROM points ORDER BY position)"
    )
    try:
        opened = dbapi.connect(f"{file.absolute().as_uri()}?mode=ro")
        with opened as connection, connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")
            cursor.fetchall()
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(BATCH)})
            cursor.execute(asked)
            first = 1
            for batch in cursor.fetch_record_batch():
                batch.validate(full=True)  # text of a damaged file may be no text
                yield batch.slice(first)
                first = 0
    except (OSError, ValueError, dbapi.Error) as error:
        got = " ".join(str(error).split())[:200]
        raise StoreError(Problem(str(file), got, "a study written by spareto", _BACKUP)) from error


def ahead(found: Iterator[Any], take: Callable[[Any], object]) -> int:
    """Hand batches on, while a thread of its own makes the next; how many rows."""
    with ThreadPoolExecutor(1) as thread:

        def coming() -> Iterator[Any]:
            future = thread.submit(next, found, None)
            while (batch := future.result()) is not None:
                future = thread.submit(next, found, None)
                yield batch

        return counted(coming(), take)


def counted(found: Iterator[Any], take: Callable[[Any], object]) -> int:
    """Hand batches on one by one; how many rows."""
    count = 0
    for batch in found:
        take(batch)
        count += len(batch)
    return count


def _example(name: str) -> str:
    return "''" if name in TEXTS else "0" if name in WHOLE else "0.0"
