"""A study killed by signal 9 ends as one that was never killed, and leaves nothing over."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import postgres_server

TESTS = Path(__file__).parents[1]
SCRIPT = TESTS / "kills.py"
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def killed(folder, moments, places, full=0, workers=1, *store):
    told = (moments, places, 1, full, workers, *store)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", SCRIPT, folder / "runs", *map(str, told)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "SPARETO_CACHE": str(folder / "cache")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_few_kills(tmp_path):
    killed(tmp_path, 5, 5)


def test_a_full_disk_is_said_and_with_room_the_study_goes_on(tmp_path):
    killed(tmp_path, 0, 1, 4)


@pytest.mark.parametrize("moments", [1, pytest.param(50, marks=pytest.mark.slow)])
def test_a_pool_of_two_killed_with_its_whole_group(tmp_path, moments):
    killed(tmp_path, moments, -1, 4 if moments > 1 else 0, 2)


@pytest.mark.parametrize("moments", [1, pytest.param(50, marks=pytest.mark.slow)])
def test_a_study_on_postgresql_killed(tmp_path, moments):
    postgres_server.skip_without_server()
    with postgres_server.serving() as url:
        killed(tmp_path, moments, -1, 0, 1, url)


@pytest.mark.slow
def test_kills_at_every_place_and_at_fifty_moments(tmp_path):
    killed(tmp_path, 50, 0)


def failing(folder, each, *kinds):
    """A study whose disk fails, at so many places of every kind."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs a C compiler and Linux")
    library = folder / "failing.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", library, TESTS / "failing.c", "-ldl"], check=True
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", TESTS / "failures.py", folder / "runs", str(each), "1", *kinds],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "LD_PRELOAD": str(library),
            "OMP_NUM_THREADS": "1",
            "SPARETO_CACHE": str(folder / "cache"),
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_disk_that_fails_anywhere_is_said_and_the_study_goes_on(tmp_path):
    failing(tmp_path, 1, "read-only", "lost folder", "killed")


@pytest.mark.slow
def test_a_disk_that_fails_at_many_places(tmp_path):
    failing(tmp_path, 12)
