"""`spareto fpga simulate`: what is done with a folder of exported Verilog."""

from __future__ import annotations

import json as json_module
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from spareto.cli.console import Console

Flag = Annotated[bool, Parameter(negative="")]


def simulate(
    folder: Path, /, *, simulator: Literal["verilator", "iverilog"] | None = None, json: Flag = False
) -> None:
    """Simulate exported Verilog: every spike and state against the golden model, cycles against the model.

    Args:
        folder: Written by `spareto export --target verilog`, of a package with test vectors.
        simulator: verilator or iverilog; the first that is here, if left out.
        json: Print JSON.
    """
    from spareto.fpga import simulate as run

    found = run(folder, simulator)
    if json:
        print(json_module.dumps(asdict(found), indent=1))
    else:
        console = Console(highlight=False, soft_wrap=True)
        console.print(f"{found.simulator}: {found.said}", markup=False)
        for name, cycles in found.busy.items():
            told = (
                "as predicted"
                if cycles == found.predicted_busy[name]
                else f"predicted {found.predicted_busy[name]:,}"
            )
            console.print(f"  {name}: {cycles:,} cycles, {told}", markup=False)
        if found.cycles is not None:
            each = found.cycles / found.recordings
            told = "as predicted" if found.cycles == found.predicted else f"predicted {found.predicted:,}"
            console.print(f"{found.cycles:,} cycles, {told}; {each:,.0f} a recording", markup=False)
    if not (found.agrees and found.cycles == found.predicted):
        sys.exit(1)
