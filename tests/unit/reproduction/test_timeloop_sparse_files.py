"""Sparse optimizations in files of Sparseloop: read, costed by its rules, written and read again."""

import copy

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from spareto.core.errors import ConfigError
from spareto.hardware.describing.problem import TENSORS
from spareto.reproduction.timeloop.cases import CostCases, run_case
from spareto.reproduction.timeloop.files import TimeloopFiles, read_files, write_files
from spareto.reproduction.timeloop.files.workload import read_problem

ARCH = {
    "architecture": {
        "version": 0.3,
        "subtree": [
            {
                "name": "system",
                "local": [
                    {"name": "Backing", "class": "DRAM", "attributes": {"datawidth": 8, "width": 8}},
                    {
                        "name": "Buffer",
                        "class": "storage",
                        "subclass": "SRAM_MD",
                        "attributes": {
                            "data_storage_width": 8,
                            "metadata_storage_width": 4,
                            "datawidth": 8,
                        },
                    },
                    {"name": "MAC", "class": "compute", "subclass": "Imac", "attributes": {"datawidth": 8}},
                ],
            }
        ],
    }
}
ENERGIES = {
    "Backing": {"read": 0.0, "write": 0.0},
    "Buffer": {"read": 1.0, "write": 2.0, "gated_read": 0.1, "gated_write": 0.2, "metadata_read": 0.5,
               "metadata_write": 0.25},
    "MAC": {"mac_random": 10.0, "mac_gated": 3.0},
}  # fmt: skip
ERT = {
    "ERT": {
        "version": "0.3",
        "tables": [
            {"name": f"system.{name}", "actions": [{"name": k, "energy": v} for k, v in actions.items()]}
            for name, actions in ENERGIES.items()
        ],
    }
}
DOT = {  # Z = sum over K of A[K] x B[K], with a fourth of A there
    "problem": {
        "shape": {
            "name": "DotProduct",
            "dimensions": ["M", "N", "K"],
            "data-spaces": [
                {"name": "A", "projection": [[["M"]], [["K"]]]},
                {"name": "B", "projection": [[["N"]], [["K"]]]},
                {"name": "Z", "projection": [[["M"]], [["N"]]], "read-write": True},
            ],
        },
        "instance": {"M": 1, "N": 1, "K": 16, "densities": {"A": 0.25}},
    }
}
MAPPING = {"mapping": [{"target": "Buffer", "type": "temporal", "factors": "K=16", "permutation": "KMN"}]}
A_COMPRESSED = {"data-spaces": [{"name": "A", "ranks": [{"format": "CP", "metadata-word-bits": 4}]}]}


def read(folder, targets, **changes):
    documents = {"arch": ARCH, "ert": ERT, "problem": DOT, "mapping": MAPPING} | changes
    documents["sparse"] = {"sparse_optimizations": {"targets": targets}}
    for name, data in documents.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(data))
    paths = {name: folder / f"{name}.yaml" for name in documents}
    files = TimeloopFiles(paths["arch"], paths["mapping"], paths["ert"], sparse=paths["sparse"])
    cases, _ = read_files(files, read_problem(paths["problem"]), "dot", tool="sparseloop-micro2022")
    return cases


def outcome(folder, targets, **changes):
    cases = read(folder, targets, **changes)
    found = run_case(cases, cases.cases[0], sparse=True)
    return {key: float(pj[0]) for key, pj in found.energy_pj.items()}, float(found.cycles[0])


def test_gated_accesses_take_their_own_energy(tmp_path):
    """A stored plainly; B and Z gated on it: 4 of 16 are read and updated, 12 are gated."""
    gate = [{"type": "gating", "options": [{"target": t, "condition-on": ["A"]}]} for t in ("B", "Z")]
    energy, _ = outcome(tmp_path, [{"name": "Buffer", "action-optimization": gate}])
    assert energy["MAC", "computes"] == 4 * 10.0
    assert energy["Buffer", "weights"] == 16 * 1.0 + 16 * 2.0  # A: read, and filled
    assert energy["Buffer", "inputs"] == 4 * 1.0 + 12 * 0.1 + 16 * 2.0
    assert energy["Buffer", "outputs"] == 3 * 1.0 + 12 * 0.1 + 4 * 2.0 + 12 * 0.2 + 1 * 2.0


def test_skipping_on_what_is_compressed_takes_neither_energy_nor_cycle(tmp_path):
    """A in coordinates: 4 words and 4 coordinates; 12 of B are skipped, and only 4 cycles pass."""
    skip = [{"type": "skipping", "options": [{"target": "B", "condition-on": ["A"]}]}]
    buffer = {"name": "Buffer", "representation-format": A_COMPRESSED, "action-optimization": skip}
    energy, cycles = outcome(tmp_path, [buffer])
    assert cycles == 4
    assert energy["MAC", "computes"] == 4 * 10.0
    assert energy["Buffer", "inputs"] == 4 * 1.0 + 16 * 2.0
    metadata = 4 * 0.5 + 4 * 0.25  # four coordinates of four bits, one a row, read and written
    assert energy["Buffer", "weights"] == 4 * 1.0 + 4 * 2.0 + metadata


@pytest.mark.parametrize(
    ("computing", "cycles", "pj"),
    [
        (None, 16, 16 * 10.0),
        ([{"type": "gating"}], 16, 4 * 10.0 + 12 * 3.0),
        ([{"zero-gating": True}], 16, 4 * 10.0 + 12 * 3.0),
        ([{"type": "skipping"}], 4, 4 * 10.0),
    ],
)
def test_what_units_do_without_one_operand(tmp_path, computing, cycles, pj):
    """A is compressed, B is always there: 12 of 16 pairs have only B."""
    targets = [{"name": "Buffer", "representation-format": A_COMPRESSED}]
    if computing:
        targets.append({"name": "MAC", "compute-optimization": computing})
    energy, found = outcome(tmp_path, targets)
    assert (found, energy["MAC", "computes"]) == (cycles, pj)


def test_pairs_without_either_operand_are_nothing_at_all(tmp_path):
    """Half of B there, too: 2 of 16 whole, 6 + 2 with one operand, 6 with none."""
    both = {"data-spaces": [*A_COMPRESSED["data-spaces"], {"name": "B", "ranks": [{"format": "RLE"}]}]}
    problem = copy.deepcopy(DOT)
    problem["problem"]["instance"]["densities"] = {"A": 0.25, "B": 0.5}
    targets = [
        {"name": "Buffer", "representation-format": both},
        {"name": "MAC", "compute-optimization": [{"type": "gating"}]},
    ]
    energy, cycles = outcome(tmp_path, targets, problem=problem)
    assert energy["MAC", "computes"] == 2 * 10.0 + 8 * 3.0
    assert cycles == 10


def test_skipping_by_position_walks_the_non_zeros_only(tmp_path):
    by_position = [{"type": "position-skipping", "target": "A", "condition-on": []}]
    buffer = {"name": "Buffer", "representation-format": A_COMPRESSED, "action-optimization": by_position}
    energy, cycles = outcome(tmp_path, [buffer])
    assert (cycles, energy["MAC", "computes"]) == (4, 40.0)


def test_components_of_the_newer_style_hold_their_own_optimizations(tmp_path):
    skip = [{"type": "skipping", "options": [{"target": "B", "condition-on": ["A"]}]}]
    expected = outcome(
        tmp_path,
        [{"name": "Buffer", "representation-format": A_COMPRESSED, "action-optimization": skip}],
    )
    own = """
architecture:
  version: 0.4
  nodes:
  - !Component {name: Backing, class: DRAM, attributes: {datawidth: 8, width: 8}}
  - !Component
    name: Buffer
    class: SRAM
    attributes: {width: 8, datawidth: 8, metadata_storage_width: 4}
    sparse_optimizations:
      representation_format:
        data_spaces: [{name: A, ranks: [{format: CP, metadata_word_bits: 4}]}]
      action_optimization: [{type: skipping, options: [{target: B, condition_on: [A]}]}]
  - !Component {name: MAC, class: intmac, attributes: {datawidth: 8}}
"""
    (tmp_path / "own.yaml").write_text(own)
    files = TimeloopFiles(tmp_path / "own.yaml", tmp_path / "mapping.yaml", tmp_path / "ert.yaml")
    cases, _ = read_files(files, read_problem(tmp_path / "problem.yaml"), "dot", tool="sparseloop-micro2022")
    found = run_case(cases, cases.cases[0], sparse=True)
    assert {key: float(pj[0]) for key, pj in found.energy_pj.items()} == expected[0]


def option(kind="skipping", target="B", on=("A",)):
    return {"type": kind, "options": [{"target": target, "condition-on": list(on)}]}


def ranks(*formats, **more):
    return {"representation-format": {"data-spaces": [{"name": "A", "ranks": list(formats), **more}]}}


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ({"name": "Cache"}, "the target 'Cache'; expected one of Backing, Buffer, MAC"),
        ({"name": "Buffer", "prefetch": 1}, "'prefetch'; expected one of"),
        ({"name": "Buffer", "action-optimization": [option("dreaming")]}, "type: got 'dreaming'"),
        ({"name": "Buffer", "action-optimization": [option(on=())]}, "'B' on nothing"),
        ({"name": "Buffer", "action-optimization": [option(on=("B",))]}, "'B' on itself"),
        ({"name": "Buffer", "action-optimization": [option(target="C")]}, "data spaces A, B, Z"),
        ({"name": "Buffer", "action-optimization": [option("position-skipping", "A", ())]},
         "'A' by position, stored plainly"),
        ({"name": "Buffer", "action-optimization": [option() | {"options": 2 * option()["options"]}]},
         "a choice of 2 options; expected one"),
        ({"name": "Buffer", "compute-optimization": [{"type": "gating"}]}, "expected it at 'MAC'"),
        ({"name": "MAC", "compute-optimization": [{"type": "resting"}]}, "got resting"),
        ({"name": "Buffer", **ranks({"format": "HUF"})}, "the format 'HUF'"),
        ({"name": "Buffer", **ranks({"format": "B", "banks": 3})}, "'banks'; expected one of format"),
        ({"name": "Buffer", **ranks({"format": "B", "metadata-word-bits": -1})}, "word_bits: got -1"),
        ({"name": "Buffer", **ranks()}, "no ranks"),
        ({"name": "Buffer", **ranks({"format": "B"}, {"compression-rate": 1}, {"format": "B"})}, "got"),
        ({"name": "Buffer", **ranks({"format": "CP"}, **{"compression-rate": 0.5})}, "rate 0.5"),
        ({"name": "Buffer", **ranks({"format": "B"}, {"format": "RLE"})}, "upper ranks B, which"),
        ({"name": "Buffer", **ranks({"format": "UOP"}, {"format": "UOP"}, {"format": "RLE"})},
         "the upper ranks UOP, UOP, which take room; expected at most one"),
    ],
)  # fmt: skip
def test_what_our_model_cannot_express_is_refused_by_name(tmp_path, target, told):
    with pytest.raises(ConfigError, match=told):
        read(tmp_path, [target])


@pytest.mark.parametrize(
    ("densities", "told"),
    [
        ({"A": {"distribution": "banded", "density": 0.5}}, "A.distribution: got 'banded'"),
        ({"A": {"distribution": "hypergeometric"}}, "expected a key 'density'"),
        ({"A": 0.5, "B": {"distribution": "hypergeometric", "density": 0.5}}, "one distribution for all"),
        ({"C": 0.5}, "data spaces A, B, Z"),
        ({"A": -0.5}, "A.density: got -0.5; expected a number from 0"),
    ],
)
def test_densities_that_are_none_are_refused(tmp_path, densities, told):
    problem = copy.deepcopy(DOT)
    problem["problem"]["instance"]["densities"] = densities
    with pytest.raises(ConfigError, match=told):
        read(tmp_path, [], problem=problem)


def test_upper_ranks_that_take_no_room_are_passed_over(tmp_path):
    free = {"format": "UOP", "payload-word-bits": 0}
    flat = {"format": "RLE", "metadata-word-bits": 4, "flattened-rankIDs": [["K"]]}
    many = read(tmp_path, [{"name": "Buffer", **ranks(free, free, flat)}])
    assert many == read(tmp_path, [{"name": "Buffer", **ranks(flat)}])


@st.composite
def sparse_cases(draw):
    """Two levels and a random sparse run."""
    formats, savings = [], []
    for tensor in draw(st.lists(st.sampled_from(TENSORS), unique=True)):
        level = draw(st.sampled_from(["L0", "L1"]))
        leaf = draw(st.sampled_from(["RLE", "CP", "B", "UB", "UOP"]))
        upper = draw(st.sampled_from([[], ["UOP"]]))
        bits = draw(st.none() | st.integers(0, 8)) if leaf != "UOP" else None
        entry = {"level": level, "tensors": [tensor], "ranks": [*upper, leaf], "bits": bits}
        formats.append(entry | {"offset_bits": draw(st.none() | st.integers(1, 8))})
    for tensor in draw(st.lists(st.sampled_from(TENSORS), unique=True)):
        on = draw(st.lists(st.sampled_from([t for t in TENSORS[:2] if t != tensor]), unique=True, min_size=1))
        kind = draw(st.sampled_from(["gate", "skip"]))
        savings.append(
            {"level": draw(st.sampled_from(["L0", "L1"])), "tensor": tensor, "kind": kind, "on": on}
        )
    inner = [t for each in formats if each["level"] == "L1" for t in each["tensors"]]
    positions = draw(st.lists(st.sampled_from(inner), unique=True)) if inner else []
    run = {"formats": formats, "savings": savings, "worth_up_to": 1.0, "positions": positions}
    run |= {"misaligned": draw(st.sampled_from(["skip", "gate", "compute"]))}
    run |= {"model": draw(st.sampled_from(["fixed", "hypergeometric"]))}
    energies = [f"{x}_pJ" for x in ("read", "write", "gated_read", "gated_write", "metadata_read",
                                    "metadata_write", "decompression", "compression")]  # fmt: skip
    levels = [
        {"name": name, "keeps": list(TENSORS), "metadata_word_bits": draw(st.integers(2, 9))}
        | {key: draw(st.integers(1, 9)) for key in energies}
        for name in ("L0", "L1")
    ]
    levels.append({"name": "mac", "mac_pJ": 5.0, "gated_mac_pJ": 2.0})
    loops = [("L0", "M", 2), ("L0", "P", 3), ("L0", "G", 2), ("L1", "C", 4), ("L1", "R", 3), ("L1", "M", 5)]
    density = {t: draw(st.sampled_from([0.2, 0.5, 0.9])) for t in TENSORS}
    case = {
        "layer": "l",
        "dims": {"M": 10, "P": 3, "G": 2, "C": 4, "R": 3},
        "density": density,
        "loops_outermost_first": [
            {"level": level, "kind": "temporal", "dim": dim, "bound": bound} for level, dim, bound in loops
        ],
        "expected": {},
    }
    return CostCases.parse(
        {"architecture": {"levels_outermost_first": levels}, "sparse_run": run, "cases": [case]}, "c"
    )


@settings(max_examples=60, deadline=None)
@given(case=sparse_cases(), style=st.sampled_from(["0.3", "0.4"]))
def test_what_is_written_reads_back_to_the_same_energies(tmp_path_factory, case, style):
    folder = tmp_path_factory.mktemp("written")
    write_files(case, case.cases[0], folder, style)
    paths = [folder / f"{name}.yaml" for name in ("arch", "map", "ERT", "sparse")]
    files = TimeloopFiles(*paths[:3], sparse=paths[3])
    again, _ = read_files(files, read_problem(folder / "prob.yaml"), "l", tool="sparseloop-micro2022")
    ours, theirs = (run_case(each, each.cases[0], sparse=True) for each in (case, again))
    assert {k: float(v[0]) for k, v in ours.energy_pj.items()} == pytest.approx(
        {k: float(v[0]) for k, v in theirs.energy_pj.items()}, rel=1e-12
    )
    assert float(ours.cycles[0]) == float(theirs.cycles[0])
    assert min(float(pj[0]) for pj in ours.energy_pj.values()) >= 0


def test_a_run_without_words_in_those_files_is_not_written(tmp_path):
    cases = read(tmp_path, [{"name": "Buffer", "representation-format": A_COMPRESSED}])
    run = cases.sparse_run.model_copy(update={"gate_compute": True})
    with pytest.raises(ConfigError, match=r"sparse_run\.gate_compute: got true; expected"):
        write_files(cases.model_copy(update={"sparse_run": run}), cases.cases[0], tmp_path / "out")
