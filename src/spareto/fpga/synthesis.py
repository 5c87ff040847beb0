"""What exported Verilog takes, by yosys: look-up tables, registers, memories; no timing, no packing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from spareto.core.errors import SparetoError
from spareto.core.scratch import scratch_folder
from spareto.fpga.folder import read_design
from spareto.fpga.tools import call, mapping_options, require

Family = Literal["xc7", "ice40", "ecp5"]
SECONDS: Final = 7200.0
_SYNTH: Final = {
    "xc7": "synth_xilinx -family xc7 -flatten -top {top} -noiopad -noclkbuf",
    "ice40": "synth_ice40 -top {top}",
    "ecp5": "synth_ecp5 -top {top}",
}
_LUT_RAM: Final = {
    **dict.fromkeys(("RAM32M", "RAM64M", "RAM128X1D"), 4),
    **dict.fromkeys(("RAM64X1D", "RAM128X1S", "RAM32X1D"), 2),
    **dict.fromkeys(("RAM32X1S", "RAM64X1S", "SRL16E", "SRLC32E"), 1),
    "TRELLIS_DPR16X4": 4,
}
"""LUTs that one memory of LUTs takes."""


@dataclass(frozen=True)
class SizeEstimate:
    """What yosys counts.

    Args:
        family: Of the device.
        tool: yosys, its version.
        luts: Look-up tables, those of distributed memories included.
        lut_rams: Of these, those of distributed memories.
        registers: Flip-flops.
        latches: Latches; a design of ours has none.
        carries: Carry elements.
        block_rams: Block memories, in halves where the family has halves (RAMB18 = 0.5).
        dsps: Multipliers; a design of ours has none.
        cells: Every kind of cell and its number.
    """

    family: Family
    tool: str
    luts: int
    lut_rams: int
    registers: int
    latches: int
    carries: int
    block_rams: float
    dsps: int
    cells: dict[str, int]


def estimate(
    folder: Path, family: Family = "xc7", top: str = "network", seconds: float = SECONDS
) -> SizeEstimate:
    """Synthesize a folder's design with yosys.

    Args:
        folder: Of exported Verilog.
        family: xc7, ice40 or ecp5.
        top: The module.
        seconds: Most that it may take.

    Raises:
        StoreError: The folder is none.
        MissingDependency: yosys is not here.
        SparetoError: It fails.
    """
    record = read_design(folder)
    _, program = require("yosys")
    cells = synthesized(program, folder, list(record.sources), family, top, seconds)
    version = call([*program, "-V"], folder, 120.0, "yosys").split("(")[0].strip()
    return counted(cells, family, version)


def synthesized(
    program: list[str], folder: Path, sources: list[str], family: Family, top: str, seconds: float
) -> dict[str, int]:
    """Cells of a synthesized design, by kind."""
    with scratch_folder(folder) as name:  # the WebAssembly build has a /tmp of its own
        out = Path(name).resolve() / "stat.json"
        steps = [
            f"read_verilog {' '.join(sources)}",
            _SYNTH[family].format(top=top) + mapping_options(program, family),
            f"tee -q -o {out.relative_to(folder.resolve())} stat -json",
        ]
        call([*program, "-q", "-p", "; ".join(steps)], folder, seconds, "yosys")
        text = out.read_text(encoding="utf-8")
    return cells_in(text)


def cells_in(text: str) -> dict[str, int]:
    """Cells of the whole design out of `stat -json`, of which only the last table is read.

    yosys 0.23 leaves commas out between modules, so that the text as a whole is no JSON.

    Raises:
        SparetoError: There is no table.
    """
    begin = text.rfind('"num_cells_by_type"')
    try:
        found: dict[str, Any] = json.loads(text[text.index("{", begin) : text.index("}", begin) + 1])
        return {name: int(count) for name, count in sorted(found.items())}
    except (ValueError, TypeError) as error:
        raise SparetoError(f"yosys printed no statistics: {text[-200:]!r} ({error})") from None


def counted(cells: dict[str, int], family: Family, tool: str) -> SizeEstimate:
    """Sums over kinds of cells."""

    def total(*prefixes: str) -> int:
        return sum(n for name, n in cells.items() if name.startswith(prefixes))

    rams = sum(each * cells.get(name, 0) for name, each in _LUT_RAM.items())
    return SizeEstimate(
        family=family,
        tool=tool,
        luts=sum(n for name, n in cells.items() if name in _LUTS) + rams,
        lut_rams=rams,
        registers=total("FD", "SB_DFF", "TRELLIS_FF"),
        latches=total("LD", "$_DLATCH", "$dlatch"),
        carries=total("CARRY4", "SB_CARRY", "CCU2C"),
        block_rams=total("RAMB36") + total("RAMB18") / 2 + total("SB_RAM40", "DP16KD", "PDPW16KD"),
        dsps=total("DSP48", "SB_MAC16", "MULT18X18"),
        cells=cells,
    )


_LUTS: Final = {*(f"LUT{n}" for n in range(1, 7)), "INV", "SB_LUT4", "LUT4"}
