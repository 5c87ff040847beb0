"""A whole design of Timeloop 0.4 from its own files: an Eyeriss-like array, a layer of VGG, leakage charged.

Restated from the reference output `timeloop+accelergy/intmac` of timeloop-accelergy-exercises (MIT).
"""

import pytest
import yaml

from spareto.reproduction.timeloop.cases import run_case
from spareto.reproduction.timeloop.files import TimeloopFiles, read_files
from spareto.reproduction.timeloop.files.workload import read_problem

PARTS = {  # class, attributes, energies: read, write and update, leakage of a cycle
    "DRAM[1..1]": ("DRAM", {"width": 64, "datawidth": 8}, (512.0, 512.0, 0.0)),
    "shared_glb[1..1]": (
        "smartbuffer_SRAM",
        {"depth": 16384, "width": 64, "datawidth": 8, "read_bandwidth": 16, "write_bandwidth": 16},
        (32.342452, 26.121552, 0.003351),
    ),
    "columns[1..1]": ("dummy_storage", {"width": 1, "depth": 1, "datawidth": 1}, None),
    "rows[1..14]": ("dummy_storage", {"width": 1, "depth": 1, "datawidth": 1}, None),
    "ifmap_spad[1..168]": (
        "smartbuffer_RF",
        {"depth": 12, "width": 16, "datawidth": 8, "read_bandwidth": 2, "write_bandwidth": 2},
        (0.310924, 0.271902, 0.000154),
    ),
    "weights_spad[1..168]": (
        "smartbuffer_RF",
        {"depth": 192, "width": 16, "datawidth": 8, "read_bandwidth": 2, "write_bandwidth": 2},
        (3.005554, 2.861554, 0.002416),
    ),
    "psum_spad[1..168]": (
        "smartbuffer_RF",
        {"depth": 16, "width": 16, "datawidth": 16, "read_bandwidth": 2, "write_bandwidth": 2},
        (0.385026, 0.336188, 0.000204),
    ),
    "mac[1..168]": ("intmac", {"datawidth": 16, "meshX": 14, "meshY": 12}, None),
}
KEPT = {
    "shared_glb": "IO",
    "ifmap_spad": "I",
    "weights_spad": "W",
    "psum_spad": "O",
    "columns": "",
    "rows": "",
}
SPACES = {"W": "Weights", "I": "Inputs", "O": "Outputs"}
WALKS = [
    ("DRAM", "temporal", "R3 C4 M16 Q2", "RCMQ"),
    ("shared_glb", "temporal", "M2 C2 P56 Q2", "MCPQ"),
    ("columns", "spatial", "Q14", "Q"),
    ("rows", "spatial", "C2 M2 S3", "SCM"),
    ("weights_spad", "temporal", "C8", "C"),
    ("psum_spad", "temporal", "M4", "M"),
]
PRINTED = {  # picojoules by component: of its tensors, and of leakage
    "mac": (291325870.08, 0.0),
    "psum_spad": (702401634.04, 188668.18),
    "weights_spad": (2713079909.45, 2234423.18),
    "ifmap_spad": (159494786.78, 142425.98),
    "shared_glb": (256956509.75 + 137561883.76, 18447.34),
    "DRAM": (4227858432.0 + 456130560.0 + 51380224.0, 0.0),
}


def table(name, energies):
    if name.startswith("mac"):
        actions = {"compute": 0.315, "leak": 0.0036}
    else:
        read, write, leak = energies
        actions = {"write": write, "update": write, "read": read, "leak": leak}
    listed = [{"name": action, "arguments": {}, "energy": pj} for action, pj in actions.items()]
    return {"name": f"system.{name}", "actions": listed}


@pytest.fixture
def read(tmp_path):
    local = [{"name": n, "class": kind, "attributes": said} for n, (kind, said, _) in PARTS.items()]
    tables = [table(name, pj) for name, (_, _, pj) in PARTS.items() if pj or name.startswith("mac")]
    keeps = [
        {"target": level, "type": "datatype", "keep": [SPACES[x] for x in kept],
         "bypass": [SPACES[x] for x in "WIO" if x not in kept]}
        for level, kept in KEPT.items()
    ]  # fmt: skip
    walks = [{"target": n, "type": k, "factors": f, "permutation": p} for n, k, f, p in WALKS]
    projections = {"Weights": "C M R S", "Inputs": "N C R+P S+Q", "Outputs": "N M Q P"}
    spaces = [
        {"name": name, "projection": [[[dim] for dim in rank.split("+")] for rank in text.split()]}
        for name, text in projections.items()
    ]
    documents = {
        "arch": {"architecture": {"version": "0.4", "subtree": [{"name": "system", "local": local}]}},
        "ert": {"ERT": {"version": "0.4", "tables": tables}},
        "map": {"mapping": [*keeps, *walks]},
        "prob": {
            "problem": {
                "shape": {"name": "CNN", "dimensions": list("CMRSNPQ"), "data_spaces": spaces},
                "instance": {"C": 128, "M": 256, "N": 1, "P": 56, "Q": 56, "R": 3, "S": 3},
            }
        },
    }
    for name, data in documents.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(data))
    files = TimeloopFiles(*(tmp_path / f"{name}.yaml" for name in ("arch", "map", "ert")))
    problem = read_problem(tmp_path / "prob.yaml")
    return lambda tool: read_files(files, problem, "layer", tool=tool)


def test_what_the_tool_prints_to_its_last_digit(read):
    cases, notes = read("timeloop-0.4")
    found = run_case(cases, cases.cases[0], sparse=False)
    assert (notes, float(found.cycles[0]), float(found.computes[0])) == ((), 5505024, 924844032)
    for name, (tensors, leak) in PRINTED.items():
        own = {key: float(pj[0]) for (part, key), pj in found.energy_pj.items() if part == name}
        assert own.pop("leak", 0.0) == pytest.approx(leak, abs=0.006)
        assert sum(own.values()) == pytest.approx(tensors, abs=0.012)
    total = sum(float(pj[0]) for pj in found.energy_pj.values())
    assert total == pytest.approx(8998.77e6, abs=0.005e6)


def test_versions_before_charge_no_leakage(read):
    cases, _ = read("timeloop-0.3")
    found = run_case(cases, cases.cases[0], sparse=False)
    assert not any(key == "leak" for _, key in found.energy_pj)
