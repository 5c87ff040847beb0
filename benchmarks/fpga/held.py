"""Hold the model of look-up tables, block memories and cycles against what was measured.

python -m benchmarks.fpga.held benchmarks/fpga/measured.json
"""

import json
import sys
from pathlib import Path

from benchmarks.fpga.sizes import FITTED, circuit
from spareto.fpga.sizing import built
from spareto.hardware.fabric.logic import luts


def main(path):
    """Print each design beside its prediction."""
    for row in json.loads(path.read_text()):
        design, size = tuple(row["design"]), row["estimate"]
        stages = built(circuit(*design))
        predicted, blocks = luts(stages, design[2]), sum(stage.block_rams for stage in stages)
        print(
            f"| {'-'.join(map(str, design[:3]))} | {design[4]} | {design[3]} | {design[5]} "
            f"| {design[7]}, {design[8]} "
            f"| {size['luts']:,} | {predicted:,} ({predicted / size['luts'] - 1:+.1%}) "
            f"| {size['block_rams']:g} | {blocks:g} | {row['cycles']:,} | {row['predicted_cycles']:,} "
            f"|{' set by it' if design in FITTED else ''}"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
