"""The model of look-up tables and block memories against what yosys counted."""

import json
from pathlib import Path

import pytest
from benchmarks.fpga import layers, sizes

from spareto.fpga.sizing import built
from spareto.hardware.fabric.logic import luts

FOLDER = Path(layers.__file__).parent
LAYERS = json.loads((FOLDER / "layers.json").read_text())
DENSE = [
    (tuple(row["design"]), row["estimate"]) for row in json.loads((FOLDER / "measured.json").read_text())
]


@pytest.mark.parametrize("title", LAYERS)
def test_windows_recurrent_and_second_order_layers(title):
    stages = built(layers.circuit(*layers.DESIGNS[title]))
    assert luts(stages, layers.CLASSES) == pytest.approx(LAYERS[title]["luts"], rel=0.15)
    assert sum(stage.block_rams for stage in stages) == LAYERS[title]["block_rams"]


def test_dense_layers():
    off = []
    for design, size in DENSE:
        stages = built(sizes.circuit(*design))
        assert sum(stage.block_rams for stage in stages) == size["block_rams"]
        off.append(abs(luts(stages, design[2]) / size["luts"] - 1))
    assert sum(share <= 0.15 for share in off) >= len(off) - 1
    assert max(off) < 0.17
