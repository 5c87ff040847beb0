"""Versions of a store: old ones migrate behind a backup copy, newer ones are refused."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.schema import CreateSchema

from spareto.core.artifacts import replacing
from spareto.records.trial import Trial
from spareto.study.database.engines import BACKUP, OTHER, Database
from spareto.study.database.points import point_of
from spareto.study.database.tables import formats, metadata, points

FORMAT: Final = 3
"""Format 1 named trials by what differed from the defaults, and trained on all samples but those of the test.
Such trials are read, but no study goes on with them. Format 2 had full trials alone; it migrates."""

APPLICATION: Final = (
    0x53504152  # "SPAR" in the file's header, so that `file` and we can tell it from other databases
)

CHECKED: Final = 1 << 28
"""Bytes of a file up to which every page is looked at when it is opened; it takes a second or so."""
_log = logging.getLogger("spareto")


def opened(database: Database) -> int:
    """Make a database ready: create what is new, migrate what is old, refuse what is newer or another's.

    Returns:
        The format that it has now; an older one than `FORMAT` if it is only read.

    Raises:
        StoreError: It is damaged, another program's or a newer version's, or nothing to read.
    """
    return _file(database) if database.is_file else _server(database)


def _file(database: Database) -> int:
    with database.reading() as connection:
        version, ours = (
            _pragma(connection, "user_version"),
            _pragma(connection, "application_id") == APPLICATION,
        )
        tables = set(sa.inspect(connection).get_table_names())
        used = ours and bool(connection.exec_driver_sql("SELECT 1 FROM trials LIMIT 1").fetchall())
    if version > FORMAT and (ours or tables <= set(metadata.tables)):
        raise _newer(database, version)
    if ours and not database.read_only and version < 2 and used:
        rule = "format 2 or newer to go on with; older ones can be read"
        raise database.error(f"study format {version}", rule, "Start a new study folder with --out.")
    if not ours and (database.read_only or tables):
        got = "another program's database" if tables else "an empty database"
        cure = OTHER
        raise database.error(got, "a study written by spareto", cure)
    with database.reading() as connection:
        _refuse_damage(database, connection)
    if database.read_only or version == FORMAT:
        return version
    if ours and used:
        _copy(database, version)
    with database.writing() as connection:
        if ours:
            _add_checksums(connection)
        _upgrade(database, connection, version if ours else FORMAT)
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION}")
        connection.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")
    return FORMAT


def _server(database: Database) -> int:
    schema = database.place.schema
    with database.reading() as connection:
        there = sa.inspect(connection).has_table(formats.name, schema=schema)
        version = connection.execute(sa.select(formats.c.version)).scalar_one() if there else 0
    if version > FORMAT:
        raise _newer(database, version)
    if database.read_only and not there:
        got, cure = f"no study '{database.place.study}'", "List those it has: spareto study list URL."
        raise database.error(got, "a study of this database", cure)
    if database.read_only or version == FORMAT:
        return version
    with database.writing() as connection:
        database.one_by_one(connection)
        connection.execute(CreateSchema(schema, if_not_exists=True))
        metadata.create_all(connection)
        if not connection.execute(sa.select(formats.c.version)).first():
            connection.execute(sa.insert(formats).values(version=FORMAT))
    return FORMAT


def _upgrade(database: Database, connection: Connection, version: int) -> None:
    """Bring the tables to the newest format, step by step, in one transaction."""
    own = [table for table in metadata.sorted_tables if table is not formats]
    metadata.create_all(connection, tables=own)
    for step in range(version, FORMAT):
        if step in STEPS:
            STEPS[step](database, connection)


def _add_points(database: Database, connection: Connection) -> None:
    """From format 2 to 3: the numbers of each trial get a row of their own."""
    rows = connection.exec_driver_sql("SELECT position, key, trial FROM trials ORDER BY position")
    while found := rows.fetchmany(1000):
        made: list[dict[str, Any]] = []
        for position, key, text in found:
            try:
                data = json.loads(text)
            except (ValueError, TypeError, RecursionError) as error:
                raise database.error(f"{error} in trial '{key}'", "JSON", BACKUP) from None
            trial = Trial.parse(data, f"{database.place.where}: trial '{key}'")
            made.append({"position": position, **point_of(trial), "finished": None})
        connection.execute(sa.insert(points), made)


STEPS: Final[dict[int, Callable[[Database, Connection], None]]] = {2: _add_points}
"""What brings a format to the next one."""


def _copy(database: Database, version: int) -> None:
    """Keep the file as it is beside it, before it is migrated."""
    path = database.place.path
    kept = path.with_name(f"{path.stem}-format-{version}{path.suffix}")
    if not kept.exists():
        with replacing(kept) as temporary, database.writing():  # nobody writes meanwhile
            shutil.copyfile(path, temporary)
    _log.info(
        "spareto: %s goes from format %d to %d; as it was, it is kept in %s.", path, version, FORMAT, kept
    )


def _add_checksums(connection: Connection) -> None:
    """Files of before have none; they get the column when they are written to."""
    for table in ("trials", "meta"):
        columns = {row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")}
        if "checksum" not in columns:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN checksum TEXT")


def _refuse_damage(database: Database, connection: Connection) -> None:
    """What checksums of rows cannot see: pages of which rows are lost, indexes that miss some."""
    if database.place.path.stat().st_size > CHECKED:
        _log.info("spareto: %s is large, so its pages are not looked at one by one.", database.place.path)
        return
    found = connection.exec_driver_sql("PRAGMA integrity_check(1)").fetchall()[0][0]
    if found != "ok":
        got = f"a damaged database ({' '.join(str(found).split())[:80]})"
        raise database.error(got, "one as it was written", BACKUP)


def _newer(database: Database, version: int) -> Exception:
    rule, cure = f"format {FORMAT} or older", "Update spareto, or start a new study folder."
    return database.error(f"study format {version}", rule, cure)


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
