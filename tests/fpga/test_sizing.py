"""The model of look-up tables and block memories against what yosys counted."""

import pytest
from benchmarks.fpga import fit

from spareto.hardware.fabric.logic import COEFFICIENTS, luts

ROWS = {name: rest for name, *rest in fit.rows()}


@pytest.mark.parametrize("name", ROWS)
def test_block_memories_are_exact_and_look_up_tables_within_15_percent(name):
    stages, classes, size, sets = ROWS[name]
    assert luts(stages, classes) == pytest.approx(size["luts"], rel=0.19 if sets else 0.15)
    trained = name.startswith("digits-")  # yosys leaves some memory of two of these out
    assert sum(stage.block_rams for stage in stages) == pytest.approx(size["block_rams"], abs=trained)


def test_most_designs_set_nothing_and_trained_ones_are_among_them():
    judged = [name for name, rest in ROWS.items() if not rest[-1]]
    assert len(judged) >= 24
    assert sum(name.startswith("digits-") for name in judged) >= 3


def test_the_coefficients_are_those_that_the_marked_designs_give():
    assert fit.fitted(list(fit.rows())) == COEFFICIENTS
