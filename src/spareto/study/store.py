"""Finished trials in one SQLite file: a trial that was put is there after a kill, a crash or a reboot."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from spareto.core.artifacts import canonical_json
from spareto.core.errors import Problem, StoreError
from spareto.records.trial import Trial

STORE_NAME = "study.sqlite"
FORMAT = 1
_APPLICATION = (
    0x53504152  # "SPAR" in the file's header, so that `file` and we can tell it from other databases
)
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS trials (
    position INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, trial TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {FORMAT};
COMMIT;
"""


class TrialStore:
    """The trials of one study, each written durably before the next one starts.

    Args:
        path: The database file; `TrialStore.of` finds it in a run folder.
        read_only: Open an existing study for reading; never creates or changes a file.

    Raises:
        StoreError: The file is missing (reading), is no study, or was written by a newer version.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        self.path = Path(path)
        if read_only and not self.path.is_file():
            raise self._error(
                "no such file", "a study database", "Check the path, or run 'spareto study run' first."
            )
        if not read_only:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        # Reading opens "rw" too: a journal left by a killed writer can only be rolled back by a writer.
        mode = "rw" if read_only else "rwc"
        with self._reported():
            self._db = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode={mode}", uri=True, timeout=30)
        try:
            self._open(read_only)
        except BaseException:
            self._db.close()
            raise

    @classmethod
    def of(cls, run: str | Path, *, read_only: bool = True) -> TrialStore:
        """Open the store of `run`: a run folder, or the database file itself."""
        run = Path(run)
        is_file = run.is_file() or run.suffix == Path(STORE_NAME).suffix
        return cls(run if is_file else run / STORE_NAME, read_only=read_only)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; everything put before is already on disk."""
        self._db.close()

    def put(self, key: str, trial: Trial) -> None:
        """Keep `trial` under `key`; returns once it is on disk. A known key keeps its place in the order."""
        statement = (
            "INSERT INTO trials (key, trial) VALUES (?, ?)"
            " ON CONFLICT (key) DO UPDATE SET trial = excluded.trial"
        )
        with self._reported(), self._db:
            self._db.execute(statement, (key, canonical_json(trial.to_dict())))

    def get(self, key: str) -> Trial | None:
        """The trial kept under `key`, or None."""
        rows = self._rows("SELECT key, trial FROM trials WHERE key = ?", key)
        return self._trial(*rows[0]) if rows else None

    def __contains__(self, key: object) -> bool:
        return bool(self._rows("SELECT 1 FROM trials WHERE key = ?", key))

    def __len__(self) -> int:
        return self._rows("SELECT count(*) FROM trials")[0][0]

    def trials(self) -> tuple[Trial, ...]:
        """All trials in the order in which they were first put."""
        return tuple(
            self._trial(*row) for row in self._rows("SELECT key, trial FROM trials ORDER BY position")
        )

    @property
    def meta(self) -> dict[str, str]:
        """What is known of the study as a whole: `study`, `network`, `dataset`, `accelerator`, ..."""
        return dict(self._rows("SELECT key, value FROM meta ORDER BY rowid"))

    def set_meta(self, **entries: str) -> None:
        """Keep facts of the study as a whole; a known key gets the new value."""
        statement = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        with self._reported(), self._db:
            self._db.executemany(statement, entries.items())

    def _open(self, read_only: bool) -> None:
        self._rows("PRAGMA synchronous = FULL")
        version, ours = self._pragma("user_version"), self._pragma("application_id") == _APPLICATION
        tables = {name for (name,) in self._rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if version > FORMAT and (ours or tables <= {"trials", "meta"}):
            rule = f"format {FORMAT} or older"
            raise self._error(f"study format {version}", rule, "Update spareto, or start a new study folder.")
        if not ours and (read_only or tables):
            got = "another program's database" if tables else "an empty database"
            raise self._error(
                got, "a study written by spareto", "Check the path, or start a new study folder."
            )
        with self._reported():
            if not ours:
                self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA query_only = {int(read_only)}")

    def _pragma(self, name: str) -> int:
        return self._rows(f"PRAGMA {name}")[0][0]

    def _rows(self, statement: str, *values: object) -> list[Any]:
        with self._reported():
            return self._db.execute(statement, values).fetchall()

    def _trial(self, key: str, text: str) -> Trial:
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise self._error(
                f"{error} in trial '{key}'", "JSON", "Restore the file from a backup."
            ) from None
        return Trial.parse(data, f"{self.path}: trial '{key}'")

    def _error(self, got: str, rule: str, cure: str) -> StoreError:
        return StoreError(Problem(str(self.path), got, rule, cure))

    @contextmanager
    def _reported(self) -> Generator[None]:
        """Turn what SQLite raises into the error template."""
        try:
            yield
        except sqlite3.OperationalError as error:
            cure = "Check the disk and its rights, and that no other program holds the file."
            raise self._error(str(error), "a study database that can be used", cure) from error
        except sqlite3.DatabaseError as error:
            cure = "Check the path, or start a new study folder."
            got = "no SQLite database" if "not a database" in str(error) else str(error)
            raise self._error(got, "a study written by spareto", cure) from error
