"""Random accelerators, workloads and mappings: an error that says why, or figures that obey the laws."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import triples
import workloads
from spareto import hardware
from spareto.core.errors import InputError
from spareto.hardware.describing.accelerator import Accelerator
from spareto.hardware.mapping.fixed import fixed_nest

ARRAYS = [name for name in hardware.accelerator_names()
          if isinstance(hardware.load_accelerator(name), Accelerator)]  # fmt: skip


@pytest.mark.parametrize("block", range(4))
def test_random_triples(block):
    costed = [triples.check(seed) for seed in range(block * 100, block * 100 + 100)]
    assert sum(costed) > 50


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_ten_thousand_random_triples(block):
    costed = [triples.check(seed) for seed in range(1000 + block * 500, 1000 + block * 500 + 500)]
    assert sum(costed) > 250


def test_a_run_of_triples_goes_on_where_it_stopped(tmp_path):
    kept = tmp_path / "next"
    for last in (3, 5):
        words = ["-m", "triples", str(last), "--keep", str(kept)]
        run = subprocess.run(
            [sys.executable, *words], cwd=Path(triples.__file__).parent, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
        assert kept.read_text() == str(last)
    found = re.search(r"next seed 5: (\{.*\})", run.stdout)
    assert found, run.stdout
    assert sum(ast.literal_eval(found[1]).values()) == 2  # the first three were done


@pytest.mark.parametrize("seed", range(12))
def test_a_search_is_no_worse_than_the_fixed_mapping_and_random_ones(seed):
    rng = np.random.default_rng(seed)
    chip, layer = triples.accelerator(rng, ARRAYS), workloads.layer(**triples.shape(rng))
    network = workloads.network(layer)
    try:
        fixed_nest(layer, chip)
    except InputError:
        return
    best = hardware.find_mappings(network, chip, weight_format="none")[layer.name]
    assert best.energy_pj <= hardware.cost(network, chip, weight_format="none").energy_pj * (1 + 1e-9)
    for _ in range(30):
        nest = triples.mapping(rng, layer, chip)
        try:
            given = hardware.cost(network, chip, mappings={layer.name: nest}, weight_format="none")
        except InputError:
            continue
        assert best.energy_pj <= given.energy_pj * (1 + 1e-9)
