"""A study killed by signal 9, wherever that falls, ends as one that was never killed, and leaves nothing over."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def killed(folder, moments, places):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", Path(__file__).parents[1] / "kills.py", folder, *map(str, (moments, places, 1))],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "SPARETO_CACHE": str(folder / "cache")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_few_kills(tmp_path):
    killed(tmp_path, 5, 5)


@pytest.mark.slow
def test_kills_at_every_place_and_at_fifty_moments(tmp_path):
    killed(tmp_path, 50, 0)
