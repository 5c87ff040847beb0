"""Fmax by place-and-route of the serial wrapper: iCE40 and ECP5, as a proxy for other families."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from spareto.core.errors import Problem, SparetoError, StoreError
from spareto.core.scratch import scratch_folder
from spareto.fpga.folder import read_design
from spareto.fpga.tools import call, mapping_options, require

Routed = Literal["ice40", "ecp5"]
SERIAL: Final = "network_serial"
SECONDS: Final = 7200.0
_PARTS: Final = {
    "ice40": ["--hx8k", "--package", "ct256"],
    "ecp5": ["--85k", "--package", "CABGA381"],
}


@dataclass(frozen=True)
class Timing:
    """What place-and-route found.

    Args:
        family: ice40 (HX8K) or ecp5 (85k).
        fmax_mhz: Highest clock, of the slowest path.
        used: Of each kind of cell, how many are used and how many there are.
    """

    family: Routed
    fmax_mhz: float
    used: dict[str, tuple[int, int]]


def route(folder: Path, family: Routed, seconds: float = SECONDS) -> Timing:
    """Place and route a folder's serial wrapper.

    Raises:
        StoreError: The folder is none, or has no serial wrapper.
        MissingDependency: yosys or nextpnr is not here.
        SparetoError: It does not fit or fails.
    """
    record = read_design(folder)
    if f"{SERIAL}.v" not in record.sources:
        cure = "Export it again with --design '{wrappers: [serial]}'."
        raise StoreError(Problem(str(folder), "no serial wrapper", "a design with few pins", cure))
    _, yosys = require("yosys")
    _, nextpnr = require(f"nextpnr-{family}")
    with scratch_folder(folder) as name:  # WebAssembly builds have a /tmp of their own
        inner = Path(Path(name).name)
        netlist, out = inner / "netlist.json", inner / "report.json"
        steps = f"read_verilog {' '.join(record.sources)}; synth_{family} -top {SERIAL} -json {netlist}"
        steps += mapping_options(yosys, family)
        call([*yosys, "-q", "-p", steps], folder, seconds, "yosys")
        words = [
            *_PARTS[family],
            "--json",
            str(netlist),
            "--report",
            str(out),
            "--quiet",
            "--timing-allow-fail",
        ]
        words += ["--pcf-allow-unconstrained"] if family == "ice40" else ["--lpf-allow-unconstrained"]
        call([*nextpnr, *words], folder, seconds, f"nextpnr-{family}")
        try:
            said: Any = json.loads((folder / out).read_text(encoding="utf-8"))
            fmax = min(clock["achieved"] for clock in said["fmax"].values())
            used = {
                kind: (int(row["used"]), int(row["available"])) for kind, row in said["utilization"].items()
            }
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SparetoError(f"nextpnr-{family} wrote no report: {error}") from None
    return Timing(family, float(fmax), {kind: row for kind, row in used.items() if row[0]})
