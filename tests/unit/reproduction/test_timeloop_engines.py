"""Clusters, engines and memories side by side, spatial loops at several levels, problems of any names."""

import copy

import pytest
import yaml

from spareto.core.errors import ConfigError
from spareto.reproduction.timeloop.cases import run_case
from spareto.reproduction.timeloop.files import TimeloopFiles, read_files
from spareto.reproduction.timeloop.files.workload import read_problem

CLUSTERS = yaml.safe_load(
    """
architecture:
  version: 0.3
  subtree:
  - name: system
    local:
    - {name: Main, class: DRAM, attributes: {datawidth: 8, width: 8}}
    subtree:
    - name: cluster[0..3]
      local:
      - {name: Shared, class: SRAM, attributes: {datawidth: 8, width: 8}}
      subtree:
      - name: PE[0..7]
        local:
        - {name: Spad, class: regfile, attributes: {datawidth: 8, width: 8}}
        - {name: MAC, class: intmac, attributes: {datawidth: 8}}
"""
)
NESTED = """
architecture:
  version: 0.4
  nodes:
  - !Component {name: Main, class: DRAM, attributes: {datawidth: 8, width: 8}}
  - !Container {name: cluster, spatial: {meshX: 4}}
  - !Component {name: Shared, class: SRAM, attributes: {datawidth: 8, width: 8}}
  - !Hierarchical
    name: PE
    spatial: {meshX: 2, meshY: 4}
    nodes:
    - !Component {name: Spad, class: regfile, attributes: {datawidth: 8, width: 8}}
    - !Component {name: MAC, class: intmac, attributes: {datawidth: 8}}
"""
PARALLEL = """
architecture:
  version: 0.4
  nodes:
  - !Component {name: Main, class: DRAM, attributes: {datawidth: 8, width: 8}}
  - !Container {name: PE, spatial: {meshX: 4}}
  - !Parallel
    nodes:
    - !Component
      {name: W, class: regfile, attributes: {datawidth: 8}, constraints: {dataspace: {keep: [Weights]}}}
    - !Component
      {name: I, class: regfile, attributes: {datawidth: 8}, constraints: {dataspace: {keep: [Inputs]}}}
    - !Component
      {name: O, class: regfile, attributes: {datawidth: 8}, constraints: {dataspace: {keep: [Outputs]}}}
  - !Component {name: MAC, class: intmac, attributes: {datawidth: 8}}
"""
READ_PJ = {"Main": 100.0, "Shared": 10.0, "Spad": 1.0, "W": 1.0, "I": 2.0, "O": 4.0}


def ert(*names):
    tables = [
        {"name": name, "actions": [{"name": action, "energy": READ_PJ[name]} for action in ("read", "write")]}
        for name in names
    ]
    return {"ERT": {"tables": [*tables, {"name": "MAC", "actions": [{"name": "compute", "energy": 0.5}]}]}}


def problem(dims, spaces, **instance):
    listed = [{"name": name, "projection": ranks} | more for name, ranks, more in spaces]
    shape = {"name": "any", "dimensions": list(dims), "data_spaces": listed}
    return {"problem": {"shape": shape, "instance": dims | instance}}


def plain(*dims):
    return [[[dim]] for dim in dims]


WRITTEN = {"read_write": True}
CONV = problem(
    {"M": 8, "C": 16, "P": 6, "R": 3},
    [
        ("Weights", plain("M", "C", "R"), {}),
        ("Inputs", [[["C"]], [["P"], ["R"]]], {}),
        ("Outputs", plain("M", "P"), WRITTEN),
    ],
)


def loops(target, kind, **bounds):
    factors = " ".join(f"{dim}={bound}" for dim, bound in bounds.items())
    return {"target": target, "type": kind, "factors": factors, "permutation": list(bounds)}


def costed(folder, arch, mapping, names, of=CONV):
    documents = {"arch": arch, "map": {"mapping": mapping}, "ert": ert(*names), "prob": of}
    for name, data in documents.items():
        (folder / f"{name}.yaml").write_text(data if isinstance(data, str) else yaml.safe_dump(data))
    arch, mapping, energies, prob = (folder / f"{name}.yaml" for name in documents)
    cases, notes = read_files(TimeloopFiles(arch, mapping, energies), read_problem(prob), "layer")
    found = run_case(cases, cases.cases[0], sparse=False)
    return {key: float(pj[0]) for key, pj in found.energy_pj.items()}, float(found.cycles[0]), notes


SPREAD = [
    loops("Main", "temporal", M=2),
    loops("Main", "spatial", M=4),
    loops("Shared", "spatial", C=8),
    loops("Spad", "temporal", R=3, P=6, C=2),
]


@pytest.mark.parametrize("arch", [CLUSTERS, NESTED], ids=["subtree", "components"])
def test_spatial_loops_at_two_levels_of_clusters(tmp_path, arch):
    """4 clusters take different outputs and the same inputs; 8 units of each sum over different channels."""
    mapping = copy.deepcopy(SPREAD)
    if arch is NESTED:
        mapping[1]["target"], mapping[2]["target"] = "cluster", "PE"
    energy, cycles, _ = costed(tmp_path, arch, mapping, ["Main", "Shared", "Spad"])
    assert cycles == 8 * 16 * 6 * 3 / 32
    weights, inputs, outputs = 8 * 16 * 3, 16 * 8, 8 * 6
    assert energy["Main", "weights"] == 100 * weights
    assert energy["Main", "inputs"] == 100 * inputs  # one read for all clusters, for both halves of M
    assert energy["Shared", "weights"] == 10 * 2 * weights
    assert energy["Shared", "inputs"] == 10 * 4 * (inputs + inputs)  # each holds all; no cluster asks again
    assert energy["Main", "outputs"] == 100 * outputs
    assert energy["Shared", "outputs"] == 10 * outputs  # updates, after the sum over eight units; no reads
    assert energy["MAC", "computes"] == 0.5 * 8 * 16 * 6 * 3


def test_no_more_clusters_than_there_are(tmp_path):
    mapping = [loops("Main", "spatial", M=8), *SPREAD[2:]]
    with pytest.raises(ConfigError, match="Shared: got all spatial loops outside it: 8 instances; expected"):
        costed(tmp_path, CLUSTERS, mapping, ["Main", "Shared", "Spad"])


def test_engines_that_are_alike_count_as_so_many_of_one(tmp_path):
    expected = costed(tmp_path, CLUSTERS, SPREAD, ["Main", "Shared", "Spad"])
    apart = copy.deepcopy(CLUSTERS)
    tree = apart["architecture"]["subtree"][0]
    tree["subtree"] = [tree["subtree"][0] | {"name": f"engine{place}"} for place in range(4)]
    *found, notes = costed(tmp_path, apart, SPREAD, ["Main", "Shared", "Spad"])
    assert found == list(expected[:2])
    assert notes == ("engine0, engine1, engine2, engine3: alike, 4 of engine0",)


def test_engines_that_differ_are_refused(tmp_path):
    apart = copy.deepcopy(CLUSTERS)
    tree = apart["architecture"]["subtree"][0]
    other = copy.deepcopy(tree["subtree"][0])
    other["local"][0] |= {"name": "Large"}
    other["subtree"][0]["local"] = [
        {"name": "Spad2", "class": "regfile"},
        {"name": "MAC2", "class": "intmac"},
    ]
    tree["subtree"].append(other)
    with pytest.raises(ConfigError, match=r"the compute units MAC, MAC2; expected one kind .* that differ"):
        costed(tmp_path, apart, SPREAD, ["Main", "Shared", "Spad"])


def test_memories_side_by_side_hold_a_tensor_each(tmp_path):
    mapping = [
        loops("Main", "temporal", R=3, C=16),
        loops("PE", "spatial", M=4),
        loops("O", "temporal", P=6, M=2),
    ]
    energy, cycles, _ = costed(tmp_path, PARALLEL, mapping, ["Main", "W", "I", "O"])
    macs = 8 * 16 * 6 * 3
    assert cycles == macs / 4
    assert energy["I", "inputs"] == 2.0 * (macs + 4 * 16 * 8 * 1)  # reads, and one sliding fill a unit
    assert energy["O", "outputs"] == 4.0 * (macs + macs - 48)  # updates, and reads but the first
    both = PARALLEL.replace("keep: [Inputs]", "keep: [Inputs, Weights]")
    with pytest.raises(ConfigError, match="'W' and 'I' side by side, both with weights; expected branches"):
        costed(tmp_path, both, mapping, ["Main", "W", "I", "O"])


def test_a_matrix_product_is_a_convolution_of_one_pixel(tmp_path):
    """Z[M, N] = A[M, K] B[N, K], whatever its dimensions and data spaces are called."""
    product = problem(
        {"I": 8, "J": 6, "Inner": 16},
        [
            ("Left", plain("I", "Inner"), {}),
            ("Right", plain("J", "Inner"), {}),
            ("Sum", plain("I", "J"), WRITTEN),
        ],
    )
    mapping = [
        loops("Main", "temporal", I=2),
        loops("Main", "spatial", I=4),
        loops("Shared", "spatial", Inner=8),
        loops("Spad", "temporal", J=6, Inner=2),
        {"target": "Shared", "type": "bypass", "keep": ["Left", "Sum"], "bypass": ["Right"]},
    ]
    energy, cycles, _ = costed(tmp_path, CLUSTERS, mapping, ["Main", "Shared", "Spad"], of=product)
    assert cycles == 8 * 6 * 16 / 32
    assert energy["Main", "weights"] == 100 * 8 * 16
    assert energy["Main", "inputs"] == 100 * 6 * 16  # straight to the units, once for both halves
    assert ("Shared", "inputs") not in energy


def test_groups_multiply_everything(tmp_path):
    """G groups cost G times one of them, whether their loop is in time or in space."""
    names = ["Main", "Shared", "Spad"]
    one, cycles, _ = costed(tmp_path, CLUSTERS, SPREAD, names)
    grouped = copy.deepcopy(CONV)
    grouped["problem"]["shape"]["dimensions"].append("G")
    for space in grouped["problem"]["shape"]["data_spaces"]:
        space["projection"].append([["G"]])
    grouped["problem"]["instance"]["G"] = 5
    outer = [loops("Main", "temporal", M=2, G=5), *SPREAD[1:]]
    every, longer, _ = costed(tmp_path, CLUSTERS, outer, names, of=grouped)
    assert every == pytest.approx({key: 5 * pj for key, pj in one.items()})
    assert longer == 5 * cycles
    wide = copy.deepcopy(CLUSTERS)
    wide["architecture"]["subtree"][0]["subtree"][0]["name"] = "cluster[0..19]"
    beside = [SPREAD[0], loops("Main", "spatial", M=4, G=5), *SPREAD[2:]]
    spread, same, _ = costed(tmp_path, wide, beside, names, of=grouped)
    assert spread == pytest.approx(every)
    assert same == cycles


@pytest.mark.parametrize(
    ("dims", "spaces", "told"),
    [
        ({"M": 2, "X": 2}, [("A", plain("M"), {}), ("B", plain("X"), {}), ("Z", plain("M"), WRITTEN)],
         "'X' in inputs; expected a dimension of at least two data spaces"),
        ({"M": 2}, [("A", plain("M"), {}), ("B", plain("M"), {})], "2 data spaces: a, b; expected three"),
        ({"M": 2}, [("A", plain("M"), {}), ("B", plain("M"), {}), ("Z", plain("M"), {})],
         "0 data spaces that are written"),
        ({"M": 2, "O": 2}, [("A", plain("M", "O"), {}), ("B", plain(), {}), ("Z", plain("M", "O"), WRITTEN)],
         "'O' beside M, all in outputs and weights; expected at most 1 such dimensions"),
        ({"M": 2}, [("A", plain("Y"), {}), ("B", plain("M"), {}), ("Z", plain("M"), WRITTEN)],
         "'A': got 'Y'; expected dimensions M"),
        ({"P": 2, "R": 2, "S": 2, "M": 2}, [
            ("Weights", plain("M", "R", "S"), {}), ("Inputs", [[["P"], ["R"], ["S"]]], {}),
            ("Outputs", plain("M", "P"), WRITTEN)], r"P \+ R \+ S; expected a pixel of the outputs"),
    ],
)  # fmt: skip
def test_problems_that_are_no_product_of_two_tensors_are_refused(tmp_path, dims, spaces, told):
    (tmp_path / "prob.yaml").write_text(yaml.safe_dump(problem(dims, spaces)))
    with pytest.raises(ConfigError, match=told):
        read_problem(tmp_path / "prob.yaml")


def test_strides_and_defaults_of_any_name(tmp_path):
    spaces = [
        ("Filters", plain("K", "C", "Y", "X"), {}),
        ("Input", [[["C"]], [["E", "Down"], ["Y"]], [["F", "Across"], ["X"]]], {}),
        ("Output", plain("K", "E", "F"), WRITTEN),
    ]
    given = problem({"K": 4, "C": 2, "E": 5, "F": 6, "Y": 3, "X": 2}, spaces, Down=2)
    given["problem"]["shape"]["coefficients"] = [{"name": "Across", "default": 3}, {"name": "Down"}]
    (tmp_path / "prob.yaml").write_text(yaml.safe_dump(given))
    found = read_problem(tmp_path / "prob.yaml").problem
    assert found.dims == {"M": 4, "C": 2, "P": 5, "Q": 6, "R": 3, "S": 2}
    assert found.stride == (2, 3)
