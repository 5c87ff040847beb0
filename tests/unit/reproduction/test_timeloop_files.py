"""Files of Timeloop and Accelergy: both styles read, written and read again; what does not fit is refused."""

import copy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from spareto.core.errors import ConfigError
from spareto.hardware.describing.problem import DIMS
from spareto.reproduction.timeloop.cases import CostCases, contradictions, run_case
from spareto.reproduction.timeloop.files import TimeloopFiles, read_files, write_files
from spareto.reproduction.timeloop.files.workload import read_problem

SUBTREE = yaml.safe_load(
    """
architecture:
  version: 0.2
  subtree:
  - name: System
    local:
    - {name: Main, class: DRAM, attributes: {width: 256, block-size: 32, word-bits: 8}}
    subtree:
    - name: Chip
      attributes: {technology: 40nm}
      local:
      - {name: Buffer, class: SRAM, attributes: {depth: 8192, width: 256, block-size: 32, word-bits: 8}}
      subtree:
      - name: PE[0..15]
        local:
        - {name: Registers, class: regfile, attributes: {depth: 64, width: 8, word-bits: 8}}
        - {name: Mac, class: intmac, attributes: {datawidth: 8}}
"""
)
NODES = """
architecture:
  version: 0.4
  nodes:
  - !Container {name: system, attributes: {technology: 40nm}}
  - !Component {name: Main, class: DRAM, attributes: {width: 256, datawidth: 8}}
  - !Component {name: Buffer, class: smartbuffer_SRAM, attributes: {depth: 8192, width: 256, datawidth: 8}}
  - !Container {name: PE, spatial: {meshX: 4, meshY: 4}}
  - !Component {name: Registers, class: storage, subclass: regfile, attributes: {width: 8, datawidth: 8}}
  - !Component {name: Mac, class: intmac, attributes: {datawidth: 8}}
"""
MAPPING = {
    "mapping": [
        {"target": "Main", "type": "temporal", "factors": "R=1 P=1 K=1 C=1", "permutation": "PRKC"},
        {
            "target": "Buffer",
            "type": "temporal",
            "factors": ["R=3", "P=1", "K=32", "C=2"],
            "permutation": "P R K C",
        },
        {"target": "Buffer", "type": "spatial", "factors": "R1 P1 K1 C16", "permutation": "PRKC"},
        {
            "target": "Registers",
            "type": "temporal",
            "factors": "R=1 P=16 K=1 C=1",
            "permutation": ["R", "P", "K", "C"],
        },
    ]
}
BY_NAME = {
    "ERT": {
        "version": 0.2,
        "tables": {
            "System.Main": {"read": {"energy": 2048}, "write": {"arguments": None, "energy": 2048}},
            "System.Chip.Buffer": {
                action: [{"arguments": {"delta": d}, "energy": pj} for d, pj in enumerate((30.0, 102.865))]
                for action in ("read", "write")
            },
            "System.Chip.PE[0..15].Registers": {"read": {"energy": 0.42}, "write": {"energy": 0.42}},
            "System.Chip.PE[0..15].Mac": {"idle": {"energy": 0.003}, "mac_random": {"energy": 0.603}},
        },
    }
}  # fmt: skip
LISTED = {
    "ERT": {
        "version": "0.4",
        "tables": [
            {
                "name": f"System_top_level.{name}[1..{count}]",
                "actions": [{"name": k, "arguments": {}, "energy": v} for k, v in actions.items()],
            }
            for name, count, actions in (
                ("Main", 1, {"write": 2048, "read": 2048, "leak": 0.0, "update": 2048}),
                ("Buffer", 1, {"write": 102.865, "read": 102.865, "update": 102.865}),
                ("Registers", 16, {"write": 0.42, "read": 0.42, "update": 0.42}),
                ("Mac", 16, {"compute": 0.603, "leak": 0.0036}),
            )
        ],
    }
}  # fmt: skip
PROBLEM = {
    "problem": {
        "shape": {
            "name": "Conv1D",
            "dimensions": ["K", "C", "R", "P"],
            "data-spaces": [
                {"name": "Weights", "projection": [[["K"]], [["C"]], [["R"]]]},
                {"name": "Inputs", "projection": [[["C"]], [["R"], ["P", "Wstride"]]]},
                {"name": "Outputs", "projection": [[["K"]], [["P"]]], "read-write": True},
            ],
        },
        "instance": {"K": 32, "C": 32, "R": 3, "P": 16, "Wstride": 1},
    }
}
# What Timeloop 0.3 prints for this exercise (spatial over input channels), picojoules.
PRINTED = {
    ("Mac", "computes"): 29638.66, ("Main", "weights"): 196608.0, ("Main", "inputs"): 36864.0,
    ("Main", "outputs"): 32768.0, ("Buffer", "weights"): 19750.08, ("Buffer", "inputs"): 61101.81,
    ("Buffer", "outputs"): 6583.36, ("Registers", "weights"): 21934.08, ("Registers", "inputs"): 28385.28,
    ("Registers", "outputs"): 44728.32,
}  # fmt: skip


def files(folder, arch=SUBTREE, mapping=MAPPING, ert=BY_NAME, problem=PROBLEM):
    for name, data in (("arch", arch), ("map", mapping), ("ERT", ert), ("prob", problem)):
        (folder / f"{name}.yaml").write_text(data if isinstance(data, str) else yaml.safe_dump(data))
    found = TimeloopFiles(folder / "arch.yaml", folder / "map.yaml", folder / "ERT.yaml")
    return found, read_problem(folder / "prob.yaml")


def energies(folder, tool="timeloop-0.3", **changes):
    cases, _ = read_files(*files(folder, **changes), "layer", tool=tool)
    outcome = run_case(cases, cases.cases[0], sparse=False)
    return {key: float(energy[0]) for key, energy in outcome.energy_pj.items()}, float(outcome.cycles[0])


@pytest.mark.parametrize("arch", [SUBTREE, NODES], ids=["subtree", "components"])
@pytest.mark.parametrize("ert", [BY_NAME, LISTED], ids=["by name", "listed"])
def test_either_style_gives_what_the_tool_prints(tmp_path, arch, ert):
    found, cycles = energies(tmp_path, arch=arch, ert=ert)
    assert found == pytest.approx(PRINTED, abs=0.005)
    assert cycles == 3072


def test_a_bound_of_0_takes_the_rest(tmp_path):
    rest = changed(MAPPING, lambda d: first(d).update(factors="R=0 P=0 K=0 C=2"))
    rest["mapping"][3]["factors"] = "P=16"
    assert energies(tmp_path, mapping=rest) == energies(tmp_path)


def test_what_a_branch_says_of_itself_holds_inside(tmp_path):
    """Words of 8 bits said once, and units that stand before their registers."""
    arch = copy.deepcopy(SUBTREE)
    tree = arch["architecture"]["subtree"][0]
    tree["attributes"] = {"word-bits": 8, "meshX": 7}
    chip = tree["subtree"][0]
    inner = chip["subtree"][0]["local"]
    for part in (tree["local"][0], chip["local"][0], inner[0]):
        part["attributes"] = {
            k: v for k, v in part["attributes"].items() if k not in ("word-bits", "block-size")
        }
    inner.reverse()
    found, cycles = energies(tmp_path, arch=arch)
    assert found == pytest.approx(PRINTED, abs=0.005)
    assert cycles == 3072


def test_newer_versions_fill_no_first_partial_sums(tmp_path):
    older, _ = energies(tmp_path)
    newer, _ = energies(tmp_path, tool="timeloop-0.4")
    moved = {key: older[key] - newer[key] for key in older if older[key] != newer[key]}
    assert moved == pytest.approx(
        {("Buffer", "outputs"): 512 / 32 * 102.865, ("Registers", "outputs"): 8192 * 0.42}
    )


def test_a_summary_of_the_energies_will_do_and_an_update_has_its_own(tmp_path):
    """Every product updates a register once."""
    summary = {"ERT_summary": {"table_summary": LISTED["ERT"]["tables"]}}
    assert energies(tmp_path, ert=summary) == energies(tmp_path, ert=LISTED)
    dearer = changed(LISTED, lambda d: tables(d)[2]["actions"][2].update(energy=1.42))
    moved = energies(tmp_path, ert=dearer)[0]["Registers", "outputs"] - PRINTED["Registers", "outputs"]
    assert moved == pytest.approx(32 * 32 * 3 * 16, abs=0.005)


@pytest.mark.parametrize("target", ["PE", "inter_PE_spatial"])
def test_a_container_that_spreads_is_a_target(tmp_path, target):
    spread = changed(MAPPING, lambda d: d["mapping"][2].update(target=target))
    found, cycles = energies(tmp_path, arch=NODES, mapping=spread)
    assert found == pytest.approx(PRINTED, abs=0.005)
    assert cycles == 3072


def test_a_bypassed_level_is_passed_by(tmp_path):
    bypass = [{"target": "Buffer", "type": "bypass", "keep": ["Weights", "Inputs"], "bypass": ["Outputs"]}]
    by_mapping, _ = energies(tmp_path, mapping={"mapping": MAPPING["mapping"] + bypass})
    nodes = NODES.replace(
        "name: Buffer,", "name: Buffer, constraints: {dataspace: {keep: [Weights, Inputs]}},"
    )
    by_architecture, _ = energies(tmp_path, arch=nodes)
    assert by_mapping == by_architecture
    assert ("Buffer", "outputs") not in by_mapping
    assert by_mapping["Main", "outputs"] > PRINTED["Main", "outputs"]


def test_streams_of_a_mappers_output_carry_nothing(tmp_path):
    every = ["Weights", "Inputs", "Outputs"]
    told = [{"target": "Main", "type": "datatype", "keep": every, "stream": ["Weights"]}]
    assert energies(tmp_path, mapping={"mapping": MAPPING["mapping"] + told}) == energies(tmp_path)


def test_constraints_say_what_is_kept_where_nothing_else_does(tmp_path):
    found, problem = files(tmp_path)
    targets = [
        {"type": "dataspace", "target": "Buffer", "keep": ["Inputs"]},
        {"type": "temporal", "target": "Buffer", "permutation": "K"},
    ]
    path = tmp_path / "constraints.yaml"
    path.write_text(yaml.safe_dump({"architecture_constraints": {"targets": targets}}))
    constrained = TimeloopFiles(found.arch, found.mapping, found.ert, path)
    cases, _ = read_files(constrained, problem, "layer")
    assert cases.architecture.levels_outermost_first[1].keeps == ("inputs",)


def changed(document, change):
    copied = copy.deepcopy(document)
    change(copied)
    return copied


def first(document):
    return document["mapping"][1]


def sizes(document):
    return document["problem"]["instance"]


def spaces(document):
    return document["problem"]["shape"]["data-spaces"]


def tables(document):
    return document["ERT"]["tables"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"mapping": changed(MAPPING, lambda d: first(d).update(factors="R=3 P=1 K=16 C=2"))},
         r"map.yaml: mapping of 'layer', K: got 16 = 16; expected bounds that multiply to the layer's 32.$"),
        ({"mapping": changed(MAPPING, lambda d: first(d).update(factors="R=3 K"))},
         r"mapping\[1\]\.factors: got 'K'; expected DIM=BOUND, dimensions"),
        ({"mapping": changed(MAPPING, lambda d: [x.update(factors="C=0") for x in d["mapping"][:2]])},
         "got 2 loops over C of bound 0; expected one at most"),
        ({"mapping": changed(MAPPING, lambda d: [x.update(factors=f"C={b}") for x, b in
                                                 zip(d["mapping"][1:3], (5, 0), strict=True)])},
         "got bound 0 over C beside 5; expected others that divide its size of 32"),
        ({"mapping": changed(MAPPING, lambda d: first(d).update(factors="R=3 R=3"))}, "got R twice"),
        ({"mapping": changed(MAPPING, lambda d: first(d).update(permutation="PRKP"))}, "a dimension twice"),
        ({"mapping": changed(MAPPING, lambda d: first(d).update(type="sequential"))},
         r"mapping\[1\]\.type: got 'sequential'; expected one of temporal, spatial"),
        ({"mapping": changed(MAPPING, lambda d: first(d).update(target="Cache"))}, "the target 'Cache'"),
        ({"mapping": changed(MAPPING, lambda d: d["mapping"].append(first(d)))}, "a second temporal entry"),
        ({"mapping": changed(MAPPING, lambda d: d["mapping"][2].update(factors="C=32"))},
         "Registers: got all spatial loops outside it: 32 instances; expected at most 16"),
        ({"mapping": "mapping: [!Tile {target: Main}]"}, r"mapping\[0\]: got !Tile; expected an entry"),
        ({"arch": NODES.replace("!Container {name: PE", "!Parallel {name: PE")},
         "got !Parallel 'PE' without 'nodes'; expected what it holds"),
        ({"arch": NODES.replace("!Container {name: PE", "!Pipelined {name: PE")}, "got !Pipelined 'PE'"),
        ({"arch": NODES.replace("class: intmac", "class: SRAM")}, "got the compute units none"),
        ({"arch": NODES.replace("name: Buffer", "name: Main")}, "two components called 'Main'"),
        ({"arch": "architecture: {version: 0.5}"}, "got the keys version; expected 'subtree' or 'nodes'"),
        ({"arch": "architecture: ["}, "expected well-formed YAML"),
        ({"arch": "- 1"}, "got list; expected a mapping at the top"),
        ({"arch": NODES.replace("width: 8,", "width: wide,")}, "width: got 'wide'; expected a whole"),
        ({"arch": NODES.replace("width: 8,", "width: 8, cluster_size: 4,")},
         "'Registers'.cluster_size: got 4; expected 1: instances that share a wide word"),
        ({"arch": NODES.replace("width: 8,", "width: 8, bandwidth_consumption_scale: 2,")}, "scale: got 2"),
        ({"ert": changed(LISTED, lambda d: tables(d).pop(1))}, "'Buffer': got no table"),
        ({"ert": changed(LISTED, lambda d: tables(d)[0]["actions"].pop(1))},
         "'Main': got the actions write, update; expected one of random_read, read"),
        ({"ert": changed(LISTED, lambda d: tables(d)[0]["actions"][0].update(energy=-1))},
         "write: got -1; expected a number from 0"),
        ({"problem": changed(PROBLEM, lambda d: sizes(d).update(Wdilation=2))},
         "Wdilation: got 2; expected 1: dilated kernels are not covered"),
        ({"problem": changed(PROBLEM, lambda d: sizes(d).update(G=2))},
         "G: got 2; expected dimensions, coefficients, densities and nothing else"),
        ({"problem": changed(PROBLEM, lambda d: sizes(d).update(K=0))}, "K: got 0; expected a whole"),
        ({"problem": changed(PROBLEM, lambda d: sizes(d).update(densities={"Inputs": 1.5}))},
         "densities.Inputs.density: got 1.5; expected a share from 0 to 1"),
        ({"problem": changed(PROBLEM, lambda d: spaces(d)[1].update(projection=[[["K"]]]))},
         "got 'C' in weights; expected a dimension of at least two data spaces"),
    ],
)  # fmt: skip
def test_what_our_model_cannot_express_is_refused_by_name(tmp_path, changes, told):
    with pytest.raises(ConfigError, match=told):
        energies(tmp_path, **changes)


def test_missing_files_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="got no such file; expected a YAML file of Timeloop"):
        read_problem(tmp_path / "nowhere.yaml")


def test_wires_and_parts_that_are_switched_off_are_named_not_hidden(tmp_path):
    extra = "  - !Component {name: NoC, class: XY_NoC}\n"
    extra += "  - !Component {name: Spare, class: SRAM, enabled: false}\n"
    nodes = NODES.replace("  - !Component {name: Mac", extra + "  - !Component {name: Mac")
    found, problem = files(tmp_path, arch=nodes)
    _, notes = read_files(found, problem, "layer")
    assert notes == ("NoC: wires carry no energy in this accounting", "Spare: not enabled")


@pytest.mark.parametrize(("depth", "room"), [(1, None), (0.5, 16)])
def test_tiles_that_do_not_fit_are_told(tmp_path, depth, room):
    """The registers hold 1 weight, 16 inputs and 16 outputs: 33 words."""
    nodes = NODES.replace(
        "subclass: regfile, attributes: {", f"subclass: regfile, attributes: {{depth: {int(33 * depth)}, "
    )
    found, problem = files(tmp_path, arch=nodes)
    _, notes = read_files(found, problem, "layer")
    told = f"Registers: tiles of 33 words, which does not fit in {room} unless zeros are left out"
    assert notes == ((told,) if room else ())


@st.composite
def cases(draw):
    """A random chain of levels with a random mapping that covers its layer."""
    levels, loops, dims = [], [], {}
    keeps = ["weights", "inputs", "outputs"]
    for place in range(draw(st.integers(1, 4))):
        name = f"L{place}"
        own = keeps if place == 0 else draw(st.lists(st.sampled_from(keeps), unique=True))
        energy = {f"{action}_pJ": draw(st.floats(0, 100)) for action in ("read", "write", "update", "leak")}
        energy |= {f"{port}_words_per_cycle": draw(st.none() | st.floats(0.1, 9))
                   for port in ("read", "write", "shared")}  # fmt: skip
        words = {"word_bits": draw(st.sampled_from([8, 16])), "words_per_access": draw(st.integers(1, 4))}
        levels.append({"name": name, "keeps": own} | (energy | words if own else {}))
        for kind in ("temporal", "spatial"):
            for dim in draw(st.lists(st.sampled_from(DIMS), unique=True, max_size=3)):
                bound = draw(st.integers(2, 3))
                loops.append({"level": name, "kind": kind, "dim": dim, "bound": bound})
                dims[dim] = dims.get(dim, 1) * bound
    levels.append({"name": "mac", "mac_pJ": draw(st.floats(0, 10))})
    units = int(np.prod([x["bound"] for x in loops if x["kind"] == "spatial"]))
    spread, instances = 1, {}
    for level in levels:
        instances[level["name"]] = spread
        spread *= int(
            np.prod([x["bound"] for x in loops if (x["level"], x["kind"]) == (level["name"], "spatial")])
        )
    stride = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    case = {"layer": "l", "dims": dims, "stride": stride, "loops_outermost_first": loops, "expected": {}}
    assert instances["mac"] == units
    return CostCases.parse(
        {"architecture": {"levels_outermost_first": levels, "instances": instances}, "cases": [case]}, "c"
    )


@settings(max_examples=60, deadline=None)
@given(case=cases(), style=st.sampled_from(["0.3", "0.4"]))
def test_what_is_written_reads_back_to_the_same_energies(tmp_path_factory, case, style):
    assert not list(contradictions(case))
    folder = tmp_path_factory.mktemp("written")
    write_files(case, case.cases[0], folder, style)
    found = TimeloopFiles(folder / "arch.yaml", folder / "map.yaml", folder / "ERT.yaml")
    problem = read_problem(folder / "prob.yaml")
    again, _ = read_files(found, problem, "l")
    assert again.architecture.instances == case.architecture.instances
    ours, theirs = (run_case(each, each.cases[0], sparse=False) for each in (case, again))
    assert {k: float(v[0]) for k, v in ours.energy_pj.items()} == {
        k: float(v[0]) for k, v in theirs.energy_pj.items()
    }
    assert float(ours.cycles[0]) == float(theirs.cycles[0])


def test_written_files_are_text_of_both_styles(tmp_path):
    loaded, _ = read_files(*files(tmp_path), "layer")
    for style, words in (("0.3", "subtree:"), ("0.4", "- !Component")):
        paths = write_files(loaded, loaded.cases[0], tmp_path / style, style)
        assert [Path(path).name for path in paths] == ["arch.yaml", "ERT.yaml", "map.yaml", "prob.yaml"]
        assert words in paths[0].read_text()
    assert all(a != b for a, b in pairwise(paths))
