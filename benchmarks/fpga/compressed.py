"""784-128-10, 80 % of the weights pruned at random: dense rows against compressed ones, simulated and sized.

python -m benchmarks.fpga.compressed benchmarks/fpga/compressed.json
"""

import json
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from spareto.core.artifacts import write_text
from spareto.fpga import Options, estimate, simulate
from spareto.fpga.circuit import Circuit, Neurons
from spareto.fpga.folder import write_circuit
from spareto.fpga.windows import dense
from spareto.integer.semantics import preset

DESIGNS = [("scan", 1), ("scan", 16), ("event", 16), ("compressed", 16), ("compressed", 32)]
TIMESTEPS, RATE, SPARSITY = 100, 0.1, 0.8


def circuit(reads, ratio):
    """784 inputs, 128 hidden neurons, ten classes; the same weights for all."""
    rng = np.random.default_rng(0)
    how = preset("spiker", leak_shift=4, weight_bits=4, neuron_bits=6)

    def stage(name, source, inputs, channels, units, way):
        weights = rng.integers(-7, 8, (channels, inputs))
        weights[rng.random(weights.shape) < SPARSITY] = 0
        level = np.full(channels, 16)
        return Neurons(
            name, source, how, dense(inputs), weights, level, level, 0 * level, units=units, reads=way
        )

    stages = (stage("hidden", -1, 784, 128, 128 // ratio, reads), stage("output", 0, 128, 10, 10, "scan"))
    return Circuit(784, 10, stages, {"network": "784-128-10"})


def main(path):
    """Measure what is not there yet."""
    rows = json.loads(path.read_text()) if path.exists() else []
    done = [(row["reads"], row["ratio"]) for row in rows]
    bits = (np.random.default_rng(1).random((TIMESTEPS, 1, 784)) < RATE).astype(np.int64)
    for reads, ratio in DESIGNS:
        if (reads, ratio) in done:
            continue
        folder = Path(tempfile.mkdtemp())
        write_circuit(circuit(reads, ratio), folder, Options(), bits)
        run = simulate(folder)
        assert run.agrees
        size = estimate(folder)
        rows.append({"reads": reads, "ratio": ratio, "cycles": run.cycles, "estimate": asdict(size)})
        rows[-1]["predicted_cycles"] = run.predicted
        write_text(path, json.dumps(rows, indent=1) + "\n")
        print(reads, ratio, run.cycles, size.luts, size.block_rams, flush=True)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
