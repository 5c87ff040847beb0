"""Sizes by yosys and cycles by simulation of designs with random weights and thresholds, for the `fpga` kind.

    python -m benchmarks.fpga.sizes benchmarks/fpga/measured.json       # carries on where it stopped

Those in `FITTED` set the model's coefficients; the others are what it is judged by.
"""

import json
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from spareto.core.artifacts import write_text
from spareto.fpga import Options, estimate, simulate
from spareto.fpga.circuit import Circuit, Neurons
from spareto.fpga.folder import write_circuit
from spareto.fpga.windows import dense
from spareto.integer.semantics import preset

# inputs, hidden, outputs, ratio of the hidden layer, how it reads, preset, leak, weight and neuron bits
DESIGNS = [
    (128, 16, 4, 1, "scan", "spiker", 4, 4, 6),
    (128, 32, 4, 1, "scan", "hls4ml", 3, 4, 8),
    (256, 16, 4, 1, "event", "spiker", 4, 6, 8),
    (128, 32, 4, 4, "scan", "spiker", 4, 4, 6),
    (128, 32, 4, 8, "compressed", "spiker", 4, 4, 6),
    (128, 16, 4, 1, "scan", "snntorch", 4, 4, 12),
    (256, 32, 10, 1, "scan", "spiker", 4, 4, 6),
    (128, 32, 10, 1, "scan", "spiker", 4, 6, 8),
    (256, 24, 4, 1, "scan", "hls4ml", 4, 4, 6),
    (128, 16, 4, 1, "scan", "hls4ml", None, 4, 8),
    (256, 32, 4, 1, "event", "spiker", 4, 4, 6),
    (128, 32, 4, 2, "scan", "spiker", 4, 4, 8),
    (256, 64, 4, 4, "scan", "spiker", 4, 4, 6),
    (128, 32, 4, 4, "event", "spiker", 4, 4, 6),
    (256, 64, 4, 8, "compressed", "spiker", 4, 4, 6),
    (128, 32, 4, 4, "compressed", "spiker", 4, 4, 8),
    (128, 24, 4, 1, "scan", "snntorch", 4, 4, 8),
    (512, 16, 4, 1, "scan", "spiker", 4, 4, 6),
    (784, 16, 10, 1, "scan", "spiker", 4, 4, 6),
    (200, 48, 4, 6, "compressed", "spiker", 4, 4, 6),
    (400, 32, 4, 4, "event", "spiker", 4, 4, 6),
    (512, 64, 4, 16, "compressed", "spiker", 4, 4, 8),
    (100, 30, 6, 3, "compressed", "hls4ml", 3, 5, 8),
    (300, 24, 4, 1, "event", "snntorch", 4, 4, 8),
    (256, 64, 8, 2, "event", "spiker", 4, 6, 8),
    (64, 64, 4, 4, "scan", "hls4ml", 4, 8, 10),
    (784, 32, 10, 4, "event", "spiker", 4, 4, 6),
    (784, 32, 10, 4, "compressed", "spiker", 4, 4, 6),
    (160, 40, 4, 5, "compressed", "spiker", 4, 4, 6),
    (600, 20, 4, 2, "event", "spiker", 4, 5, 7),
    (320, 48, 8, 12, "compressed", "hls4ml", 3, 4, 8),
    (144, 36, 6, 1, "event", "spiker", 4, 4, 6),
    (220, 30, 4, 3, "compressed", "snntorch", 4, 4, 8),
    (450, 64, 8, 8, "event", "hls4ml", 3, 4, 8),
]


FITTED = [DESIGNS[n] for n in (0, 1, 2, 3, 4, 5, 6, 9, 13, 14, 17, 26, 27)]
"""What the model's coefficients are set by, with those of `benchmarks.fpga.layers`."""


def circuit(inputs, hidden, outputs, ratio, reads, name, leak, weight_bits, neuron_bits):
    """Two dense layers of random weights, of which four in five are zero where they are compressed."""
    rng = np.random.default_rng(inputs + hidden)
    how = preset(name, leak_shift=leak, weight_bits=weight_bits, neuron_bits=neuron_bits)
    most = (1 << (weight_bits - 1)) - 1

    def stage(title, source, count, channels, units, way):
        weights = rng.integers(-most, most + 1, (channels, count))
        if way == "compressed":
            weights[rng.random(weights.shape) < 0.8] = 0
        level = np.full(channels, threshold(how, title))
        return Neurons(
            title, source, how, dense(count), weights, level, level, 0 * level, units=units, reads=way
        )

    stages = (
        stage("hidden", -1, inputs, hidden, hidden // ratio, reads),
        stage("output", 0, hidden, outputs, outputs, "scan"),
    )
    return Circuit(inputs, outputs, stages, {"network": f"{inputs}-{hidden}-{outputs}"})


def threshold(how, title):
    """A stage's threshold, as training might give: drawn from a third of the largest number to all of it."""
    pick = np.random.default_rng([how.neuron_bits, how.weight_bits, len(title), how.leak_shift or 0])
    return int(pick.integers(how.highest // 3, how.highest + 1))


def measured(design):
    """One design's row."""
    made = circuit(*design)
    bits = (np.random.default_rng(1).random((10, 2, made.inputs)) < 0.1).astype(np.int64)
    folder = Path(tempfile.mkdtemp())
    try:
        write_circuit(made, folder, Options(), bits)
        began = time.process_time()
        size = estimate(folder)
        run = simulate(folder)
        assert run.agrees
        return {
            "design": list(design),
            "seconds": round(time.process_time() - began, 1),
            "cycles": run.cycles,
            "predicted_cycles": run.predicted,
            "estimate": asdict(size),
        }
    finally:
        shutil.rmtree(folder)


def main(path):
    """Measure what is not there yet."""
    rows = json.loads(path.read_text()) if path.exists() else []
    done = [tuple(row["design"]) for row in rows]
    for design in DESIGNS:
        if tuple(design) not in done:
            rows.append(measured(design))
            write_text(path, json.dumps(rows, indent=1) + "\n")
            print(design, rows[-1]["estimate"]["luts"], rows[-1]["cycles"], flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
