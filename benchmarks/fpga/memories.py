"""Block memories of random sizes by yosys, read only and written, beside the model.

    python -m benchmarks.fpga.memories benchmarks/fpga/memories.json

The first few are those of trained networks.
"""

import json
import random
import re
import sys
import tempfile
from pathlib import Path

from spareto.core.artifacts import write_text
from spareto.fpga.tools import call, require
from spareto.hardware.fabric.memories import BLOCK_BITS, block_rams, index_bits

TRAINED = [(4308, 64, False), (3136, 64, False), (784, 17, False), (784, 512, False)]


def sizes(count, seed):
    """Rows, bits and whether it is written, of memories that lie in blocks."""
    pick = random.Random(seed)
    for number in range(count):
        rows = pick.choice((pick.randint(64, 600), pick.randint(500, 1400), pick.randint(1000, 6000)))
        yield rows, max(pick.randint(4, 90), -(-BLOCK_BITS // rows)), number % 3 == 0


def source(found, folder):
    """Verilog of a module that holds them all; their contents are written beside it."""
    pick, ports, body = random.Random(1), ["input clk"], []
    for n, (rows, bits, written) in enumerate(found):
        address = f"[{index_bits(rows) - 1}:0]"
        ports.append(f"input {address} read{n}, output reg [{bits - 1}:0] out{n}")
        kind = "ram" if written else "rom"
        body.append(f'(* {kind}_style = "block" *) reg [{bits - 1}:0] m{n} [0:{rows - 1}];')
        body.append(f"always @(posedge clk) out{n} <= m{n}[read{n}];")
        if written:
            ports.append(f"input on{n}, input [{bits - 1}:0] in{n}, input {address} write{n}")
            body.append(f"always @(posedge clk) if (on{n}) m{n}[write{n}] <= in{n};")
        else:
            body.append(f'initial $readmemh("m{n}.hex", m{n});')
            words = "\n".join(f"{pick.getrandbits(bits):x}" for _ in range(rows))
            (folder / f"m{n}.hex").write_text(words + "\n")
    return f"module memories ({', '.join(ports)});\n" + "\n".join(body) + "\nendmodule\n"


def counted(found):
    """Blocks of each, by yosys."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "memories.v").write_text(source(found, folder))
        steps = (
            "read_verilog memories.v; synth_xilinx -family xc7 -flatten -top memories -noiopad -noclkbuf"
            " -run begin:map_ffram; tee -q -o 2.txt select -list t:RAMB36*;"
            " tee -q -o 1.txt select -list t:RAMB18*"
        )
        call([*require("yosys")[1], "-q", "-p", steps], folder, 3600.0, "yosys")
        blocks = [0.0] * len(found)
        for halves in (1, 2):
            for line in (folder / f"{halves}.txt").read_text().splitlines():
                if name := re.search(r"/m(\d+)\.", line):
                    blocks[int(name[1])] += halves / 2
    return blocks


def main(path):
    """Measure, and print each beside the model."""
    found = [*TRAINED, *sizes(36, 7)]
    rows = [[*size, blocks] for size, blocks in zip(found, counted(found), strict=True)]
    write_text(path, "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    for many, bits, written, blocks in rows:
        model = block_rams(many, bits, written=written)
        print(
            many,
            bits,
            "written" if written else "read only",
            blocks,
            model,
            "" if blocks == model else "NOT AS IN THE MODEL",
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
