"""Peak memory of one training step on the study's shapes: ours, ours with recomputation, and peers.

python -m benchmarks.memory [--batches 1 4 16] [--cases spareto recompute snntorch ...] [--json]

Each case runs in a process of its own, one thread; its peak is what the operating system says of the whole
process, Python and torch included.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import torch

from benchmarks import timing
from benchmarks.peers import PEERS
from benchmarks.training import WORKLOADS, make, step
from spareto import kernels

OURS = ("spareto", "recompute")
CHILD = "--child"


@dataclass(frozen=True)
class Row:
    """One case.

    Args:
        case: Who trained.
        batch: Samples a step.
        peak_mb: Peak memory of the process, MB.
        import_mb: What of it was there before the step.
        recompute_slowdown: Time of our step with recomputation over that without, by case `recompute` only.
    """

    case: str
    batch: int
    peak_mb: int
    import_mb: int
    recompute_slowdown: float | None = None


def peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def measure(case: str, batch: int, rounds: int) -> Row:
    """In this process: the step's peak, and for `recompute` afterwards the time it costs."""
    torch.set_num_threads(1)
    network, frames, labels = make(replace(WORKLOADS["tcja"], batch=batch))
    trained = network if case in OURS else PEERS[case](network)
    classes = network.classes
    step(trained.train(), frames[:1, :1], labels[:1], classes)  # lazy imports, thread pools
    before = peak_mb()
    with kernels.options(recompute=case == "recompute"):
        step(trained, frames, labels, classes)
    row = Row(case, batch, peak_mb(), before)
    if case != "recompute" or not rounds:
        return row

    def run(recompute: bool) -> None:
        with kernels.options(recompute=recompute):
            step(trained, frames, labels, classes)

    seconds = timing.in_turns({"kept": lambda: run(False), "recomputed": lambda: run(True)}, rounds)
    return replace(row, recompute_slowdown=timing.ratio(seconds, "recomputed", "kept"))


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    for batch in asked.batches:
        for case in asked.cases:
            rounds = asked.rounds if batch <= 4 else 0
            call = [sys.executable, "-m", "benchmarks.memory", CHILD, case, str(batch), str(rounds)]
            done = subprocess.run(call, capture_output=True, text=True, check=True)
            yield Row(**json.loads(done.stdout))


def main(arguments: list[str] | None = None) -> None:
    cases = [*OURS, *PEERS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--cases", nargs="+", choices=cases, default=cases)
    parser.add_argument("--rounds", type=int, default=5, help="of timing recomputation; 0 for none")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    found: list[Row] = []
    for row in rows(options):
        found.append(row)
        if not options.json:
            print(_line(row, found), flush=True)
    for batch in () if options.json else options.batches:
        print(*leanest(batch, found), sep="\n")
    if options.json:
        print(json.dumps([asdict(row) for row in found], indent=1))


def _line(row: Row, found: list[Row]) -> str:
    ours = next((other for other in found if other.batch == row.batch), row)
    slower = "" if row.recompute_slowdown is None else f"  time x {row.recompute_slowdown:.2f}"
    return f"B={row.batch:<3d} {row.case:13s} {row.peak_mb:6d} MB  x {row.peak_mb / ours.peak_mb:.2f}{slower}"


def leanest(batch: int, found: list[Row]) -> list[str]:
    """How many times less than the leanest peer each of ours needs, one line each."""
    peaks = {row.case: row.peak_mb for row in found if row.batch == batch}
    peers = {case: peak for case, peak in peaks.items() if case not in OURS}
    if not peers:
        return []
    peer = min(peers, key=lambda case: peers[case])
    return [
        f"B={batch:<3d} {case:13s} needs 1/{peers[peer] / peaks[case]:.2f} of {peer}, the leanest peer"
        for case in OURS
        if case in peaks
    ]


if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)
    if CHILD in sys.argv:
        _, _, name, size, times = sys.argv
        print(json.dumps(asdict(measure(name, int(size), int(times)))))
    else:
        main()
