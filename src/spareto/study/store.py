"""Finished trials in one database: a trial that was put is there after a kill, a crash or a reboot."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import sqlalchemy as sa
from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from spareto.core.artifacts import canonical_json
from spareto.core.errors import StoreError
from spareto.records.rows import TrialRow
from spareto.records.trial import Trial
from spareto.study.database.engines import BACKUP, Database
from spareto.study.database.formats import FORMAT, opened
from spareto.study.database.places import STORE_NAME, StorePlace
from spareto.study.database.points import (
    front_positions,
    held,
    point_of,
    row_of,
    rows_at,
    sound,
    stage_shown,
)
from spareto.study.database.tables import meta, points, proposals, trials
from spareto.study.database.tasks import Claim, Tasks
from spareto.study.front import front_rows, results_of

__all__ = ["FORMAT", "STORE_NAME", "Claim", "StorePlace", "TrialStore"]
_log = logging.getLogger("spareto")
HELD: Final = 1000
"""Rows that take a second at most to be held against their trials."""


def checksum_of(key: str, text: str) -> str:
    """Of a row; its place in the order is checked by the database."""
    return hashlib.sha256(f"{key}\n{text}".encode()).hexdigest()


class TrialStore:
    """The trials of one study, each written durably before the next one starts.

    Args:
        path: The database file, or the URL of a PostgreSQL server with `study=NAME` in its query;
            `TrialStore.of` finds it in a run folder.
        read_only: Open an existing study for reading; never creates or changes a file.

    Raises:
        StoreError: The file is missing (reading), is no study, or was written by a newer version.
        MissingDependency: A server's driver is not installed.
    """

    def __init__(self, path: str | Path | StorePlace, *, read_only: bool = False) -> None:
        self.place = path if isinstance(path, StorePlace) else _place(path)
        self.path = self.place.path
        self._database = Database(self.place, read_only=read_only)
        try:
            self.format = opened(self._database)
            self._checksums = self.format >= FORMAT or self._has_checksums()
        except BaseException:
            self.close()
            raise
        self.tasks = Tasks(self._database)
        """What is still to be done."""

    @classmethod
    def of(cls, run: str | Path, *, read_only: bool = True) -> TrialStore:
        """Open the store of `run`: a run folder, the database file itself, or a server's URL."""
        return cls(StorePlace.of(run), read_only=read_only)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; everything put before is already on disk."""
        self._database.close()

    def put(self, key: str, trial: Trial, claim: Claim | None = None, *, now: bool = True) -> None:
        """Keep `trial` under `key`; returns once it is on disk. A known key keeps its place in the order.

        Trial, numbers and the end of its task are one transaction.

        Args:
            key: Its name.
            trial: The trial, with its manifest.
            claim: By which it was carried out; it ends.
            now: Whether it was finished now, and not brought from elsewhere.

        Raises:
            LostClaim: Somebody else has the task by now, or it is done; nothing is changed.
        """
        with self._database.writing() as connection:
            self.put_in(connection, key, trial, claim, now=now)

    def put_in(
        self, connection: Connection, key: str, trial: Trial, claim: Claim | None = None, *, now: bool = True
    ) -> None:
        """`put` inside a transaction that writes."""
        text = canonical_json(trial.to_dict())
        row = {"trial": text, "checksum": checksum_of(key, text)}
        place = None if claim is None else self.tasks.done(connection, key, claim)
        if place is None:
            self._database.one_by_one(connection)
        known = connection.execute(sa.select(trials.c.position).where(trials.c.key == key)).scalar()
        if known is not None:
            connection.execute(sa.update(trials).where(trials.c.position == known), row)
            connection.execute(sa.update(points).where(points.c.position == known), point_of(trial))
            return
        place = self.tasks.next_place(connection) if place is None else place
        connection.execute(sa.insert(trials), {"position": place, "key": key, **row})
        point = {**point_of(trial), "position": place, "finished": time.time() if now else None}
        connection.execute(sa.insert(points), point)

    def get(self, key: str) -> Trial | None:
        """The trial kept under `key`, or None."""
        rows = self._rows(self._trials().where(trials.c.key == key))
        return self._trial(*rows[0]) if rows else None

    def __contains__(self, key: object) -> bool:
        return bool(self._rows(sa.select(sa.literal(1)).where(trials.c.key == key)))

    def __len__(self) -> int:
        return self._rows(sa.select(sa.func.count()).select_from(trials))[0][0]

    def version(self) -> str:
        """Another text after every change of a trial."""
        if self.format < FORMAT:
            return str(len(self))
        numbers = (points.c.accuracy, points.c.energy_pj, points.c.finished, points.c.seconds)
        asked = sa.select(sa.func.count(), *map(sa.func.sum, numbers), sa.func.max(points.c.stage))
        return "-".join(map(str, self._rows(asked.select_from(points))[0]))

    def has_all(self, keys: Sequence[str]) -> bool:
        """Whether all of these are there."""
        some = (keys[first : first + 500] for first in range(0, len(keys), 500))
        asked = sa.select(sa.func.count()).select_from(trials)
        return all(self._rows(asked.where(trials.c.key.in_(each)))[0][0] == len(set(each)) for each in some)

    def keys(self) -> set[str]:
        """The keys of all trials."""
        return {key for (key,) in self._rows(sa.select(trials.c.key))}

    def trials(self) -> tuple[Trial, ...]:
        """All trials in the order in which they were first put, or asked for."""
        return tuple(trial for _, trial in self.items())

    def items(self) -> tuple[tuple[str, Trial], ...]:
        """The key and the trial of each, in the order in which they were first put, or asked for."""
        return tuple(
            (row[0], self._trial(*row)) for row in self._rows(self._trials().order_by(trials.c.position))
        )

    def rows(self, *, every: bool = False, front: bool = False) -> list[TrialRow]:
        """What tables say of the trials, in their order; the front is taken among them.

        At most `HELD` rows are held against the trials in full, which carry checksums.

        Args:
            every: Also those that only showed a search the way.
            front: Only those on the front; of a million trials that takes no memory.
        """
        if self.format < FORMAT:
            found = self.trials() if every else results_of(self.trials())
            return [row for row in front_rows(found) if row["on_front"] or not front]
        with self._database.reading() as connection:
            stage = None if every else stage_shown(connection)
            best = front_positions(connection, stage)
            if front:
                found = [sound(point) for point in rows_at(connection, sorted(best))]
                if len(found) <= HELD:
                    held(connection, found, self._trial)
                return [row_of(point, True) for point in found]
            asked = sa.select(points).order_by(points.c.position)
            found = [sound(point) for point in connection.execute(asked).mappings()]
            if len(found) <= HELD:
                held(connection, found, self._trial, all_of_them=True)
            return [
                row_of(point, point["position"] in best)
                for point in found
                if stage is None or point["stage"] == stage
            ]

    def count(self, *, every: bool = False) -> int:
        """How many trials `rows` gives."""
        if every or self.format < FORMAT:
            return len(self) if every else len(results_of(self.trials()))
        with self._database.reading() as connection:
            stage = stage_shown(connection)
            asked = sa.select(sa.func.count()).select_from(points)
            asked = asked if stage is None else asked.where(points.c.stage == stage)
            return connection.execute(asked).scalar_one()

    @contextmanager
    def scanning(self) -> Generator[Connection]:
        """A transaction that reads: for exports and counts of many trials."""
        with self._database.reading() as connection:
            yield connection

    def put_proposal(self, key: str, proposal: Mapping[str, Any]) -> None:
        """Keep what a search proposed under `key`; returns once it is on disk."""
        text = canonical_json(proposal)
        row = {"proposal": text, "checksum": checksum_of(key, text)}
        last = sa.select(sa.func.coalesce(sa.func.max(proposals.c.position), 0)).scalar_subquery()
        insert = self._insert(proposals).values(position=last + 1, key=key, **row)
        asked = insert.on_conflict_do_update(index_elements=["key"], set_=row)
        with self._database.writing() as connection:
            self._database.one_by_one(connection)
            connection.execute(asked)

    def proposals(self) -> dict[str, dict[str, Any]]:
        """Everything that searches proposed, by key, in the order in which it was first put."""
        if not self._has(proposals):
            return {}  # a study that never searched
        asked = sa.select(proposals.c.key, proposals.c.proposal, proposals.c.checksum)
        rows = self._rows(asked.order_by(proposals.c.position))
        return {
            self._sound("proposal", key, text, checksum): self._json(f"proposal '{key}'", text)
            for key, text, checksum in rows
        }

    @property
    def meta(self) -> dict[str, str]:
        """What is known of the study as a whole: `study`, `network`, `dataset`, `accelerator`, ..."""
        order = sa.text("rowid") if self._database.is_file else meta.c.key
        rows = self._rows(sa.select(meta.c.key, meta.c.value, self._checksum_of(meta)).order_by(order))
        return {self._sound("fact", key, value, checksum): value for key, value, checksum in rows}

    def set_meta(self, **entries: str) -> None:
        """Keep facts of the study as a whole; a known key gets the new value."""
        insert = self._insert(meta)
        asked = insert.on_conflict_do_update(
            index_elements=["key"],
            set_={"value": insert.excluded.value, "checksum": insert.excluded.checksum},
        )
        rows = [{"key": k, "value": v, "checksum": checksum_of(k, v)} for k, v in entries.items()]
        with self._database.writing() as connection:
            connection.execute(asked, rows)

    def _insert(self, table: Table) -> Any:
        """An insertion that may say what to do where the key is known."""
        return (sqlite if self._database.is_file else postgresql).insert(table)

    def _trials(self) -> sa.Select[*tuple[Any, ...]]:
        return sa.select(trials.c.key, trials.c.trial, self._checksum_of(trials))

    def _checksum_of(self, table: Table) -> Any:
        return table.c.checksum if self._checksums else sa.null().label("checksum")

    def _has_checksums(self) -> bool:
        """Files of before have none; a file that is only read gets no column for them."""
        with self._database.reading() as connection:
            looked = sa.inspect(connection)
            lacking = any(
                "checksum" not in {c["name"] for c in looked.get_columns(name)} for name in ("trials", "meta")
            )
        if lacking:
            _log.info("spareto: rows of %s have no checksums: an older version wrote them.", self.path)
        return not lacking

    def _has(self, table: Table) -> bool:
        if self.format >= FORMAT:
            return True
        with self._database.reading() as connection:
            return sa.inspect(connection).has_table(table.name)

    def _rows(self, asked: sa.Select[*tuple[Any, ...]]) -> list[Any]:
        with self._database.reading() as connection:
            return list(connection.execute(asked).fetchall())

    def _sound(self, what: str, key: Any, text: Any, checksum: Any) -> str:
        """The key of a row that is as it was written."""
        if not isinstance(key, str) or not isinstance(text, str) or not isinstance(checksum, str | None):
            got = f"no text in {what} '{str(key)[:40]}'"
            raise self._error(got, "one as it was written", BACKUP)
        if checksum is not None and checksum != checksum_of(key, text):
            got = f"damage in {what} '{key[:40]}' (its checksum differs)"
            raise self._error(got, "a study as it was written", BACKUP)
        return key

    def _trial(self, key: str, text: str, checksum: str | None) -> Trial:
        self._sound("trial", key, text, checksum)
        where, whole = (
            f"{self.place.where}: trial '{key}'",
            "\\u" not in text,
        )  # a database holds no half character
        return Trial.parse(self._json(f"trial '{key}'", text), where, whole)

    def _json(self, what: str, text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._error(f"{error} in {what}", "JSON", BACKUP) from None

    def _error(self, got: str, rule: str, cure: str) -> StoreError:
        return self._database.error(got, rule, cure)


def _place(path: str | Path) -> StorePlace:
    found = StorePlace.of(path)
    return found if found.url else StorePlace(Path(path))
