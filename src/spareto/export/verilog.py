"""Plain Verilog-2005 for FPGAs, with a testbench that checks every state against the golden model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typing_extensions import override

from spareto.export._base import Exported, Target
from spareto.fpga import options_of, write_design
from spareto.integer import IntegerNetwork
from spareto.package.vectors import Vectors


class Verilog(Target):
    """One module a stage, its memories, a top module `network`, a testbench and a record.

    Args:
        options: Fields of `spareto.fpga.Options`.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options_of(options)

    @override
    def write(self, network: IntegerNetwork, folder: Path, vectors: Vectors | None = None) -> Exported:
        files = write_design(network, folder, self.options, vectors)
        sizes = {path.name: path.stat().st_size for path in files}
        memory = {"verilog": sum(n for name, n in sizes.items() if name.endswith(".v"))}
        return Exported(
            files, memory | {"memories": sum(n for name, n in sizes.items() if name.endswith(".hex"))}
        )
