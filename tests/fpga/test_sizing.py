"""The model of look-up tables and block memories against what yosys counted."""

import json

import pytest
from benchmarks.fpga import fit

from spareto.hardware.fabric.logic import COEFFICIENTS, luts
from spareto.hardware.fabric.memories import block_rams

ROWS = {name: rest for name, *rest in fit.rows()}


@pytest.mark.parametrize("name", ROWS)
def test_block_memories_are_exact_and_look_up_tables_within_15_percent(name):
    stages, classes, size, _ = ROWS[name]
    assert luts(stages, classes) == pytest.approx(size["luts"], rel=0.15)
    assert sum(stage.block_rams for stage in stages) == size["block_rams"]


def test_memories_of_any_size_take_the_blocks_that_yosys_takes():
    rows = json.loads((fit.FOLDER / "memories.json").read_text())
    assert len(rows) >= 40
    for count, bits, written, blocks in rows:
        assert block_rams(count, bits, written=written) == blocks, (count, bits, written)


def test_most_designs_set_nothing_and_trained_ones_are_among_them():
    judged = [name for name, rest in ROWS.items() if not rest[-1]]
    assert len(judged) >= 30
    assert sum(name.startswith("digits-") for name in judged) >= 3


def test_the_coefficients_are_those_that_the_marked_designs_give():
    assert fit.fitted(list(fit.rows())) == COEFFICIENTS
