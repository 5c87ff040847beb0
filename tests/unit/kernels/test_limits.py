"""A step of training that gets no memory says so, and the next one is as if it had never been."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spareto import kernels

TESTS = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    kernels.backend() != "c" or sys.platform != "linux", reason="needs the C kernels and limits of memory"
)


def script(name, *arguments):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", TESTS / name, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": f"{TESTS}:{os.environ.get('PYTHONPATH', '')}",
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_few_limits_of_memory():
    script("limits.py", 6, 120)


@pytest.mark.slow
def test_fifty_limits_of_memory():
    script("limits.py", 50, 120)


@pytest.mark.slow
def test_memory_stays_over_500_profiles_and_5000_training_steps():
    script("steadiness.py", 500, 5000)


@pytest.mark.slow
def test_more_than_32_bits_of_values():
    script("beyond.py")
