"""Files of Timeloop with anything in them: an error of ours that says what, or figures that are numbers."""

import copy
import random

import numpy as np
import pytest
import yaml

from spareto.core.errors import ConfigError
from spareto.reproduction.timeloop.cases import CostCases, run_case
from spareto.reproduction.timeloop.files import TimeloopFiles, read_files
from spareto.reproduction.timeloop.files.workload import read_problem

ODD = [0, -1, float("nan"), 1e30, 0.5, None, [], {}, "x", True, "", 2**63, 1e-30, "Inputs", [1], {"a": 1},
       float("inf"), 3, "NaN", "1e400", 10**400]  # fmt: skip
GOOD = yaml.safe_load(
    """
arch:
  architecture:
    version: 0.3
    subtree:
    - name: system
      local:
      - {name: Main, class: DRAM, attributes: {datawidth: 8, width: 32, read_bandwidth: 2}}
      subtree:
      - name: PE[0..3]
        local:
        - {name: Spad, class: SRAM, attributes: {datawidth: 8, block-size: 2, metadata_storage_width: 4}}
        - {name: MAC, class: intmac, attributes: {datawidth: 8}}
ert:
  ERT:
    tables:
    - {name: system.Main, actions: [{name: read, energy: 9}, {name: write, energy: 8}]}
    - name: system.PE.Spad
      actions: [{name: read, energy: 2}, {name: write, energy: 3}, {name: gated_read, energy: 1}]
    - {name: system.PE.MAC, actions: [{name: compute, energy: 5}]}
prob:
  problem:
    shape:
      name: any
      dimensions: [K, C, R, P]
      coefficients: [{name: Step, default: 1}]
      data_spaces:
      - {name: Weights, projection: [[[K]], [[C]], [[R]]]}
      - {name: Inputs, projection: [[[C]], [[R], [P, Step]]]}
      - {name: Outputs, projection: [[[K]], [[P]]], read_write: true}
    instance: {K: 4, C: 6, R: 3, P: 5, Step: 2, densities: {Inputs: 0.25}}
map:
  mapping:
  - {target: Main, type: temporal, factors: C=6 P=5, permutation: PC}
  - {target: Main, type: spatial, factors: K=4, permutation: K}
  - {target: Spad, type: temporal, factors: R=3, permutation: R}
  - {target: Spad, type: dataspace, keep: [Weights, Inputs], bypass: [Outputs]}
sparse:
  sparse_optimizations:
    targets:
    - name: Spad
      representation-format:
        data-spaces: [{name: Inputs, ranks: [{format: UOP}, {format: RLE, metadata-word-bits: 4}]}]
      action-optimization: [{type: gating, options: [{target: Weights, condition-on: [Inputs]}]}]
    - {name: MAC, compute-optimization: [{type: skipping}]}
"""
)


def places(data, path=()):
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def mutated(data, draw):
    """One value replaced, removed or doubled."""
    data = copy.deepcopy(data)
    *path, key = draw.choice(list(places(data)))
    inside = data
    for step in path:
        inside = inside[step]
    way = draw.random()
    if way < 0.75:
        inside[key] = copy.deepcopy(draw.choice(ODD))
    elif way < 0.9 or isinstance(inside, dict):
        del inside[key]
    else:
        inside.append(copy.deepcopy(inside[key]))
    return data


def costed(folder, documents):
    for name, data in documents.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(data))
    paths = {name: folder / f"{name}.yaml" for name in documents}
    files = TimeloopFiles(paths["arch"], paths["map"], paths["ert"], sparse=paths["sparse"])
    cases, _ = read_files(files, read_problem(paths["prob"]), "layer")
    found = run_case(cases, cases.cases[0], sparse=cases.sparse_run is not None)
    return [float(np.ravel(pj)[0]) for pj in found.energy_pj.values()] + [float(found.cycles[0])]


@pytest.mark.parametrize("name", sorted(GOOD))
def test_whatever_stands_in_a_file_is_read_or_refused(tmp_path, name):
    draw, refused = random.Random(f"mutations of {name}"), 0
    assert min(costed(tmp_path, GOOD)) > 0
    for _ in range(120):
        try:
            figures = costed(tmp_path, GOOD | {name: mutated(GOOD[name], draw)})
        except ConfigError:
            refused += 1
            continue
        assert np.isfinite(figures).all()
        assert min(figures) >= 0
    assert 40 < refused < 120


@pytest.mark.parametrize("density", [0.0, 1e-9, 1.0])
def test_where_no_input_is_left_the_ports_take_the_time(density):
    levels = [
        {"name": "far", "keeps": ["weights", "inputs", "outputs"], "read_words_per_cycle": 2},
        {"name": "mac", "mac_pJ": 1.0},
    ]
    loops = [{"level": "far", "kind": "temporal", "dim": "C", "bound": 64}]
    run = {"savings": [{"level": "far", "tensor": "weights", "kind": "skip", "on": ["inputs"]}]}
    case = {"layer": "l", "dims": {"C": 64}, "density": {"inputs": density}, "expected": {}}
    case["loops_outermost_first"] = loops
    data = {"architecture": {"levels_outermost_first": levels}, "cases": [case]}
    cases = CostCases.parse(data | {"sparse_run": run | {"worth_up_to": 1.0}}, "cases")
    found = run_case(cases, cases.cases[0], sparse=True)
    weights = 64 if density == 1.0 else 0
    assert float(found.cycles[0]) == max(weights, (64 + 63 + weights + 1) // 2)  # inputs, sums, weights
