"""Run a folder's testbench: bits and cycles of the Verilog against golden model and cycle model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spareto.core.errors import Problem, SparetoError, StoreError
from spareto.core.scratch import scratch_folder
from spareto.fpga.folder import TESTBENCH, read_design
from spareto.fpga.tools import call, require

SIMULATORS: Final = ("verilator", "iverilog")
SECONDS: Final = 3600.0


@dataclass(frozen=True)
class Simulation:
    """What a simulator did.

    Args:
        simulator: Its name.
        agrees: Whether every spike, state and decision is the golden model's.
        said: Its last word: `PASS`, or where it differs first.
        timesteps: Timesteps of the vectors, all recordings together.
        recordings: Recordings of the vectors.
        cycles: From the first word to the last decision; None where it did not end.
        predicted: The same by the cycle model.
        busy: Cycles of each stage, by its name.
        predicted_busy: The same by the cycle model.
    """

    simulator: str
    agrees: bool
    said: str
    timesteps: int
    recordings: int
    cycles: int | None
    predicted: int
    busy: dict[str, int]
    predicted_busy: dict[str, int]


def simulate(
    folder: Path, simulator: str | None = None, seconds: float = SECONDS, stalls: int = 0
) -> Simulation:
    """Build and run a folder's testbench.

    Args:
        folder: Of exported Verilog.
        simulator: `verilator` or `iverilog`; the first that is here, if left out.
        seconds: Most that building and running may take, each.
        stalls: Seed of random waiting at both ends, which takes more cycles than the model says; 0 for none.

    Raises:
        StoreError: The folder is none, or carries no test vectors.
        MissingDependency: No simulator is here.
        SparetoError: It cannot be built, or does not end.
    """
    record = read_design(folder)
    if record.model is None:
        cure = "Lower the network with --data, or with stream: rate give images; then export it again."
        raise StoreError(Problem(str(folder), "no test vectors", "a folder that carries some", cure))
    name, program = require(*SIMULATORS if simulator is None else (simulator,))
    files = [str((folder / source).resolve()) for source in (*record.sources, TESTBENCH)]
    with scratch_folder() as built:
        run = (
            _verilator(program, files, Path(built), stalls)
            if name == "verilator"
            else _iverilog(program, files, Path(built), stalls)
        )
        printed = call(run, folder, seconds, name)
    total = re.search(r"^CYCLES (\d+)$", printed, re.MULTILINE)
    busy = {row[0]: int(row[1]) for row in re.findall(r"^BUSY (\S+) (\d+)", printed, re.MULTILINE)}
    verdict = re.search(r"^(PASS|FAIL).*$", printed, re.MULTILINE)
    if verdict is None:
        raise SparetoError(f"{name} ended without a verdict: {printed.strip()[-300:]}")
    names = [stage["module"] for stage in record.stages]
    neurons = [stage["timing"]["kind"] == "neurons" for stage in record.stages]
    return Simulation(
        name,
        verdict[1] == "PASS",
        verdict[0],
        record.model["timesteps"] * record.model["recordings"],
        record.model["recordings"],
        None if total is None else int(total[1]),
        record.model["total"],
        {
            module: busy[module]
            for module, counts in zip(names, neurons, strict=True)
            if counts and module in busy
        },
        {m: n for m, n, counts in zip(names, record.model["busy"], neurons, strict=True) if counts},
    )


def _iverilog(program: list[str], files: list[str], built: Path, stalls: int) -> list[str]:
    out = str(built / "testbench")
    options = ["-g2005", "-s", "testbench", f"-Ptestbench.STALLS={stalls}"]
    call([*program, *options, "-o", out, *files], built, SECONDS, "iverilog")
    return [*require_vvp(), "-n", out]


def require_vvp() -> list[str]:
    """The runner of Icarus Verilog."""
    return ["vvp"]


def _verilator(program: list[str], files: list[str], built: Path, stalls: int) -> list[str]:
    options = [
        "--binary",
        "--top-module",
        "testbench",
        "-Wno-fatal",
        "-Wno-lint",
        "-O3",
        f"-GSTALLS={stalls}",
        "--Mdir",
        str(built),
    ]
    call([*program, *options, "-o", "testbench", *files], built, SECONDS, "verilator")
    return [str(built / "testbench")]
