"""The archive of the sources builds a wheel that any Linux of the last ten years can install and run."""

import importlib.util
import os
import platform
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from spareto.native import build

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("hatchling"), reason="hatchling is not installed"),
    pytest.mark.skipif(build.compiler() is None, reason="no C compiler"),
]


def python(*arguments, folder=ROOT, **environment):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip(), done.stderr.strip()


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    python("-m", "hatchling", "build", "-t", "sdist", "-d", folder)
    (found,) = folder.glob("*.tar.gz")
    return found


@pytest.fixture(scope="module")
def wheel(sources, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--quiet", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", folder)
    python("-m", "pip", "wheel", *options, sources)
    (found,) = folder.glob("*.whl")
    return found


def test_the_archive_holds_what_its_tests_import(sources):
    with tarfile.open(sources) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"Makefile", "benchmarks/__init__.py", "hatch_build.py", "tests/conftest.py"} <= names
    assert {"examples/digits.yaml", "docs/neurons.md"} <= names


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the tag is that of glibc")
def test_its_tag_is_one_that_package_indexes_take(wheel):
    tag = re.fullmatch(rf"spareto-.+-py3-none-manylinux_2_(\d+)_{platform.machine()}\.whl", wheel.name)
    assert tag, wheel.name
    assert 17 <= int(tag.group(1)) <= int(platform.libc_ver()[1].split(".")[1])


def test_its_description_has_no_link_that_an_index_cannot_follow(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        about = message_from_bytes(archive.read(name))
    targets = re.findall(r"\]\(([^)]*)\)", about.get_payload())
    assert about["Description-Content-Type"] == "text/markdown"
    assert targets
    assert [target for target in targets if not target.startswith("https://")] == []
    assert "spareto.energy(my_model, " in about.get_payload()


def test_it_carries_a_small_library_an_instruction_set(wheel):
    with zipfile.ZipFile(wheel) as archive:
        found = {Path(i.filename).name: i.file_size for i in archive.infolist() if "/lib/" in i.filename}
    kits = (build.KERNELS, build.RUNTIME)
    libraries = {build.file_name(level, kit) for level in build.levels() for kit in kits}
    assert set(found) == libraries | {name + build.DIGEST for name in libraries}
    assert max(found.values()) <= 10**6


def test_unpacked_without_a_compiler_it_runs_its_library(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = "import spareto; from spareto.kernels import backend; print(spareto.__file__, backend())"
    nothing = {"CC": "", "PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    nothing |= {"PYTHONPATH": str(tmp_path), "SPARETO_KERNELS": "", "SPARETO_ISA": ""}
    out, err = python("-c", code, folder=tmp_path, **nothing)
    assert out == f"{tmp_path / 'spareto' / '__init__.py'} c"
    assert err == ""
