"""Memory over many repetitions: `python tests/steadiness.py PROFILES STEPS`; it may grow by 2 %."""

import ctypes
import gc
import os
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import tiny
from spareto import networks
from spareto.profiling import profile

ALLOWED = 1.02
SAMPLES = 20


def resident():
    """Bytes of this process that are in memory and its own."""
    gc.collect()
    if hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")


def growth(run, count):
    """Memory of the last fifth over that of the second fifth of the repetitions; the first warms up."""
    taken = []
    for number in range(count):
        run(number)
        if (number + 1) % max(count // SAMPLES, 1) == 0:
            taken.append(resident())
    part = len(taken) // 5
    return float(np.median(taken[-part:]) / np.median(taken[part : 2 * part]))


def profiles(count):
    data, network = tiny.frame_data(samples=32), tiny.network().eval()
    return growth(lambda _: profile(network, data.test_frames, data.test_labels), count)


def steps(count):
    torch.manual_seed(0)
    network = networks.build("conv", sensor=(2, 16, 16), classes=4, channels=(8, 16), votes=2)
    optimizer = torch.optim.Adam(network.parameters())
    frames, labels = (torch.rand(6, 16, 2, 16, 16) < 0.2).float(), torch.arange(16) % 4

    def run(_):
        optimizer.zero_grad()
        F.cross_entropy(network(frames), labels).backward()
        optimizer.step()

    return growth(run, count)


def main(profile_count, step_count):
    found = {"profiles": profiles(profile_count), "training steps": steps(step_count)}
    for name, factor in found.items():
        print(f"{name}: {factor:.4f} times the memory")
    return 0 if all(factor <= ALLOWED for factor in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
