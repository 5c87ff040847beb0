"""A processing element of Eyeriss v2 as Sparseloop's own study describes it, with a layer of MobileNet.

Architecture, energies, mapping, problem and sparse optimizations restated from the artifact of wu2022 (MIT):
tags, bounds of 0, upper ranks that take no room, dimensions called E and F, attributes of several versions.
"""

import pytest
import yaml

from spareto.reproduction.timeloop.cases import run_case
from spareto.reproduction.timeloop.files import TimeloopFiles, read_files, write_files
from spareto.reproduction.timeloop.files.workload import read_problem

SRAM = {"class": "storage", "subclass": "SRAM_MD"}


def spad(name, depth, word, metadata, **more):
    attributes = {"data_storage_depth": depth, "data_storage_width": word, "datawidth": word, "block_size": 1}
    return {"name": name, **SRAM, "attributes": attributes | {"metadata_storage_width": metadata} | more}


BACKING = {"width": 64, "block_size": 8, "datawidth": 8, "metadata_storage_width": 8}
ARCH = {"architecture": {"version": 0.3, "subtree": [{
    "name": "eyeriss_v2_PE", "attributes": {"technology": "45nm"},
    "local": [{"name": "BackingStorage", "class": "DRAM", "subclass": "DummyStorage", "attributes": BACKING}],
    "subtree": [{"name": "PE", "local": [
        spad("iact_spad", 16, 8, 4), spad("weight_spad", 192, 8, 8),
        {"name": "psum_spad", "class": "storage", "subclass": "SRAM",
         "attributes": {"depth": 32, "width": 20, "datawidth": 20, "block_size": 1}},
        spad("reg", 1, 8, 4), {"name": "MAC", "class": "compute", "subclass": "Imac",
                               "attributes": {"datawidth": 8}},
    ]}],
}]}}  # fmt: skip
ENERGIES = {
    "BackingStorage": (0.0, 0.0), "iact_spad": (0.13003, 0.14934), "weight_spad": (0.47678, 0.88442),
    "psum_spad": (0.32508, 0.0), "reg": (0.072, 0.036),
}  # fmt: skip
ERT = {"ERT": {"version": 0.3, "tables": [
    *({"name": f"eyeriss_v2_PE.PE.{name}", "actions": [
        {"name": "read", "arguments": {"address_delta": 0, "data_delta": 0}, "energy": 0.0},
        {"name": "read", "arguments": {"address_delta": 1, "data_delta": 1}, "energy": data},
        {"name": "write", "arguments": None, "energy": data},
        {"name": "metadata_read", "energy": metadata}, {"name": "metadata_write", "energy": metadata}]}
      for name, (data, metadata) in ENERGIES.items()),
    {"name": "eyeriss_v2_PE.PE.MAC", "actions": [{"name": "mac_random", "energy": 0.5608},
                                                 {"name": "mac_skipped", "energy": 0.01798}]},
]}}  # fmt: skip
ONES = "M=1 E=1 F=1 R=1 S=1 N=1 G=1 C=1"
LOOPS = {
    "BackingStorage": ("M=8 E=0 F=0 R=1 S=0 N=0 G=0 C=8", "REFSCMNG"),
    "iact_spad": (ONES, "MCRSEFGN"),
    "weight_spad": (ONES, "MCRSEFGN"),
    "psum_spad": ("M=8 E=1 F=1 R=0 S=1 N=1 G=1 C=8", "MCRSEFGN"),
}
KEEPS = {"iact_spad": "Inputs", "weight_spad": "Weights", "psum_spad": "Outputs", "reg": "Inputs"}
MAPPING = {"mapping": [
    *({"target": level, "type": "temporal", "factors": factors, "permutation": order}
      for level, (factors, order) in LOOPS.items()),
    *({"target": level, "type": "bypass", "keep": [kept]} for level, kept in KEEPS.items()),
]}  # fmt: skip
STEPS = ("Wstride", "Hstride", "Wdilation", "Hdilation")
SLIDING = [[["R", "Wdilation"], ["E", "Wstride"]], [["S", "Hdilation"], ["F", "Hstride"]]]
PROBLEM = {"problem": {
    "shape": {
        "name": "grouped-CONV", "dimensions": list("RSEFCMNG"),
        "coefficients": [{"name": name, "default": 1} for name in STEPS],
        "data-spaces": [
            {"name": "Weights", "projection": [[[dim]] for dim in "CMGRS"]},
            {"name": "Inputs", "projection": [*([[dim]] for dim in "NCG"), *SLIDING]},
            {"name": "Outputs", "projection": [[[dim]] for dim in "NGMFE"], "read-write": True},
        ],
    },
    "instance": {"M": 64, "E": 32, "F": 32, "R": 1, "S": 1, "N": 1, "G": 1, "C": 64, "densities": {
        name: {"distribution": "hypergeometric", "density": share}
        for name, share in (("Inputs", 0.73), ("Weights", 0.52))}},
}}  # fmt: skip


def ranks(name, *upper, leaf):
    """Offsets of so many bits each, outermost first, over run lengths of four."""
    above = [{"format": "UOP", "payload-word-bits": bits} for bits in upper]
    last = {"format": "RLE", "metadata-word-bits": 4, "flattened-rankIDs": [leaf]}
    return {"name": name, "ranks": [*above, last], "rank-application-order": "inner-to-outer"}


def skipping(target, *on):
    return [{"type": "skipping", "options": [{"target": target, "condition-on": list(on)}]}]


def stored(*spaces):
    return {"data-spaces": list(spaces)}


INPUTS, WEIGHTS = ranks("Inputs", 4, leaf=["C"]), ranks("Weights", 7, leaf=["M"])
BOTH = stored(ranks("Inputs", 0, 0, 0, 4, leaf=["C"]), ranks("Weights", 0, 0, 7, leaf=["M"]))
SPARSE = {"sparse_optimizations": {"targets": [
    {"name": "BackingStorage", "representation-format": BOTH},
    {"name": "iact_spad", "representation-format": stored(INPUTS)},
    {"name": "weight_spad", "representation-format": stored(WEIGHTS),
     "action-optimization": skipping("Weights", "Inputs")},
    {"name": "psum_spad", "action-optimization": skipping("Outputs", "Inputs", "Weights")},
    {"name": "reg", "representation-format": stored(ranks("Inputs", leaf=["C"]))},
    {"name": "MAC", "compute-optimization": [{"type": "skipping"}]},
]}}  # fmt: skip
EFFECTUAL = 64 * 64 * 32 * 32 * 0.73 * 0.52


def read(folder):
    paths = [folder / f"{name}.yaml" for name in ("arch", "map", "ERT", "sparse", "prob")]
    problem = read_problem(paths.pop())
    return read_files(TimeloopFiles(*paths[:3], sparse=paths[3]), problem, "L07", tool="sparseloop-micro2022")


def figures(cases):
    found = run_case(cases, cases.cases[0], sparse=True)
    return {key: float(pj[0]) for key, pj in found.energy_pj.items()}, float(found.cycles[0])


def test_the_study_of_a_processing_element_is_read_as_it_stands(tmp_path):
    documents = {"arch": ARCH, "map": MAPPING, "ERT": ERT, "prob": PROBLEM, "sparse": SPARSE}
    for name, data in documents.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(data))
    cases, notes = read(tmp_path)
    energy, cycles = figures(cases)
    assert cycles == pytest.approx(EFFECTUAL, abs=1)
    assert energy["MAC", "computes"] == pytest.approx(0.5608 * EFFECTUAL, rel=1e-6)
    assert energy["BackingStorage", "inputs"] == 0
    updates = EFFECTUAL + EFFECTUAL - 32 * 32 * 64 * 0.73 * 0.52  # and reads, but for the first of each
    assert energy["psum_spad", "outputs"] / 0.32508 == pytest.approx(updates + 8 * 32 * 32 * 64, rel=0.02)
    assert notes == ("MAC: mac_skipped of 0.01798 pJ; what is skipped takes nothing here",)
    write_files(cases, cases.cases[0], tmp_path / "again")
    assert figures(read(tmp_path / "again")[0]) == (pytest.approx(energy, rel=1e-12), cycles)
