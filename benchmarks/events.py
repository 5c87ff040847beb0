"""Events a second on one core: decoding event files, and sorting events into frames.

python -m benchmarks.events [--events 4000000] [--rounds 3] [--json]

Processor time, which others do not lengthen; the best round. A camera of 128×128 pixels, 20 timesteps; files
as the tests write them, read again until there were enough events.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from spareto.data import DatasetInfo, Recordings
from spareto.data.bins import Bins
from spareto.data.frames import frames
from spareto.data.readers import reader_of

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
event_files: Any = import_module("event_files")

SIDE, TIMESTEPS, DURATION_US, RECORDINGS = 128, 20, 6_000_000, 10
LEAST = 50.0
"""Millions of events a second that frames are to be made at, and files decoded."""


def best(rounds, call):
    """Seconds of processor time of the fastest of some rounds."""
    spent = []
    for _ in range(rounds):
        before = time.process_time()
        call()
        spent.append(time.process_time() - before)
    return min(spent)


def recordings(events):
    """Random recordings in order of time."""
    rng = np.random.default_rng(0)
    each = events // RECORDINGS
    times = np.sort(rng.integers(0, DURATION_US, (RECORDINGS, each)), axis=1).reshape(-1)
    x, y = rng.integers(0, SIDE, (2, RECORDINGS * each)).astype(np.uint16)
    p = rng.integers(0, 2, RECORDINGS * each).astype(np.uint8)
    return Recordings(x, y, p, times, np.arange(RECORDINGS + 1) * each, np.zeros(RECORDINGS, np.int64))


def measured(events, rounds):
    """Millions of events a second of every format, and of every kind of frames."""
    found = {}
    info = DatasetInfo(11, (2, SIDE, SIDE), DURATION_US, licence="", source="")
    some = recordings(events)
    each = len(some.x) // RECORDINGS
    kinds = {
        "time": Bins(TIMESTEPS),
        "events": Bins(TIMESTEPS, "events"),
        "fixed time": Bins(TIMESTEPS, "time", DURATION_US // TIMESTEPS),
        "fixed events": Bins(TIMESTEPS, "events", each // TIMESTEPS),
    }
    for name, bins in kinds.items():
        for binary in (True, False):
            seconds = best(rounds, lambda bins=bins, binary=binary: frames(some, info, bins, binary=binary))
            found[f"frames by {name}, {'binary' if binary else 'counts'}"] = len(some.x) / seconds * 1e-6
    written = event_files.events(20_000, SIDE, SIDE, DURATION_US)
    with tempfile.TemporaryDirectory() as folder:
        for name, (write, suffix) in event_files.WRITERS.items():
            path = Path(folder) / f"{name}{suffix}"
            path.write_bytes(write(written))
            reader = reader_of(path)
            many = max(1, events // (len(written) * 20))
            seconds = best(
                rounds, lambda reader=reader, path=path, many=many: [reader.read(path) for _ in range(many)]
            )
            found[f"decode {name}"] = many * len(written) / seconds * 1e-6
    return found


def main() -> None:
    """Print the table, or JSON; status 1 if something is too slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked, _ = parser.parse_known_args()
    found = measured(asked.events, asked.rounds)
    if asked.json:
        print(json.dumps(found, indent=1))
    else:
        for name, rate in found.items():
            print(f"{name:28} {rate:8.1f} million events a second")
    slow = [name for name, rate in found.items() if rate < LEAST]
    sys.exit(f"below {LEAST:g}: {', '.join(slow)}" if slow else 0)


if __name__ == "__main__":
    main()
