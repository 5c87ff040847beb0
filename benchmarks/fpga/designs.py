"""Trained networks as Verilog: cycles simulated on real images, sizes by yosys.

    python -m benchmarks.fpga.designs runs/fpga benchmarks/fpga/designs.json            # simulated
    python -m benchmarks.fpga.designs runs/fpga benchmarks/fpga/designs.json --sizes    # and sized

Packages are those of `benchmarks.fpga.trained`; each carries ten test images.
"""

import argparse
import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.fpga.trained import file_of
from spareto.core.artifacts import write_text
from spareto.fpga import Options, circuit_of, estimate, simulate, write_design
from spareto.fpga.sizing import built
from spareto.hardware.fabric.lists import Lists
from spareto.hardware.fabric.logic import Built
from spareto.integer.semantics import Semantics
from spareto.package import read_package

DENSE, PRUNED = ("digits", 128, 4, 0.0, 0), ("digits", 128, 4, 0.8, 0)
# a trained network, ratio of each layer, how each reads
DESIGNS = [
    (DENSE, (1, 1), ("scan", "scan")),
    (PRUNED, (16, 1), ("compressed", "scan")),
    (("digits", 64, 4, 0.0, 0), (1, 1), ("scan", "scan")),
    (("digits", 64, 4, 0.0, 0), (4, 1), ("event", "scan")),
    (("digits", 32, 4, 0.8, 0), (4, 1), ("compressed", "scan")),
    (("digits", 32, 4, 0.0, 0), (1, 1), ("scan", "event")),
]


def options_for(ratio, inputs):
    """Choices of a design; neurons of 6 bits, as Spiker+ computes."""
    return Options(semantics="spiker", neuron_bits=6, ratio=tuple(ratio), inputs=tuple(inputs))


def measured(folder, network, ratio, inputs, sizes):
    """A design's row."""
    package = read_package(file_of(folder, *network))
    out = Path(tempfile.mkdtemp())
    try:
        write_design(package.network, out, options_for(ratio, inputs), package.vectors)
        if sizes:
            stages = [
                asdict(stage) for stage in built(circuit_of(package.network, options_for(ratio, inputs)))
            ]
            return {"estimate": asdict(estimate(out, seconds=4 * 3600.0)), "stages": stages}
        run = simulate(out)
        assert run.agrees, run.said
        return {
            "simulator": run.simulator,
            "images": run.recordings,
            "cycles": run.cycles / run.recordings,
            "predicted_cycles": run.predicted / run.recordings,
        }
    finally:
        shutil.rmtree(out)


def stages_of(row):
    """A row's stages, for the model of sizes."""
    return [
        Built(**(s | {"semantics": Semantics(**s["semantics"]), "lists": s["lists"] and Lists(**s["lists"])}))
        for s in row["stages"]
    ]


def main():
    """Measure what is not there yet."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("path", type=Path)
    parser.add_argument("--sizes", action="store_true")
    parser.add_argument("--only", type=int, default=None)
    given = parser.parse_args()
    for number, (network, ratio, inputs) in enumerate(DESIGNS):
        if given.only not in (None, number):
            continue
        rows = json.loads(given.path.read_text()) if given.path.exists() else {}
        name = f"{file_of(Path(), *network).stem} ratio {'-'.join(map(str, ratio))} {'-'.join(inputs)}"
        if ("estimate" if given.sizes else "cycles") in rows.get(name, {}):
            continue
        if not file_of(given.folder, *network).exists():
            print(f"{name}: not trained yet")
            continue
        found = measured(given.folder, network, ratio, inputs, given.sizes)
        rows = json.loads(given.path.read_text()) if given.path.exists() else {}
        rows[name] = rows.get(name, {}) | found
        write_text(given.path, json.dumps(rows, indent=1) + "\n")
        print(name, found, flush=True)


if __name__ == "__main__":
    main()
