"""Cold start: seconds of a fresh process for an import, the command's help and a first training step.

python -m benchmarks.startup [--rounds 5] [--json]

Processor time of the process, which others do not lengthen; kernels are compiled beforehand, as an installed
wheel has them.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys

from spareto.kernels import library

NOTHING = "pass"
SPARETO = "import spareto, sys; assert 'torch' not in sys.modules"
RUNTIME = "import spareto.runtime, sys; assert 'torch' not in sys.modules"
TORCH = "import torch"
TRAINED = """
import torch
import spareto
network = spareto.networks.build("conv", sensor=(2, 34, 34), classes=10)
frames = (torch.rand(10, 4, 2, 34, 34) < 0.1).float()
network(frames).square().sum().backward()
assert all(parameter.grad is not None for parameter in network.parameters())
"""
HELP = """
import sys
from spareto.cli import main
sys.argv = ["spareto", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code
assert "torch" not in sys.modules
"""
LIMITS = {
    "import spareto": 0.05,
    "spareto --help": 0.2,
    "import spareto.runtime, numpy included": 0.15,
    "first training step after import torch": 0.3,
}


def seconds(code: str) -> float:
    """Processor time of a fresh process that runs `code` on one thread."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(rounds: int) -> dict[str, float]:
    """Medians over the rounds, the processes in turns."""
    library.backend()  # compiles, if need be, before the clock runs
    codes = {"nothing": NOTHING, "spareto": SPARETO, "help": HELP, "runtime": RUNTIME, "torch": TORCH}
    codes["trained"] = TRAINED
    found: dict[str, list[float]] = {name: [] for name in codes}
    for counts in (False, *[True] * rounds):
        for name, code in codes.items():
            took = seconds(code)
            if counts:
                found[name].append(took)
    pairs = list(zip(found["spareto"], found["nothing"], found["trained"], found["torch"], strict=True))
    return {
        "spareto --help": statistics.median(found["help"]),
        "import spareto": statistics.median(own - none for own, none, _, _ in pairs),
        "import spareto.runtime, numpy included": statistics.median(
            own - none for own, none in zip(found["runtime"], found["nothing"], strict=True)
        ),
        "first training step after import torch": statistics.median(
            done - torch for *_, done, torch in pairs
        ),
        "import torch": statistics.median(torch - none for _, none, _, torch in pairs),
        "library, MiB": library.library_file(library.level()).stat().st_size / 2**20,
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    measured = measure(asked.rounds)
    if asked.json:
        print(json.dumps(measured, indent=1))
        return
    for name, value in measured.items():
        limit = f"   at most {LIMITS[name]:g} s" if name in LIMITS else ""
        print(f"{name:40s} {value:6.2f}{limit}")


if __name__ == "__main__":
    main()
