"""What is still to be done, who does it, and until when: claims with a lease and a fence.

A claim is a token in the row of its task. It holds until it expires; a heartbeat renews it. Whoever takes an
expired task over writes another token, and the trial of the former one is refused in the very transaction
that would have put it: a worker that comes back late can overwrite nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from spareto.core.artifacts import canonical_json
from spareto.core.errors import StoreError
from spareto.core.strict import from_json
from spareto.core.text import shown
from spareto.study.database.engines import Database
from spareto.study.database.tables import tasks, trials

LEASE: Final = 60.0
"""Seconds that a claim holds without a heartbeat."""

LOCKED: Final = {"skip_locked": True, "of": tasks}


class LostClaim(StoreError):  # noqa: N818 - says what it is: `except LostClaim`
    """A task was taken over by somebody else, or is done."""


@dataclass(frozen=True)
class Task:
    """Something to be done.

    Args:
        key: Name of the trial that comes of it.
        job: What to do, as plain data.
        needs: Key of a trial that must be there first; None for none.
    """

    key: str
    job: Mapping[str, Any]
    needs: str | None = None


@dataclass(frozen=True)
class Claim:
    """The right to put the trial of a task.

    Args:
        key: Name of the trial.
        token: What the fence knows it by.
        job: What to do.
        attempts: How many claims the task had, this one included.
    """

    key: str
    token: str
    job: Mapping[str, Any]
    attempts: int = 1


@dataclass(frozen=True)
class Running:
    """A task under way, as `study watch` shows it.

    Args:
        job: What is done.
        worker: Who does it.
        seconds: For how long.
        late: Whether its lease is over.
    """

    job: Mapping[str, Any]
    worker: str
    seconds: float
    late: bool


class Tasks:
    """The tasks of one store.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, wanted: Sequence[Task], owner: str) -> int:
        """Put tasks at the free places, in order; what is done or asked for already is left as it is.

        Places are free behind the last one, and where a run that was killed left trials undone: a resumed
        study gives them the places that an undisturbed one does.

        Args:
            wanted: The tasks.
            owner: Who asks: the host and run folder of a study under way.

        Returns:
            How many are new.
        """
        with self._database.writing() as connection:
            self._database.one_by_one(connection)
            return self._ask_in(connection, wanted, owner, _free(connection, self.next_place(connection)))

    def _ask_in(
        self, connection: Connection, wanted: Sequence[Task], owner: str, places: Iterable[int]
    ) -> int:
        known = _known(connection, [task.key for task in wanted])
        fresh = [task for task in wanted if task.key not in known]
        if fresh:
            connection.execute(
                sa.insert(tasks),
                [
                    {
                        "position": place,
                        "key": task.key,
                        "job": canonical_json(task.job),
                        "needs": task.needs,
                        "owner": owner,
                        "attempts": 0,
                    }
                    for task, place in zip(fresh, places, strict=False)
                ],
            )
        return len(fresh)

    def take(self, task: Task, owner: str, worker: str = "", *, lease: float = LEASE) -> Claim | None:
        """Ask for one task and claim it, in one transaction; None if somebody else has it, or it is done."""
        with self._database.writing() as connection:
            self._database.one_by_one(connection)
            self._ask_in(connection, [task], owner, [self.next_place(connection)])
            return self.claim_in(connection, owner, worker, key=task.key, lease=lease)

    def claim(
        self, holder: str, worker: str = "", *, key: str | None = None, lease: float = LEASE
    ) -> Claim | None:
        """Take the first task that nobody has and that has what it needs.

        Args:
            holder: Who takes it; the same holder may take its own task again, from a worker that died.
            worker: Who does it, for who watches.
            key: This task and no other.
            lease: Seconds it holds without a heartbeat.

        Returns:
            The claim; None if there is nothing to be had.
        """
        with self._database.writing() as connection:
            return self.claim_in(connection, holder, worker, key=key, lease=lease)

    def claim_in(
        self,
        connection: Connection,
        holder: str,
        worker: str = "",
        *,
        key: str | None = None,
        lease: float = LEASE,
    ) -> Claim | None:
        """`claim` inside a transaction that writes."""
        now = self._database.now(connection)
        found = connection.execute(_claimable(now, key)).first()
        if found is None:
            return None
        token = secrets.token_hex(8)
        attempts = int(found.attempts) + 1
        taken = {
            "token": token,
            "holder": holder,
            "worker": worker,
            "begun": now,
            "expires": now + lease,
            "attempts": attempts,
        }
        connection.execute(sa.update(tasks).where(tasks.c.position == found.position), taken)
        return Claim(found.key, token, _job(found.key, found.job), attempts)

    def beat(self, claims: Sequence[Claim], *, lease: float = LEASE) -> set[str]:
        """Renew claims; the tokens of those that still hold."""
        if not claims:
            return set()
        with self._database.writing() as connection:
            return self.beat_in(connection, claims, lease=lease)

    def beat_in(self, connection: Connection, claims: Sequence[Claim], *, lease: float = LEASE) -> set[str]:
        """`beat` inside a transaction that writes."""
        held = tasks.c.token.in_([claim.token for claim in claims])
        expires = self._database.now(connection) + lease
        connection.execute(sa.update(tasks).where(held).values(expires=expires))
        return set(connection.execute(sa.select(tasks.c.token).where(held)).scalars())

    def release(self, claim: Claim, *, failed: bool = False) -> None:
        """Give a task back; one whose worker did not fail does not count as tried."""
        tried = tasks.c.attempts if failed else tasks.c.attempts - 1
        with self._database.writing() as connection:
            asked = sa.update(tasks).where(tasks.c.key == claim.key, tasks.c.token == claim.token)
            connection.execute(
                asked.values(token=None, holder=None, worker=None, expires=None, attempts=tried)
            )

    def cancel(self, key: str, owner: str) -> None:
        """Ask for a trial no more, if nobody is at it."""
        mine = (tasks.c.key == key, tasks.c.owner == owner, tasks.c.token.is_(None))
        with self._database.writing() as connection:
            connection.execute(sa.delete(tasks).where(*mine))

    def settle(self, owner: str) -> None:
        """Take back what a former run of the same owner had claimed or asked for; it has ended."""
        with self._database.writing() as connection:
            own = sa.update(tasks).where(tasks.c.holder == owner)
            connection.execute(own.values(token=None, holder=None, worker=None, expires=None))
            asked = sa.delete(tasks).where(tasks.c.owner == owner, tasks.c.token.is_(None))
            connection.execute(asked)

    def done(self, connection: Connection, key: str, claim: Claim) -> int:
        """End a task inside the transaction that puts its trial.

        Returns:
            The place of its trial in the order.

        Raises:
            LostClaim: The claim holds no more.
        """
        mine = (tasks.c.key == key, tasks.c.token == claim.token)
        place = connection.execute(sa.delete(tasks).where(*mine).returning(tasks.c.position)).scalar()
        if place is None:
            error = self._database.error(
                f"trial '{key}' of a claim that another worker took over",
                "the trial of a claim that holds",
                "",
            )
            raise LostClaim(error.problems)
        return place

    def next_place(self, connection: Connection) -> int:
        """The next place in the order of trials."""
        last = [sa.select(sa.func.max(table.c.position)).scalar_subquery() for table in (trials, tasks)]
        return max(place or 0 for place in connection.execute(sa.select(*last)).one()) + 1

    def waiting(self) -> int:
        """How many tasks nobody has."""
        with self._database.reading() as connection:
            asked = sa.select(sa.func.count()).select_from(tasks).where(tasks.c.token.is_(None))
            return connection.execute(asked).scalar_one()

    def running(self) -> list[Running]:
        """Tasks under way, in their order."""
        with self._database.reading() as connection:
            now = self._database.now(connection)
            asked = sa.select(tasks).where(tasks.c.token.is_not(None)).order_by(tasks.c.position)
            return [
                Running(_job(row.key, row.job), str(row.worker or ""), now - begun, expires < now)
                for row in connection.execute(asked)
                for begun, expires in [(_seconds(row, "begun"), _seconds(row, "expires"))]
            ]


def _job(key: str, text: Any) -> Mapping[str, Any]:
    """What is to be done, as `ask` wrote it."""
    found: Any = from_json(text) if isinstance(text, str) else None
    if not isinstance(found, dict):
        raise ValueError(f"{shown(text)} as what is to be done for task {shown(key)}")
    return found


def _seconds(row: Any, name: str) -> float:
    value = row._mapping[name]
    if not isinstance(value, float | int):
        raise ValueError(f"{shown(value)} as time '{name}' of task {shown(row.key)}")
    return value


def _free(connection: Connection, behind: int) -> Iterator[int]:
    """The free places in order: gaps among those that are taken, then all from `behind` on."""
    sizes = (sa.select(sa.func.count()).select_from(each) for each in (trials, tasks))
    if sum(connection.execute(size).scalar_one() for size in sizes) < behind - 1:
        rows = (connection.execute(sa.select(t.c.position)).scalars() for t in (trials, tasks))
        used = set(chain.from_iterable(rows))
        yield from (place for place in range(1, behind) if place not in used)
    yield from count(behind)


def _known(connection: Connection, keys: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for first in range(0, len(keys), 500):
        some = keys[first : first + 500]
        asked = [sa.select(table.c.key).where(table.c.key.in_(some)) for table in (trials, tasks)]
        found |= set(connection.execute(sa.union_all(*asked)).scalars())
    return found


def _claimable(now: float, key: str | None) -> sa.Select[*tuple[Any, ...]]:
    """The first task that can be had; rows that others are about to take are passed over."""
    asked = sa.select(tasks.c.position, tasks.c.key, tasks.c.job, tasks.c.attempts)
    free = sa.or_(tasks.c.token.is_(None), tasks.c.expires < now)
    ready = sa.or_(tasks.c.needs.is_(None), sa.exists().where(trials.c.key == tasks.c.needs))
    asked = asked.where(free, ready)
    if key is not None:
        asked = asked.where(tasks.c.key == key)
    return asked.order_by(tasks.c.position).limit(1).with_for_update(**LOCKED)
