"""Evaluation against a training step, and a profile against an evaluation, of our own networks.

python -m benchmarks.evaluating [--workloads tcja nmnist dense] [--threads 1] [--rounds 5] [--batches 4]

`evaluate` and `profile` take the same samples, as many as so many training steps see.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

import spareto
from benchmarks import timing
from benchmarks.training import WORKLOADS, Workload, make, step
from spareto.profiling import profile
from spareto.training.memory import keep_large_blocks


def runs(workload: Workload, batches: int) -> dict[str, Callable[[], object]]:
    """What is compared: as many steps, one evaluation and one profile of the same samples."""
    network, frames, labels = make(workload)
    rng = np.random.default_rng(0)
    parts = [frames.numpy()[:, rng.permutation(workload.batch)] for _ in range(batches)]
    whole = np.ascontiguousarray(np.concatenate(parts, 1))
    classes = labels.repeat(batches).numpy()

    def train() -> None:
        network.train()
        for _ in range(batches):
            step(network, frames, labels, network.classes)

    size = {"batch_size": workload.batch}
    return {
        "steps": train,
        "evaluate": partial(spareto.evaluate, network, whole, classes, **size),
        "profile": partial(profile, network, whole, classes, layout="time-first", **size),
    }


def main() -> None:
    """Print a line a workload."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=4)
    asked = parser.parse_args()
    keep_large_blocks()
    for threads in asked.threads:
        torch.set_num_threads(threads)
        for name in asked.workloads:
            seconds = timing.in_turns(runs(WORKLOADS[name], asked.batches), asked.rounds)
            print(
                f"{name:8s} {threads} threads  {timing.milliseconds(seconds, 'evaluate'):8.1f} ms evaluate, "
                f"{timing.ratio(seconds, 'evaluate', 'steps'):5.2f} of a training step; "
                f"a profile {timing.ratio(seconds, 'profile', 'evaluate'):5.2f} times that",
                flush=True,
            )


if __name__ == "__main__":
    main()
