"""Every instruction set gives the reference's integers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz import sanitized
from spareto.native import build, machine
from spareto.runtime import kernels

TESTS = Path(__file__).parents[1]
CODE = """
from lowering.test_agreement import check_engine, prepared
from lowering.test_full_windows import WOVEN_SIZES, check_woven
from spareto.native import machine
for seed in range(300, 308):
    check_engine(*prepared(seed))
for sizes in WOVEN_SIZES:
    check_woven(*sizes, None)
print(machine.level())
"""


LEVELS = [level for level in build.levels() if machine.cpu_flags() >= machine.CPU_FLAGS[level]]
"""Those that this processor has."""


def run(variables, level):
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    call = [sys.executable, "-c", CODE]
    environment = {**variables, "PYTHONPATH": path}
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == level


@pytest.mark.slow
@pytest.mark.skipif(kernels.engine() != "c", reason="the C engine does not run here")
@pytest.mark.parametrize("level", [level for level in LEVELS if level != machine.level()])
def test_other_instruction_sets_agree(level):
    run({**os.environ, "SPARETO_ISA": level}, level)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc, whose sanitizers these are")
@pytest.mark.parametrize("level", LEVELS)
def test_address_and_undefined_behaviour_sanitizers_find_nothing(level, tmp_path, monkeypatch):
    monkeypatch.setenv("CC", sanitized.SANITIZED)
    run(sanitized.environment(tmp_path, level), level)
