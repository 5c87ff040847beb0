"""Training steps with more threads, processes, samples and timesteps.

python -m benchmarks.scaling [threads processes batches timesteps] [--rounds 5] [--json] [--plot FILE]

`threads`: wall time with 1, 2, 4, 8 and 16 threads, as far as there are cores; efficiency is the time with
one thread over n times that with n. `processes`: `torchrun` with as many processes of one thread, each with a
core of its own, gradients summed as `spareto.train` does; of a whole batch each process takes its share, or
each takes a batch of its own. One process has one thread and one core, too. `batches`: 1 and 256 samples,
against the peers. `timesteps`: by how much a step raises the memory of a process, as T grows.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from benchmarks import timing
from benchmarks.memory import peak_mb
from benchmarks.peers import PEERS
from benchmarks.training import WORKLOADS, make, step
from spareto import kernels
from spareto.training.processes import join

COUNTS = [count for count in (1, 2, 4, 8, 16) if count <= len(os.sched_getaffinity(0))]
BATCHES = (1, 256)
LONG = {"nmnist": (10, 100, 1000), "dense": (100, 1000, 4000)}
TURN = 1.0
"""Seconds of steps that are timed at once."""


@dataclass(frozen=True)
class Row:
    """One measurement.

    Args:
        part: `threads`, `processes`, `batches` or `timesteps`.
        workload: What was trained.
        size: Threads, processes, samples or timesteps.
        value: Its number.
        unit: What that is.
    """

    part: str
    workload: str
    size: int
    value: float
    unit: str


def wall(run: Callable[[], object], rounds: int) -> float:
    """Median seconds of a run, by the clock on the wall."""
    run()
    began = time.perf_counter()
    run()
    repeats = max(1, round(TURN / (time.perf_counter() - began)))
    found: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(repeats):
            run()
        found.append((time.perf_counter() - began) / repeats)
    return statistics.median(found)


def threads(rounds: int) -> Iterator[Row]:
    """Efficiency of each workload with each number of threads; the numbers take turns."""
    for name, workload in WORKLOADS.items():
        network, frames, labels = make(replace(workload, batch=max(workload.batch, 4)))
        run = partial(step, network.train(), frames, labels, network.classes)
        seconds: dict[int, list[float]] = {count: [] for count in COUNTS}
        for _ in range(rounds):
            for count in COUNTS:
                torch.set_num_threads(count)
                seconds[count].append(wall(run, 1))
        for count in COUNTS:
            share = statistics.median(
                a / (count * b) for a, b in zip(seconds[1], seconds[count], strict=True)
            )
            yield Row("threads", name, count, share, "efficiency")


def processes(rounds: int) -> Iterator[Row]:
    """How many times the samples a second of one process."""
    for name in ("nmnist", "dense"):
        for how in ("shared", "own"):
            rates: dict[int, list[float]] = {count: [] for count in COUNTS}
            for _ in range(rounds):
                for count in COUNTS:
                    rates[count].append(_together(name, how, count))
            for count in COUNTS:
                times = statistics.median(b / a for a, b in zip(rates[1], rates[count], strict=True))
                unit = "times one process" + (", a batch each" if how == "own" else "")
                yield Row("processes", name, count, times, unit)


def _together(name: str, how: str, count: int) -> float:
    """Samples a second of some processes."""
    call = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    call += ["-m", "benchmarks.scaling", "--child", name, how]
    made = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(call, env=made, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return float(done.stdout.split()[-1])


def child(name: str, how: str) -> None:
    """One of the processes: train on its part; the first prints samples a second."""
    torch.set_num_threads(1)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(os.environ["RANK"]) % len(cores)]})
    network, frames, labels = make(WORKLOADS[name])
    together = join()
    samples = len(labels)
    if how == "shared":
        mine = together.share(samples)
        frames, labels = frames[:, mine].contiguous(), labels[mine]
    network.train()

    def one() -> None:
        step(network, frames, labels, network.classes)
        together.sum_gradients(network)

    for _ in range(5):
        one()
    together.wait()
    began, steps = time.perf_counter(), 40
    for _ in range(steps):
        one()
    together.wait()
    if together.leads:
        whole = samples * (together.size if how == "own" else 1)
        print(steps * whole / (time.perf_counter() - began), flush=True)
    together.wait()
    os._exit(0)  # the threads of gloo sometimes abort a process that ends in the usual way


def batches(rounds: int) -> Iterator[Row]:
    """The fastest peer's time over ours, and our time a sample, one thread."""
    torch.set_num_threads(1)
    for size in BATCHES:
        network, frames, labels = make(replace(WORKLOADS["nmnist"], batch=size))
        rivals: dict[str, nn.Module] = {"spareto": network, **{peer: PEERS[peer](network) for peer in PEERS}}
        runs = {
            rival: partial(step, module.train(), frames, labels, network.classes)
            for rival, module in rivals.items()
        }
        runs = {rival: run for rival, run in runs.items() if _works(run)}
        seconds = timing.in_turns(runs, rounds)
        yield Row("batches", "nmnist", size, timing.milliseconds(seconds, "spareto") / size, "ms a sample")
        ratios = [timing.ratio(seconds, peer, "spareto") for peer in runs if peer != "spareto"]
        if ratios:
            unit = f"times the fastest of {len(ratios)} peers"
            yield Row("batches", "nmnist", size, min(ratios), unit)


def _works(run: Callable[[], object]) -> bool:
    """Whether it trains at all: batch norms that see one timestep at a time refuse a single sample."""
    try:
        run()
    except ValueError:
        return False
    return True


def timesteps(_: int) -> Iterator[Row]:
    """Memory beside what was there before the step, frames included, in processes of their own."""
    for name, lengths in LONG.items():
        for length in lengths:
            for recompute in (False, True):
                call = [sys.executable, "-m", "benchmarks.scaling", "--long", name, str(length)]
                call += ["recompute"] * recompute
                done = subprocess.run(call, capture_output=True, text=True, check=True)
                unit = "MB, recomputed" if recompute else "MB"
                yield Row("timesteps", name, length, float(done.stdout), unit)


def long(name: str, length: int, recompute: bool) -> None:
    """Print by how much a step raises the peak of this process."""
    torch.set_num_threads(1)
    network, frames, labels = make(replace(WORKLOADS[name], timesteps=length, batch=8))
    step(network.train(), frames[:1], labels, network.classes)
    before = peak_mb()
    with kernels.options(recompute=recompute):
        step(network, frames, labels, network.classes)
    print(peak_mb() - before)


def draw(rows: list[Row], path: Path) -> None:
    """Efficiency against threads and processes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 3.0), layout="constrained")
    axes = figure.subplots()
    for part, marker in (("threads", "o"), ("processes", "s")):
        for name in dict.fromkeys(row.workload for row in rows if row.part == part):
            some = [row for row in rows if row.part == part and row.workload == name]
            shares = [row.value / (row.size if part == "processes" else 1) for row in some]
            axes.plot([row.size for row in some], shares, marker=marker, label=f"{name}, {part}")
    axes.set(xlabel="threads or processes", ylabel="efficiency", ylim=(0, 1.15), xticks=COUNTS)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=200)


PARTS = {"threads": threads, "processes": processes, "batches": batches, "timesteps": timesteps}


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--long", nargs="*", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(*asked.child)
        return
    if asked.long:
        long(asked.long[0], int(asked.long[1]), "recompute" in asked.long)
        return
    found: list[Row] = []
    for part in asked.parts:
        for row in PARTS[part](asked.rounds):
            found.append(row)
            if not asked.json:
                print(f"{row.part:10} {row.workload:8} {row.size:5d} {row.value:9.3f} {row.unit}", flush=True)
    if asked.json:
        print(json.dumps([asdict(row) for row in found], indent=1))
    if asked.plot:
        draw(found, asked.plot)


if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)
    main()
