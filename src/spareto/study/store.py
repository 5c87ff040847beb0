"""Finished trials in one SQLite file: a trial that was put is there after a kill, a crash or a reboot."""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from spareto.core.artifacts import canonical_json, there, written
from spareto.core.errors import Problem, StoreError
from spareto.records.trial import Trial

STORE_NAME = "study.sqlite"
FORMAT = 2
"""Format 1 named trials by what differed from the defaults, and trained on all samples but those of the test.
Such trials are read, but no study goes on with them. A later format that does says how, here."""
_APPLICATION = (
    0x53504152  # "SPAR" in the file's header, so that `file` and we can tell it from other databases
)
_log = logging.getLogger("spareto")
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS trials (
    position INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, trial TEXT NOT NULL, checksum TEXT
);
CREATE TABLE IF NOT EXISTS proposals (
    position INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, proposal TEXT NOT NULL, checksum TEXT
);
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, checksum TEXT);
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {FORMAT};
COMMIT;
"""

_SET_META = (
    "INSERT INTO meta (key, value, checksum) VALUES (?, ?, ?)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value, checksum = excluded.checksum"
)
_PUT_PROPOSAL = (
    "INSERT INTO proposals (key, proposal, checksum) VALUES (?, ?, ?)"
    " ON CONFLICT (key) DO UPDATE SET proposal = excluded.proposal, checksum = excluded.checksum"
)


def _checksum(key: str, text: str) -> str:
    """Of a row; its place in the order is checked by the database."""
    return hashlib.sha256(f"{key}\n{text}".encode()).hexdigest()


class TrialStore:
    """The trials of one study, each written durably before the next one starts.

    Args:
        path: The database file; `TrialStore.of` finds it in a run folder.
        read_only: Open an existing study for reading; never creates or changes a file.

    Raises:
        StoreError: The file is missing (reading), is no study, or was written by a newer version.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        self.path, self._checksum = Path(path), "checksum"
        if read_only and not there(self.path):
            raise self._error(
                "no such file", "a study database", "Check the path, or run 'spareto study run' first."
            )
        if not read_only:
            with written(self.path):
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
        is_file = there(run) or run.suffix == Path(STORE_NAME).suffix
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
            "INSERT INTO trials (key, trial, checksum) VALUES (?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET trial = excluded.trial, checksum = excluded.checksum"
        )
        text = canonical_json(trial.to_dict())
        with self._reported(), self._db:
            self._db.execute(statement, (key, text, _checksum(key, text)))

    def get(self, key: str) -> Trial | None:
        """The trial kept under `key`, or None."""
        rows = self._rows(f"SELECT key, trial, {self._checksum} FROM trials WHERE key = ?", key)
        return self._trial(*rows[0]) if rows else None

    def __contains__(self, key: object) -> bool:
        return bool(self._rows("SELECT 1 FROM trials WHERE key = ?", key))

    def __len__(self) -> int:
        return self._rows("SELECT count(*) FROM trials")[0][0]

    def trials(self) -> tuple[Trial, ...]:
        """All trials in the order in which they were first put."""
        return tuple(trial for _, trial in self.items())

    def items(self) -> tuple[tuple[str, Trial], ...]:
        """The key and the trial of each, in the order in which they were first put."""
        rows = self._rows(f"SELECT key, trial, {self._checksum} FROM trials ORDER BY position")
        return tuple((row[0], self._trial(*row)) for row in rows)

    def put_proposal(self, key: str, proposal: Mapping[str, Any]) -> None:
        """Keep what a search proposed under `key`; returns once it is on disk."""
        text = canonical_json(proposal)
        with self._reported(), self._db:
            self._db.execute(_PUT_PROPOSAL, (key, text, _checksum(key, text)))

    def proposals(self) -> dict[str, dict[str, Any]]:
        """Everything that searches proposed, by key, in the order in which it was first put."""
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'proposals'"):
            return {}  # a study that never searched
        rows = self._rows("SELECT key, proposal, checksum FROM proposals ORDER BY position")
        return {
            self._sound("proposal", key, text, checksum): json.loads(text) for key, text, checksum in rows
        }

    @property
    def meta(self) -> dict[str, str]:
        """What is known of the study as a whole: `study`, `network`, `dataset`, `accelerator`, ..."""
        rows = self._rows(f"SELECT key, value, {self._checksum} FROM meta ORDER BY rowid")
        return {self._sound("fact", key, value, checksum): value for key, value, checksum in rows}

    def set_meta(self, **entries: str) -> None:
        """Keep facts of the study as a whole; a known key gets the new value."""
        with self._reported(), self._db:
            self._db.executemany(_SET_META, [(k, v, _checksum(k, v)) for k, v in entries.items()])

    def _open(self, read_only: bool) -> None:
        self._rows("PRAGMA synchronous = FULL")
        version, ours = self._pragma("user_version"), self._pragma("application_id") == _APPLICATION
        tables = {name for (name,) in self._rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if version > FORMAT and (ours or tables <= {"trials", "proposals", "meta"}):
            rule = f"format {FORMAT} or older"
            raise self._error(f"study format {version}", rule, "Update spareto, or start a new study folder.")
        if ours and not read_only and version < FORMAT and self._rows("SELECT 1 FROM trials LIMIT 1"):
            rule = f"format {FORMAT} to go on with; older ones can be read"
            raise self._error(f"study format {version}", rule, "Start a new study folder with --out.")
        if not ours and (read_only or tables):
            got = "another program's database" if tables else "an empty database"
            raise self._error(
                got, "a study written by spareto", "Check the path, or start a new study folder."
            )
        with self._reported():
            if not ours or (not read_only and (version < FORMAT or "proposals" not in tables)):
                self._db.executescript(_SCHEMA)
            self._refuse_damage()
            self._know_checksums(read_only)
            self._db.execute(f"PRAGMA query_only = {int(read_only)}")

    def _refuse_damage(self) -> None:
        """What checksums of rows cannot see: pages of which rows are lost."""
        found = self._rows("PRAGMA quick_check(1)")[0][0]
        if found != "ok":
            got = f"a damaged database ({' '.join(str(found).split())[:80]})"
            raise self._error(got, "one as it was written", "Restore the file from a backup.")

    def _know_checksums(self, read_only: bool) -> None:
        """Files of before have none; they get the column when they are written to."""
        for table in ("trials", "meta"):
            if "checksum" not in {row[1] for row in self._rows(f"PRAGMA table_info({table})")}:
                if read_only:
                    self._checksum = "NULL"
                    _log.info(
                        "spareto: rows of %s have no checksums: an older version wrote them.", self.path
                    )
                else:
                    self._db.execute(f"ALTER TABLE {table} ADD COLUMN checksum TEXT")

    def _sound(self, what: str, key: Any, text: Any, checksum: Any) -> str:
        """The key of a row that is as it was written."""
        if not isinstance(key, str) or not isinstance(text, str):
            got = f"no text in {what} '{str(key)[:40]}'"
            raise self._error(got, "one as it was written", "Restore the file from a backup.")
        if checksum is not None and checksum != _checksum(key, text):
            got = f"damage in {what} '{key[:40]}' (its checksum differs)"
            raise self._error(got, "a study as it was written", "Restore the file from a backup.")
        return key

    def _pragma(self, name: str) -> int:
        return self._rows(f"PRAGMA {name}")[0][0]

    def _rows(self, statement: str, *values: object) -> list[Any]:
        with self._reported():
            return self._db.execute(statement, values).fetchall()

    def _trial(self, key: str, text: str, checksum: str | None) -> Trial:
        self._sound("trial", key, text, checksum)
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
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
        except (OverflowError, UnicodeError) as error:  # bytes that are no text, numbers that are too large
            raise self._error(
                str(error), "a study written by spareto", "Restore the file from a backup."
            ) from error
        except sqlite3.OperationalError as error:
            cure = "Check the disk and its rights, and that no other program holds the file."
            raise self._error(str(error), "a study database that can be used", cure) from error
        except sqlite3.DatabaseError as error:
            cure = "Check the path, or start a new study folder."
            got = "no SQLite database" if "not a database" in str(error) else str(error)
            raise self._error(got, "a study written by spareto", cure) from error
