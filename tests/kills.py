"""A small study, killed: `python tests/kills.py FOLDER MOMENTS PLACES SEED [FULL [WORKERS [STORE]]]`.

One process imports everything once and forks a child for every run: the first is killed with signal 9, with
its whole process group, the second carries on. With `WORKERS` it has a pool of so many processes; `STORE` is
the URL of a PostgreSQL server. `MOMENTS` kills come at random moments, `PLACES` at renames, removals and
writes to the database, spread over all there are; 0 means every one, -1 none. `FULL` runs find no room for
files beyond some size, and must say so. Ends with status 1 and a line for each run that did not end as one
that was never killed.
"""

import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch._dynamo  # the first trial would import it in every child, for seconds
from sqlalchemy import select

from spareto.core.errors import SparetoError
from spareto.study.config import StudyConfig
from spareto.study.database import engines
from spareto.study.database import tables as t
from spareto.study.database.places import POINTER
from spareto.study.executors import chosen
from spareto.study.run import run_study
from spareto.study.store import STORE_NAME, TrialStore

STUDY = {
    "name": "killed",
    "data": {"name": "digits", "timesteps": 2, "options": {"sensor": 8}},
    "network": {"name": "dense", "options": {"hidden": [8]}},
    "training": {"epochs": 2, "batch_size": 512, "learning_rate": 0.01},
    "compression_training": {"epochs": 2, "batch_size": 512, "learning_rate": 0.005, "keep": "best",
                             "validation_share": 0.2},
    "grid": [{"regime": "quantize", "bits": [4]}, {"regime": "prune", "sparsity": [0.5]},
             {"regime": "cumulative", "bits": [4, 2], "sparsity": [0.5]}],
}  # fmt: skip
EVENTS = ("os.rename", "os.remove")
TEMPORARY = tempfile.gettempdir()
WRITES = ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "PRAGMA user_version =")


class Countdown:
    """Kills this process at the n-th place where a file or the database changes; counts them if n is 0."""

    def __init__(self, place):
        self.place, self.passed = place, 0

    def __call__(self):
        self.passed += 1
        if self.passed == self.place:
            os.killpg(0, signal.SIGKILL)


def watched(countdown):
    """Call the countdown before every rename and removal, and before and behind every write."""
    sys.addaudithook(lambda event, _: countdown() if event in EVENTS else None)

    def counted(change, statement, *values):
        writes = statement.lstrip().startswith(WRITES)
        if writes:
            countdown()
        found = change(statement, *values)
        if writes:
            countdown()
        return found

    class Cursor(sqlite3.Cursor):
        def execute(self, statement, *values):
            return counted(super().execute, statement, *values)

        def executemany(self, statement, *values):
            return counted(super().executemany, statement, *values)

    class Connection(sqlite3.Connection):
        def cursor(self, factory=Cursor):
            return super().cursor(factory)

        def commit(self):
            if self.in_transaction:
                countdown()
            super().commit()
            countdown()

    connect = sqlite3.connect
    engines.sqlite3.connect = lambda *given, **options: connect(*given, factory=Connection, **options)


WORKERS, STORE = 1, None


def study(folder, place=None, room=None):
    """Run the study in a child, which leads a process group; its id. `room`: the largest file it writes."""
    child = os.fork()
    if child:
        return child
    os.setpgid(0, 0)
    countdown = Countdown(place or 0)
    if place is not None:
        watched(countdown)
    try:
        torch.set_num_threads(1)
        if room is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        executor = chosen(None, WORKERS, 1)
        run_study(StudyConfig.parse(STUDY, "study"), folder, store=store_of(folder), executor=executor)
        if place == 0:
            (folder.parent / "places").write_text(str(countdown.passed))
    except SparetoError as error:
        print(error, flush=True)
        named = any(place in str(error) for place in (str(folder), TEMPORARY))
        os._exit(4 if room is not None and named else 1)
    except BaseException as error:
        print(f"{folder.name}: {type(error).__name__}: {error}", flush=True)
        os._exit(1)
    os._exit(0)


def begun(folder, name):
    """A run folder; what it is called on a server."""
    folder.mkdir()
    (folder / "run").write_text(name.replace(" ", "-"))
    return folder


def ended(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def store_of(folder):
    """Where the trials of a run folder are; every run has a study of its own on a server."""
    return None if STORE is None else f"{STORE}&study={folder.name}-{(folder / 'run').read_text()}"


def content(folder):
    """What a run folder holds: its database without seconds and times of day, and every other file."""
    tables = {}
    with TrialStore.of(folder) as store, store.scanning() as connection:
        for table in (t.trials, t.points, t.meta, t.proposals, t.tasks):
            asked = select(table).order_by(table.c.key if table is t.meta else table.c.position)
            rows = [dict(row) for row in connection.execute(asked).mappings()]
            tables[f"table {table.name}"] = [told(table, row) for row in rows]
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (STORE_NAME, POINTER, "run")
    }
    return {**tables, **files}


def told(table, row):
    """A row without what another run may have otherwise."""
    if table is t.trials:
        row["trial"] = json.loads(row["trial"])
        del row["trial"]["seconds"], row["checksum"]
    for column in ("seconds", "finished"):
        row.pop(column, None)
    return row


def differences(folder, expected):
    return differences_of(content(folder), expected)


def differences_of(found, expected):
    stray = sorted(found.keys() - expected.keys())
    lacking = sorted(expected.keys() - found.keys())
    changed = [key for key in expected if key in found and found[key] != expected[key]]
    return [*(f"stray {one}" for one in stray), *(f"no {one}" for one in lacking),
            *(f"another {one}" for one in changed)]  # fmt: skip


def main(folder, moments, places, seed, full=0):
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    assert ended(study(begun(folder / "whole", "whole"), 0)) == 0
    seconds, count = time.monotonic() - began, int((folder / "places").read_text())
    expected = content(folder / "whole")
    pick = random.Random(seed)
    every = range(1, count + 1)
    spread = every if not places else sorted(pick.sample(every, min(max(places, 0), count)))
    wrong, killed = [], 0
    largest = max(path.stat().st_size for path in (folder / "whole").rglob("*"))
    for name, place, moment, room in [
        *((f"place {place} of {count}", place, None, None) for place in spread),
        *((f"moment {number}", None, pick.random() * seconds, None) for number in range(moments)),
        *(
            (f"room for {largest * part // full} bytes", None, None, largest * part // full)
            for part in range(full)
        ),
    ]:
        run = begun(folder / "killed", name)
        child = study(run, place, room)
        if moment is not None:
            time.sleep(moment)
            os.killpg(child, signal.SIGKILL)
        status = ended(child)
        killed += status == -signal.SIGKILL
        if room is not None and status != 4:
            wrong.append(f"{name}: status {status}")
        again = ended(study(run))
        found = differences(run, expected) if again == 0 else [f"status {again}"]
        wrong += [f"{name}: {', '.join(found)}"] if found else []
        shutil.rmtree(run, ignore_errors=True)
    print(f"{killed} kills, {count} places, {len(wrong)} wrong")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    WORKERS = int(sys.argv[6]) if len(sys.argv) > 6 else 1
    STORE = sys.argv[7] if len(sys.argv) > 7 else None
    sys.exit(main(Path(sys.argv[1]), *map(int, sys.argv[2:6])))
