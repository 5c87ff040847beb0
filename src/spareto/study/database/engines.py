"""Connections to a store, and what its database says in our words."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event, exc
from sqlalchemy.pool import QueuePool

from spareto.core.artifacts import there, written
from spareto.core.errors import Problem, SparetoError, StoreError
from spareto.core.extras import imported
from spareto.study.database.beside import cure_of
from spareto.study.database.places import StorePlace

PATIENCE: Final = 60.0
"""Seconds that a write waits for others."""

RIGHTS: Final = "Check the disk and its rights, and that no other program holds the file."
ROOM: Final = "Make room on its disk; the same command then carries on."
BACKUP: Final = "Restore the file from a backup."
OTHER: Final = "Check the path, or start a new study folder."
SERVER: Final = "Check the URL, and that the server runs and lets you in."


class Database:
    """The database of one study.

    Args:
        place: Where it is.
        read_only: Never create or change anything.

    Raises:
        StoreError: There is none to read, or it cannot be reached.
        MissingDependency: A server's driver is not installed.
    """

    def __init__(self, place: StorePlace, *, read_only: bool = False) -> None:
        self.place, self.read_only = place, read_only
        self.is_file = place.url is None
        if self.is_file:
            self._prepare_file()
        self.engine: Engine = _of_file(place, read_only) if self.is_file else _of_server(place, read_only)

    def _prepare_file(self) -> None:
        path = self.place.path
        if self.read_only and not there(path):
            raise self.error("no such file", "a study database", cure_of(path.parent))
        if not self.read_only:
            with written(path):
                path.parent.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """A transaction that changes nothing."""
        with self._reported(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """A transaction that changes something: all of it is on disk behind the block, or nothing."""
        with (
            self._reported(),
            self.engine.connect().execution_options(writing=True) as connection,
            connection.begin(),
        ):
            yield connection

    def one_by_one(self, connection: Connection) -> None:
        """Let the transaction be the only one that gives places in the order of trials; until its end."""
        if not self.is_file:  # in SQLite there is one writer anyway
            connection.execute(
                sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": self.place.schema}
            )

    def now(self, connection: Connection) -> float:
        """The time by the database's clock, seconds; of a file, by this machine's."""
        if self.is_file:
            return time.time()
        return float(connection.execute(sa.text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    def error(self, got: str, rule: str, cure: str) -> StoreError:
        """What is wrong with this store."""
        return StoreError(Problem(self.place.where, got, rule, cure))

    @contextmanager
    def _reported(self) -> Generator[None]:
        """Turn what the database raises into the error template."""
        try:
            yield
        except SparetoError:
            raise
        except (OverflowError, ValueError) as error:  # no text, no JSON, numbers that are too large or none
            raise self.error(str(error), "a study written by spareto", BACKUP) from error
        except exc.DBAPIError as error:
            raise self._said(error.orig or error) from error
        except sqlite3.Error as error:  # while a connection is opened
            raise self._said(error) from error
        except exc.SQLAlchemyError as error:
            raise self.error(
                str(error).splitlines()[0], "a study database that can be used", RIGHTS
            ) from error

    def _said(self, error: BaseException) -> StoreError:
        text = " ".join(str(error).split())[:200]
        if not self.is_file:
            return self.error(text, "a study database that can be used", SERVER)
        if isinstance(error, OverflowError | UnicodeError) or "decode to UTF-8" in text:
            return self.error(text, "a study written by spareto", BACKUP)
        if isinstance(error, sqlite3.OperationalError):
            cure = ROOM if "disk is full" in text else RIGHTS
            return self.error(text, "a study database that can be used", cure)
        got = "no SQLite database" if "not a database" in text else text
        return self.error(got, "a study written by spareto", OTHER)


def _of_file(place: StorePlace, read_only: bool) -> Engine:
    # Reading opens "rw" too: a journal left by a killed writer can only be rolled back by a writer.
    address = f"{place.path.absolute().as_uri()}?mode={'rw' if read_only else 'rwc'}"

    def connect() -> sqlite3.Connection:
        found = sqlite3.connect(
            address, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            found.execute("PRAGMA synchronous = FULL")
            found.execute(f"PRAGMA query_only = {int(read_only)}")
        except BaseException:
            found.close()
            raise
        return found

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=QueuePool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        writes = connection.get_execution_options().get("writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _of_server(place: StorePlace, read_only: bool) -> Engine:
    cure = "Install it: pip install 'spareto[postgresql]'."
    imported("psycopg", "store", place.where, "the package psycopg", cure)
    engine = sa.create_engine(
        place.server, pool_pre_ping=True, connect_args={"connect_timeout": 10, "client_encoding": "utf8"}
    )
    given: dict[str, Any] = {"schema_translate_map": {None: place.schema}}
    if read_only:
        given["postgresql_readonly"] = True
    return engine.execution_options(**given)
