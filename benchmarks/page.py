"""Run what `docs/performance.md` shows, keep what it prints with the machine's description, write the page.

python -m benchmarks.page [--run NAME ...]

The text is `benchmarks/performance.md`; a line `{measured: NAME}` becomes what is kept of that run in
`benchmarks/measured`: the command, its output and the machine. Without one the page says "not measured".
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from spareto.core.artifacts import write_text
from spareto.native.machine import cpu_flags

HERE: Final = Path(__file__).parent
TEMPLATE: Final = HERE / "performance.md"
PAGE: Final = HERE.parent / "docs" / "performance.md"
MARK: Final = re.compile(r"^\{measured: (\w+)\}$", re.MULTILINE)
WRITTEN: Final = (
    "<!-- Written by `python -m benchmarks.page` from benchmarks/performance.md and what was measured. -->\n"
)
COMMANDS: Final = {
    "tcja": "benchmarks.training --workloads tcja --threads 1 2 --rounds 3",
    "training": "benchmarks.training --workloads nmnist dense --threads 1 2 --rounds 5",
    "bfloat16": "benchmarks.training --workloads nmnist --threads 1 --rounds 5 --bf16",
    "trained": "benchmarks.training --trained --threads 1 --rounds 3",
    "densities": "benchmarks.training --densities --peers snntorch --threads 1 --rounds 3",
    "neurons": "benchmarks.neurons --rounds 2",
    "memory": "benchmarks.memory --batches 4",
    "threads": "benchmarks.scaling threads --rounds 3",
    "processes": "benchmarks.scaling processes --rounds 3",
    "timesteps": "benchmarks.scaling timesteps",
    "batches": "benchmarks.scaling batches --rounds 2",
    "frameworks": "benchmarks.profiling",
    "evaluating": "benchmarks.evaluating --workloads nmnist dense --batches 32 --rounds 5",
    "evaluating_tcja": "benchmarks.evaluating --workloads tcja --batches 64 --rounds 3",
    "narrowing": "benchmarks.narrowing --rounds 3",
    "integers": "benchmarks.integers",
    "startup": "benchmarks.startup --rounds 7",
    "density": "benchmarks.density --rounds 2",
    "compression": "benchmarks.compression",
    "mappings": "benchmarks.mappings",
    "gpu": "benchmarks.gpu",
}
PACKAGES: Final = ("torch", "snntorch", "spikingjelly", "norse")
ONE_THREAD: Final = frozenset(
    {"frameworks", "narrowing", "startup", "neurons", "integers", "evaluating", "evaluating_tcja"}
)


def run(name: str) -> None:
    """Run one benchmark and keep what it prints.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    called, load = [sys.executable, "-m", *shlex.split(COMMANDS[name])], os.getloadavg()[0]
    threads = {"OMP_NUM_THREADS": "1"} if name in ONE_THREAD else {}
    done = subprocess.run(called, env={**os.environ, **threads}, capture_output=True, text=True, check=True)
    variables = "".join(f"{key}={value} " for key, value in threads.items())
    found = {
        "command": f"{variables}python -m {COMMANDS[name]}",
        "machine": machine(),
        "load": round(load, 1),
        "output": done.stdout.rstrip().splitlines(),
    }
    (HERE / "measured").mkdir(exist_ok=True)
    write_text(HERE / "measured" / f"{name}.json", json.dumps(found, indent=1) + "\n")


def machine() -> str:
    """Processor, instruction set, cores and the versions of what is compared."""
    known = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"model name\s*:\s*(.*)", known)
    flags = cpu_flags()
    widest = next((told for flag, told in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags), "")
    parts = [model[1] if model else platform.machine(), widest, f"{len(os.sched_getaffinity(0))} cores"]
    parts.append(f"Python {platform.python_version()}")
    for package in PACKAGES:
        try:
            parts.append(f"{package} {version(package).split('+')[0]}")
        except PackageNotFoundError:
            continue
    return ", ".join(part for part in parts if part)


def block(name: str) -> str:
    """What the page shows of a measurement."""
    kept = HERE / "measured" / f"{name}.json"
    if not kept.exists():
        return f"`python -m {COMMANDS[name]}`: not measured."
    found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    lines = ["```console", found["command"], "```", "", "```text", *found["output"], "```", ""]
    return "\n".join([*lines, f"{found['machine']}; load before: {found['load']}."])


def page() -> str:
    """The page as it has to be."""
    return WRITTEN + MARK.sub(lambda mark: block(mark[1]), TEMPLATE.read_text(encoding="utf-8"))


def command() -> None:
    """Run what is asked for, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--run", nargs="*", choices=COMMANDS, default=[])
    for name in parser.parse_args().run:
        run(name)
        print(name, flush=True)
    write_text(PAGE, page())


if __name__ == "__main__":
    command()
