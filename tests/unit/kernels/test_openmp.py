"""The library finds an OpenMP runtime where the system has none: torch's own, whatever it is called."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from spareto.kernels import library
from spareto.native import build

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or library.backend() != "c" or build.compiler() is None,
    reason="the C kernels are not compiled here by GCC",
)

# a process without torch, in which the loader runs as in the package
SCRIPT = """
import ctypes, sys, types
from pathlib import Path

package = types.ModuleType("spareto.kernels")
package.__path__ = [sys.argv[1]]
sys.modules["spareto.kernels"] = package
from spareto.kernels import library

try:
    ctypes.CDLL(sys.argv[2])
    print("it needs nothing")
except OSError as error:
    print("undefined symbol: GOMP_" in str(error) or "undefined symbol: omp_" in str(error))
words, total = (ctypes.c_uint64 * 4096)(*[3] * 4096), ctypes.c_int64()
count = library._opened(Path(sys.argv[2])).spareto_count
count(words, ctypes.byref(total), ctypes.c_int64(4096), ctypes.c_int(2))
print(total.value)
print(sys.argv[3] in Path("/proc/self/maps").read_text())
"""


@pytest.fixture(scope="module")
def compiled():
    path = library.library_file(library.level())
    if b"GOMP_parallel" not in path.read_bytes():
        pytest.skip("compiled without OpenMP, or by another compiler")
    return path


def loaded(path, folder):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(Path(library.__file__).parent), str(path), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{folder}:{Path(library.__file__).parents[2]}"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def test_it_names_no_runtime(compiled):
    assert b"libgomp" not in compiled.read_bytes()


@pytest.mark.parametrize("where", ["torch/lib/libgomp.so.1", "torch/lib/libgomp-a34b3233.so.1",
                                   "torch.libs/libgomp-804f19d4.so.1.0.0"])  # fmt: skip
def test_it_takes_that_of_torch(compiled, where, tmp_path):
    """As wheels of torch have carried it over the years; none of these names is known to the system."""
    spec = find_spec("torch")
    bundled = [f for at in spec.submodule_search_locations for f in Path(at).glob("lib/libgomp*")]
    if not bundled:
        pytest.skip("this torch carries no runtime")
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").touch()
    (tmp_path / where).parent.mkdir(exist_ok=True)
    shutil.copy(bundled[0], tmp_path / where)
    assert loaded(compiled, tmp_path) == ["True", "8192", "True"]
