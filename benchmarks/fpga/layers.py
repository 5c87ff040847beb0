"""Sizes by yosys of convolutions, recurrent and second-order layers of random weights, for the `fpga` kind.

    python -m benchmarks.fpga.layers benchmarks/fpga/layers.json          # carries on where it stopped
    python -m benchmarks.fpga.layers benchmarks/fpga/layers.json --held   # the model beside it

Those marked `sets` set terms of the model; the others are what it is judged by.
"""

import json
import shutil
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from benchmarks.fpga.sizes import threshold
from spareto.core.artifacts import write_text
from spareto.fpga import Options, estimate
from spareto.fpga.circuit import Circuit, Neurons
from spareto.fpga.folder import write_circuit
from spareto.fpga.sizing import built
from spareto.fpga.windows import BitLayout, dense, sliding
from spareto.hardware.fabric.logic import luts
from spareto.integer.semantics import preset

# name: kind, map or inputs, channels, kernel, stride, padding, ratio, preset, weight and neuron bits, reads
DESIGNS = {
    "conv 1x8x8, 8 of 3x3": ("conv", (1, 8, 8), 8, 3, 1, 0, 1, "spiker", 4, 6, "scan"),
    "recurrent 64-16": ("fed", 64, 16, 0, 0, 0, 1, "spiker", 4, 6, "scan"),
    "second order 64-16": ("second", 64, 16, 0, 0, 0, 1, "spiker", 4, 6, "scan"),
    "conv 2x8x8, 8 of 3x3, padded": ("conv", (2, 8, 8), 8, 3, 1, 1, 1, "spiker", 4, 6, "scan"),
    "recurrent 96-24, events": ("fed", 96, 24, 0, 0, 0, 1, "spiker", 4, 6, "event"),
    "second order 96-24": ("second", 96, 24, 0, 0, 0, 1, "spiker", 4, 8, "scan"),
    "conv 2x10x10, 16 of 5x5, stride 2": ("conv", (2, 10, 10), 16, 5, 2, 0, 1, "spiker", 4, 8, "scan"),
    "recurrent 64-16, hls4ml": ("fed", 64, 16, 0, 0, 0, 1, "hls4ml", 4, 8, "scan"),
    "second order 64-16, hls4ml": ("second", 64, 16, 0, 0, 0, 1, "hls4ml", 4, 8, "scan"),
    "conv 4x6x6, 16 of 3x3, ratio 2": ("conv", (4, 6, 6), 16, 3, 1, 0, 2, "spiker", 4, 6, "scan"),
    "recurrent 64-32, ratio 4": ("fed", 64, 32, 0, 0, 0, 4, "spiker", 4, 8, "scan"),
    "second order 64-32, ratio 4": ("second", 64, 32, 0, 0, 0, 4, "spiker", 4, 6, "scan"),
    "conv 1x9x9, 12 of 3x3, padded, snntorch": ("conv", (1, 9, 9), 12, 3, 2, 1, 1, "snntorch", 4, 8, "scan"),
    "recurrent 128-32": ("fed", 128, 32, 0, 0, 0, 1, "spiker", 4, 6, "scan"),
    "second order 64-16, snntorch": ("second", 64, 16, 0, 0, 0, 1, "snntorch", 4, 8, "scan"),
    "dense 64-16, spareto": ("dense", 64, 16, 0, 0, 0, 1, "spareto", 4, 8, "scan"),
    "dense 96-24, events, spareto": ("dense", 96, 24, 0, 0, 0, 1, "spareto", 4, 6, "event"),
    "dense 64-32, ratio 4, spareto": ("dense", 64, 32, 0, 0, 0, 4, "spareto", 4, 8, "scan"),
    "dense 128-32, compressed, ratio 4, spareto": (
        "dense",
        128,
        32,
        0,
        0,
        0,
        4,
        "spareto",
        4,
        8,
        "compressed",
    ),
    "recurrent 64-16, spareto": ("fed", 64, 16, 0, 0, 0, 1, "spareto", 4, 8, "scan"),
    "second order 64-16, spareto": ("second", 64, 16, 0, 0, 0, 1, "spareto", 4, 8, "scan"),
    "conv 2x8x8, 8 of 3x3, padded, spareto": ("conv", (2, 8, 8), 8, 3, 1, 1, 1, "spareto", 4, 12, "scan"),
    "conv 2x8x8, 8 of 3x3, padded, events": ("conv", (2, 8, 8), 8, 3, 1, 1, 1, "spiker", 4, 6, "event"),
    "conv 1x8x8, 8 of 3x3, events": ("conv", (1, 8, 8), 8, 3, 1, 0, 1, "spiker", 4, 6, "event"),
    "conv 4x6x6, 16 of 3x3, ratio 2, events": ("conv", (4, 6, 6), 16, 3, 1, 0, 2, "spiker", 4, 6, "event"),
    "conv 4x6x6, 16 of 3x3, ratio 4, compressed": (
        "conv",
        (4, 6, 6),
        16,
        3,
        1,
        0,
        4,
        "spiker",
        4,
        6,
        "compressed",
    ),
    "conv 2x10x10, 16 of 5x5, stride 2, ratio 16, compressed": (
        "conv",
        (2, 10, 10),
        16,
        5,
        2,
        0,
        16,
        "hls4ml",
        4,
        8,
        "compressed",
    ),
}
SETS = (
    "conv 1x8x8, 8 of 3x3",
    "recurrent 64-16",
    "second order 64-16",
    "dense 64-16, spareto",
    "second order 64-16, spareto",
    "conv 1x8x8, 8 of 3x3, events",
    "conv 2x8x8, 8 of 3x3, padded, events",
)
CLASSES = 2


def circuit(kind, source, channels, kernel, stride, padding, ratio, name, weight_bits, neuron_bits, reads):
    """A stage and a dense output of four neurons, or the stage alone where it has no map."""
    rng = np.random.default_rng(channels)
    how = preset(
        name, leak_shift=4, weight_bits=weight_bits, neuron_bits=neuron_bits, inhibition_bits=weight_bits
    )
    if name == "spareto":
        how = replace(how, digits=16)
    if kind == "second":
        how = replace(how, second_order=True, current_shift=3)
    most = (1 << (weight_bits - 1)) - 1
    if kind == "conv":
        layout = BitLayout(source, pixels=False)
        window = sliding(layout, (kernel, kernel), (stride, stride), (padding, padding))
        columns, inputs = source[0] * kernel * kernel, layout.size
    else:
        window, columns, inputs = dense(source), source, source
    drawn = rng.integers(-most, most + 1, (channels, columns))
    if reads == "compressed":
        drawn[rng.random(drawn.shape) < 0.8] = 0
    stage = Neurons(
        "layer", -1, how, window, drawn, **constants(how, name, channels, rng, kind == "fed"),
        feedback=rng.integers(-most, most + 1, (channels, channels)) if kind == "fed" else None,
        units=channels // ratio, reads=reads,
    )  # fmt: skip
    how = replace(how, second_order=False, current_shift=None)
    weights = rng.integers(-most, most + 1, (2, stage.outputs))
    last = Neurons(
        "output", 0, how, dense(stage.outputs), weights, **constants(how, "output", 2, rng), units=2
    )
    return Circuit(inputs, CLASSES, (stage, last), {"network": "a layer"})


def constants(how, title, channels, rng, fed=False):
    """Thresholds and resets; under `spareto` also multipliers and biases, as a lowered network has them."""
    level = np.full(channels, threshold(how, title)) << how.digits
    if not how.digits:
        return {"threshold": level, "reset": level, "bias": 0 * level}
    factors = {"multiplier": rng.integers(1 << 12, 1 << 15, channels), "most": how.highest}
    factors |= {"feedback_multiplier": rng.integers(1 << 12, 1 << 15, channels)} if fed else {}
    return {"threshold": level, "reset": level, "bias": rng.integers(-1 << 14, 1 << 14, channels)} | factors


def main(path, held):
    """Measure what is not there yet; or print each beside its prediction."""
    rows = json.loads(path.read_text()) if path.exists() else {}
    for title, design in DESIGNS.items():
        made = circuit(*design)
        if held:
            if title not in rows:
                continue
            stages, size = built(made), rows[title]
            predicted, blocks = luts(stages, CLASSES), sum(stage.block_rams for stage in stages)
            off = f"{predicted:,} ({predicted / size['luts'] - 1:+.1%})"
            mark = "set by it" if title in SETS else ""
            print(f"| {title} | {design[10]} | {design[7]} | {size['luts']:,} | {off} "
                  f"| {size['block_rams']:g} | {blocks:g} | {mark}")  # fmt: skip
        elif title not in rows:
            folder = Path(tempfile.mkdtemp())
            write_circuit(made, folder, Options(), None)
            rows[title] = asdict(estimate(folder))
            shutil.rmtree(folder)
            write_text(path, json.dumps(rows, indent=1) + "\n")
            print(title, rows[title]["luts"], rows[title]["block_rams"], flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--held" in sys.argv)
