"""Timing on a machine that others use: in turns, medians of each round's ratios."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping

import torch

Rounds = dict[str, list[float]]


TURN = 0.1
"""Seconds of a turn, at least: in training one step follows another, not that of another framework."""


SETTLES = 0.05
"""Seconds of a turn with several threads that do not count: those of the run before still spin for work."""


def in_turns(runs: Mapping[str, Callable[[], object]], rounds: int) -> Rounds:
    """Seconds of each run in each round; the runs take turns, after one round that does not count.

    A turn repeats its run, every one equally often, until the fastest fills `TURN`; before, it settles. With
    one thread these are seconds of the process's CPU time, which other processes do not lengthen; with more
    they are wall time.
    """
    fastest = min(_seconds(run, 1) for run in runs.values())
    repeats = max(1, math.ceil(TURN / max(fastest, 1e-6)))
    seconds: Rounds = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            _settle(run)
            seconds[name].append(_seconds(run, repeats))
    return seconds


def _settle(run: Callable[[], object]) -> None:
    if torch.get_num_threads() == 1:
        return
    began = time.perf_counter()
    run()
    while time.perf_counter() - began < SETTLES:
        run()


def _seconds(run: Callable[[], object], repeats: int) -> float:
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    for _ in range(repeats):
        run()
    return (clock() - start) / repeats


def on_gpu(runs: Mapping[str, Callable[[], object]], rounds: int, repeats: int = 5, warm: int = 3) -> Rounds:
    """As `in_turns`, on the current GPU: seconds between two of its events, a mean over `repeats` runs.

    The rounds that do not count leave time to compile kernels and to choose algorithms.
    """
    seconds: Rounds = {name: [] for name in runs}
    for counts in (*[False] * warm, *[True] * rounds):
        for name, run in runs.items():
            first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            torch.cuda.synchronize()
            first.record()
            for _ in range(repeats):
                run()
            last.record()
            last.synchronize()
            if counts:
                seconds[name].append(first.elapsed_time(last) / 1e3 / repeats)
    return seconds


def milliseconds(seconds: Rounds, name: str) -> float:
    """Median over the rounds."""
    return statistics.median(seconds[name]) * 1e3


def ratio(seconds: Rounds, slow: str, fast: str) -> float:
    """Median over the rounds of the one's time over the other's in the same round."""
    return statistics.median(a / b for a, b in zip(seconds[slow], seconds[fast], strict=True))
