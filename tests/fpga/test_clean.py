"""A reader who knows Verilog finds the generated code clean."""

import re
import shutil
import subprocess
from random import Random

import pytest

from fpga.random_circuits import conv_circuit, dense_circuit
from spareto.fpga import Options, estimate
from spareto.fpga.folder import write_circuit
from spareto.fpga.tools import command
from spareto.fpga.verilog.design import design

OPTIONS = Options(word_bits=12, wrappers=("axis", "serial"))
TOPS = ("network", "network_axis", "network_serial")


def circuit(seed):
    pick = Random(seed)
    return (conv_circuit if seed % 3 == 0 else dense_circuit)(pick)


@pytest.mark.parametrize("seed", range(60))
def test_no_unsized_number_no_multiplier_one_clock_and_a_synchronous_reset(seed):
    for name, text in design(circuit(seed), OPTIONS).sources.items():
        code = re.sub(r"//.*|\"[^\"]*\"", "", text)
        clocks = set(re.findall(r"@\((?:posedge|negedge) ([^)]*)\)", code))
        assert clocks <= ({"aclk"} if name == "network_axis.v" else {"clk"}), name
        assert not re.findall(r"'[bdh]\w+'|\bnegedge\b|\binitial begin\b|\blatch\b|#\d", code), name
        # numbers without a width stand in ranges, counts of a generate loop and shifts alone
        bare = re.sub(
            r"\[[^\]]*\]|\d+'s?[bdho][0-9a-fA-F_xz]+|<<<? ?\d+|>>>? ?\d+|\{\d+\{|\w*\d\w*", " ", code
        )
        assert not re.search(r"(?<![\w'])\d+", bare), (name, re.search(r".*(?<![\w'])\d+.*", bare)[0])
        assert not re.search(r"\w\)? \* \(?[a-z]", re.sub(r"\[[^\]]*\]", "", code)), name


@pytest.mark.parametrize("seed", range(30))
def test_every_name_is_declared_before_it_is_used(seed):
    for file, text in design(circuit(seed), OPTIONS).sources.items():
        body = re.sub(r"//.*|\"[^\"]*\"|\.\w+\(", " ", text).partition(");")[2]  # behind the ports
        for found in re.finditer(r"\b(?:wire|reg|integer|genvar|localparam)\b([^;=]*)", body):
            for name in re.findall(r"[A-Za-z_]\w*", re.sub(r"\[[^\]]*\]|\bsigned\b", " ", found[1])):
                assert re.search(rf"\b{name}\b", body).start() > found.start(), (file, name)


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 7, 9, 10, 36])
def test_verilator_finds_nothing_to_warn_of(seed, tmp_path):
    if shutil.which("verilator") is None:
        pytest.skip("no verilator here: apt-get install verilator")
    write_circuit(circuit(seed), tmp_path, OPTIONS, None)
    sources = [path.name for path in sorted(tmp_path.glob("*.v"))]
    inner = [name for name in sources if name not in ("network_axis.v", "network_serial.v")]
    for top in TOPS if seed == 0 else TOPS[:1]:
        files = inner if top == "network" else [*inner, f"{top}.v"]
        lint = ["verilator", "--lint-only", "-Wall", "--top-module", top, *files]
        done = subprocess.run(lint, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert not done.stderr, done.stderr[:2000]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_yosys_finds_neither_latch_nor_multiplier(seed, tmp_path):
    if command("yosys") is None:
        pytest.skip("no yosys here: apt-get install yosys, or pip install 'spareto[fpga]'")
    write_circuit(circuit(seed), tmp_path, OPTIONS, None)
    found = estimate(tmp_path)
    assert found.latches == found.dsps == 0
    assert found.luts > 0
