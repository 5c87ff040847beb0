"""`spareto fpga simulate`, `estimate` and `report`: what is done with a folder of exported Verilog."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from spareto.cli import numbers
from spareto.cli.console import Console, Flag, print_json


def simulate(
    folder: Path,
    /,
    *,
    simulator: Literal["verilator", "iverilog"] | None = None,
    stalls: Annotated[int, numbers.count(0)] = 0,
    json: Flag = False,
) -> None:
    """Simulate exported Verilog: every spike and state against the golden model, cycles against the model.

    Args:
        folder: Written by `spareto export --target verilog`, of a package with test vectors.
        simulator: verilator or iverilog; the first that is here, if left out.
        stalls: Seed of random waiting at both ends; bits must agree, cycles are more than the model's.
        json: Print JSON.
    """
    from spareto.fpga import simulate as run

    found = run(folder, simulator, stalls=stalls)
    if json:
        print_json(asdict(found))
    else:
        console = Console(soft_wrap=True)
        console.print(f"{found.simulator}: {found.said}")
        for name, cycles in found.busy.items():
            told = (
                "as predicted"
                if cycles == found.predicted_busy[name]
                else f"predicted {found.predicted_busy[name]:,}"
            )
            console.print(f"  {name}: {cycles:,} cycles, {told}")
        if found.cycles is not None:
            each = found.cycles / found.recordings
            told = "as predicted" if found.cycles == found.predicted else f"predicted {found.predicted:,}"
            console.print(f"{found.cycles:,} cycles, {told}; {each:,.0f} a recording")
    if not (found.agrees and (stalls or found.cycles == found.predicted)):
        sys.exit(1)


def estimate(
    folder: Path,
    /,
    *,
    family: tuple[Literal["xc7", "ice40", "ecp5"], ...] = ("xc7",),
    timing: Flag = False,
    json: Flag = False,
) -> None:
    """Size exported Verilog with yosys, and with --timing place and route it with nextpnr.

    Args:
        folder: Written by `spareto export --target verilog`.
        family: Device families: xc7 (Artix-7, Zynq-7000), ice40, ecp5; may be given several times.
        timing: Also Fmax of the serial wrapper, for ice40 and ecp5.
        json: Print JSON.
    """
    from spareto.core.errors import ConfigError, MissingDependency, Problem
    from spareto.fpga import estimate as size
    from spareto.fpga import route

    if timing and set(family) == {"xc7"}:
        cure = "Add --family ice40 or --family ecp5: no free tool here places xc7."
        raise ConfigError(Problem("--timing", "xc7 alone", "a family that nextpnr places", cure))
    console = Console(soft_wrap=True)
    rows: list[dict[str, object]] = []
    missing: list[MissingDependency] = []
    for name in family:
        found = size(folder, name)
        rows.append(asdict(found))
        if not json:
            console.print(
                f"{name} ({found.tool} estimate): {found.luts:,} LUTs, {found.registers:,} registers, "
                f"{found.block_rams:g} block RAMs, {found.dsps} DSPs, {found.latches} latches"
            )
        if timing and name != "xc7":
            try:
                routed = route(folder, name)
            except MissingDependency as error:  # the other families are sized all the same
                rows[-1]["missing"] = str(error)
                missing.append(error)
                continue
            rows[-1]["fmax_mhz"] = routed.fmax_mhz
            if not json:
                console.print(f"{name}, placed and routed: {routed.fmax_mhz:.1f} MHz")
    if json:
        print_json(rows)
    if missing:
        raise missing[0]


def report(folder: Path, /, *, json: Flag = False) -> None:
    """Simulate and size exported Verilog with the tools that are here, and write report.md beside it.

    Args:
        folder: Written by `spareto export --target verilog`.
        json: Print JSON.
    """
    from spareto.core.errors import MissingDependency, StoreError
    from spareto.fpga import estimate as size
    from spareto.fpga import report as write
    from spareto.fpga import simulate as run

    simulation, sizes, missing = None, [], []
    try:
        simulation = run(folder)
    except (MissingDependency, StoreError) as error:
        missing.append(str(error))
    try:
        sizes = [size(folder, "xc7")]
    except MissingDependency as error:
        missing.append(str(error))
    found = write(folder, simulation, sizes, [])
    if json:
        print_json(found | {"missing": missing})
    else:
        print((folder / "report.md").read_text(encoding="utf-8"), end="")
        for line in missing:
            print(f"Not here: {line}")
    if simulation is not None and not simulation.agrees:
        sys.exit(1)
