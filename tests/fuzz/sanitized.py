"""`python -m fuzz.sanitized COUNT [SEED [LEVEL]]`, in `tests/`: packages, EVT files under ASan and UBSan.

Mutated files are read, and packages run where they can be read.
The library is compiled with both by gcc into a folder of its own. It is for an instruction set, by default
the fastest of this processor. A report of either ends the run.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from spareto.native import build, machine

SANITIZED = "gcc -fsanitize=address,undefined -fno-sanitize-recover=all"
READERS = ("package", "package manifest", "package codes", "evt2", "evt3")


def environment(cache: Path, level: str) -> dict[str, str]:
    """Compile the engine where `native.machine` looks for it; the variables of a process that runs it."""
    target = cache / "spareto" / "kernels" / build.file_name(level, build.RUNTIME)
    target.parent.mkdir(parents=True, mode=0o700)
    build.compile_library(level, target, build.RUNTIME)
    target.with_name(target.name + build.DIGEST).write_text(build.digest(target.read_bytes()))
    call = ["gcc", "-print-file-name=libasan.so"]
    runtime = subprocess.run(call, capture_output=True, text=True, check=True).stdout.strip()
    return {
        **os.environ,
        "XDG_CACHE_HOME": str(cache),
        "SPARETO_ISA": level,
        "SPARETO_KERNELS": "torch",
        "LD_PRELOAD": runtime,
        "ASAN_OPTIONS": "detect_leaks=0",
    }


def main(count: str = "200000", seed: str = "0", level: str = "") -> int:
    """Compile, then fuzz in a process of its own; its exit status."""
    os.environ["CC"] = SANITIZED
    with tempfile.TemporaryDirectory(prefix="spareto-sanitized-") as folder:
        variables = environment(Path(folder), level or machine.level())
        call = [sys.executable, "-W", "ignore", "-m", "fuzz.run", count, seed, *READERS]
        return subprocess.run(call, env=variables, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
