"""What integer kernels could save of a training step: quantized networks in float and in integers.

python -m benchmarks.integers [--bits 2 8] [--rounds 5]

The float pass is that of an evaluation: sums of rounded weights, in float. The integer pass is the runtime's:
the same network in integers, from the sums to the spikes. One recording, one thread. Beside them stands what
the forward sums take of a training step: a step could not be faster than without them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from unittest import mock

import torch

import spareto
from benchmarks import timing
from benchmarks.deploying import SHAPES, network
from benchmarks.training import WORKLOADS, make, step
from spareto.kernels import c_layers
from spareto.lowering import lower
from spareto.runtime import Engine
from spareto.training.memory import keep_large_blocks

STEPS = 5


def passes(shape: str, bits: int) -> dict[str, Callable[[], object]]:
    """One recording through the quantized network, in float and in integers."""
    made, frames = network(shape)
    small = spareto.compress(made, spareto.recipes.quantize(bits=bits)).eval()
    session = Engine(lower(small).network).session(1)
    recording = frames[:, 0].to(torch.uint8).numpy()
    spareto.bake(small)

    def in_integers() -> None:
        session.reset()
        session.push_frames(recording)

    return {"float": lambda: small(frames), "integers": in_integers}


def share(workload: str) -> float:
    """Of the processor time of a training step, what the forward sums of convolutions take."""
    made, frames, labels = make(WORKLOADS[workload])
    spent, summed = [0.0], c_layers.conv_forward

    def timed(*given: object) -> object:
        began = time.process_time()
        found = summed(*given)
        spent[0] += time.process_time() - began
        return found

    with mock.patch.object(c_layers, "conv_forward", timed):
        step(made.train(), frames, labels, made.classes)
        spent[0], began = 0.0, time.process_time()
        for _ in range(STEPS):
            step(made, frames, labels, made.classes)
        return spent[0] / (time.process_time() - began)


def main() -> None:
    """Print a line a network and width, and a line a step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bits", nargs="+", type=int, default=[2, 8])
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    keep_large_blocks()
    torch.set_num_threads(1)
    for shape in SHAPES:
        for bits in asked.bits:
            with torch.no_grad():
                seconds = timing.in_turns(passes(shape, bits), asked.rounds)
            print(
                f"{shape:8s} {bits} bit: float {timing.milliseconds(seconds, 'float'):7.2f} ms, "
                f"integers {timing.milliseconds(seconds, 'integers'):7.2f} ms; "
                f"float / integers {timing.ratio(seconds, 'float', 'integers'):5.2f}",
                flush=True,
            )
    for workload in ("tcja", "nmnist"):
        part = share(workload)
        most = f"without them it would be {1 / (1 - part):.2f} times as fast"
        print(f"{workload:8s} forward sums take {part:.0%} of a training step; {most}", flush=True)


if __name__ == "__main__":
    main()
