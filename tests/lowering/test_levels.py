"""Every instruction set gives the reference's integers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spareto.native import build, machine
from spareto.runtime import kernels

TESTS = Path(__file__).parents[1]
CODE = """
from lowering.test_agreement import check_engine, prepared
from spareto.native import machine
for seed in range(300, 308):
    check_engine(*prepared(seed))
print(machine.level())
"""


@pytest.mark.slow
@pytest.mark.skipif(kernels.engine() != "c", reason="the C engine does not run here")
@pytest.mark.parametrize("level", [level for level in build.levels() if level != machine.level()])
def test_other_instruction_sets_agree(level):
    if not machine.cpu_flags() >= machine.CPU_FLAGS[level]:
        pytest.skip(f"this processor has no {level}")
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "SPARETO_ISA": level, "PYTHONPATH": path}
    call = [sys.executable, "-c", CODE]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == level
