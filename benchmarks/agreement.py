"""Every engine on 1,000 real N-MNIST recordings: each layer's spikes, and the accuracy beside floats.

python -m benchmarks.agreement RUN TRIAL... [--data nmnist_small] [--timesteps 10]

RUN is the folder of a study on that data set: `spareto study run examples/nmnist.yaml` leaves one. A TRIAL is
named as in `spareto front`: "joint 2 bit 80 %, seed 0". The recordings are the 100 of the test part, and
the first 900 of the training part. One other spike ends the run.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

import spareto
from spareto.data.load import FrameData, load_frames
from spareto.export import compiled_c99
from spareto.integer import IntegerNetwork, Reference
from spareto.integer.network import Ints
from spareto.lowering import IntegerModule, lower
from spareto.runtime import Engine

OTHERS, TOGETHER = 900, 50


def recordings(data: FrameData) -> Ints:
    """The test recordings, then others, shape (T, recordings, channels, height, width)."""
    others = np.asarray(data.train_frames[:, :OTHERS])
    return np.concatenate([np.asarray(data.test_frames), others], axis=1).astype(np.uint8)


def check(network: IntegerNetwork, frames: Ints) -> None:
    """Hold torch, the C engine and the exported C against the reference, on every node's outputs.

    Raises:
        AssertionError: An engine gives another number.
    """
    session, module = Engine(network).session(), IntegerModule(network)
    with compiled_c99(network, "gcc") as exported:
        for start in range(0, frames.shape[1], TOGETHER):
            some = frames[:, start : start + TOGETHER]
            expected = Reference(network).run(some)
            same(module.outputs(torch.from_numpy(some)), expected, "torch")
            for one in range(some.shape[1]):
                alone = [output[:, one] for output in expected]
                session.reset()
                same(session.outputs(some[:, one]), alone, f"engine, recording {start + one}")
                same(exported(some[:, one]), alone, f"C99, recording {start + one}")


def same(found: object, expected: list[Ints], place: str) -> None:
    """Compare outputs of all nodes."""
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):  # type: ignore[call-overload]
        assert np.array_equal(np.asarray(one), other), f"{place}: node {number} differs"


@torch.no_grad()
def answers(network: torch.nn.Module, frames: Ints) -> Ints:
    """Labels that the float network gives."""
    return network(torch.from_numpy(frames).float()).argmax(-1).numpy()


def main() -> None:
    """Check the trials that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agreement", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("trials", nargs="+", help="names of `spareto front`")
    parser.add_argument("--data", default="nmnist_small")
    parser.add_argument("--timesteps", type=int, default=10)
    asked = parser.parse_args()
    data = load_frames(asked.data, timesteps=asked.timesteps)
    frames, tests = recordings(data), len(data.test_labels)
    for trial in asked.trials:
        network = spareto.load_network(asked.run, trial=trial)
        lowered = lower(network, sensor=data.info.sensor, classes=data.info.classes).network
        check(lowered, frames)
        floats = answers(network, frames[:, :tests])
        integers = Reference(lowered).counts(frames[:, :tests]).argmax(-1)
        right = [f"{float((a == data.test_labels).mean()):.1%}" for a in (floats, integers)]
        print(
            f"{trial}: {frames.shape[1]} recordings, every node's spikes equal on 4 engines; "
            f"test floats {right[0]}, integers {right[1]}, {int((floats != integers).sum())} answers differ"
        )


if __name__ == "__main__":
    main()
