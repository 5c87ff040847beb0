"""Readers of what stands in a study's store beside its trials, and of trials that came as a table."""

import csv
import io
import json
import random
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import factories
from spareto.cli.console import Console
from spareto.cli.watch import line_of, shown
from spareto.study.database.exports import export
from spareto.study.database.tasks import Task
from spareto.study.front import front_rows
from spareto.study.merging import import_file
from spareto.study.store import TrialStore
from spareto.study.watching import state_of

TRIALS = factories.study()[:6]
ROWS = front_rows(TRIALS)
UNFLAGGED = [{**row, "on_front": None} for row in ROWS]
ODD = (None, "", "x", "{", "[]", "[" * 5000, '{"label": [1]}', b"\xff\0", 0, -1, 1 << 62, 0.5, -1e308, 9e999,
       "9" * 5000, "result", "{}", "\x1b[31mred", '{"label": "\\u001b[31m", "seed": "\\u001b]"}')  # fmt: skip


def write_store(path):
    """A study under way: trials, one task that is claimed, one that waits."""
    with TrialStore(path) as store:
        for number, trial in enumerate(TRIALS):
            store.put(f"key {number}", trial)
        store.set_meta(study="a")
        store.tasks.ask([Task(f"task {n}", {"label": "x", "seed": 0}) for n in range(2)], "owner")
        store.tasks.claim("owner", "worker")
        store.put_proposal("proposal", {"bits": 4})


def look(path):
    """Everything that the commands that look show; rows are right, or there are none."""
    with TrialStore(path, read_only=True) as store:
        state = state_of(store)
        json.dumps(state.to_dict())
        shown_as = io.StringIO()
        console = Console(file=shown_as, width=80)
        console.print(shown(state))
        console.print(line_of(state))
        assert all(c.isprintable() or c == "\n" for c in shown_as.getvalue())
        assert all({**row, "on_front": None} in UNFLAGGED for row in state.front)
        assert store.rows() == ROWS
        store.proposals()
        store.keys()
        with store.scanning() as connection:
            export(connection, path.with_suffix(".csv"), columns_of=path)


def cells(content, pick):
    """Cells that hold something else, of any type, in tables without a constraint."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(content)
        database.execute("PRAGMA writable_schema = ON")
        database.execute("UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE type = 'table'")
        database.commit()
        packed = database.serialize()
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(packed)
        for _ in range(pick.choice((1, 1, 2, 5))):
            table = pick.choice(("points", "points", "tasks", "tasks", "trials", "meta", "proposals"))
            names = [
                row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[1] != "position"
            ]
            row = pick.choice(database.execute(f"SELECT rowid FROM {table}").fetchall())
            try:
                value = (pick.choice(ODD), *row)
                database.execute(f"UPDATE {table} SET {pick.choice(names)} = ? WHERE rowid = ?", value)
            except sqlite3.IntegrityError:
                continue
        database.commit()
        return database.serialize()


def write_table(path):
    """Trials as a table with records."""
    with tempfile.TemporaryDirectory() as folder, TrialStore(Path(folder) / "study.sqlite") as store:
        for number, trial in enumerate(TRIALS[:2]):
            store.put(f"key {number}", trial)
        with store.scanning() as connection:
            export(connection, path, records=True)


def read_table(path):
    """An import into a new study."""
    with tempfile.TemporaryDirectory() as folder, TrialStore(Path(folder) / "study.sqlite") as store:
        import_file(path, store)
        assert len(store) == len(store.items())


def table(content, pick):
    """A mutation of a table's cells, or of its bytes."""
    if pick.random() < 0.5:
        return _bytes(content, pick)
    csv.field_size_limit(1 << 30)
    rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
    row = pick.choice(rows)
    place = pick.randrange(len(row))
    row[place] = pick.choice(
        ("", "x", "{", "[" * 5000, "\0", '"', row[-1][: pick.randrange(200)], "k\n\x1b[31m")
    )
    if pick.random() < 0.3:
        del row[place]
    packed = io.StringIO(newline="")
    csv.writer(packed).writerows(rows)
    return packed.getvalue().encode()


def _bytes(content, pick: random.Random):
    changed = bytearray(content)
    for _ in range(pick.choice((1, 2, 8))):
        changed[pick.randrange(len(changed))] = pick.choice(
            (0, 10, 13, 34, 44, 255, 128, 92, pick.randrange(256))
        )
    return bytes(changed[: pick.choice((len(changed), len(changed), pick.randrange(len(changed))))])
