"""`python -m fuzz.sanitized COUNT [SEED]`, in `tests/`: packages, EVT files under AddressSanitizer and UBSan.

Mutated files are read, and packages run where they can be read.
The library is compiled with both by gcc, into a folder of its own; a report of either ends the run.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from spareto.native import build

SANITIZED = "gcc -fsanitize=address,undefined -fno-sanitize-recover=all"
LEVEL = "portable"
READERS = ("package", "package manifest", "package codes", "evt2", "evt3")


def library(cache: Path) -> None:
    """Compile the engine where `native.machine` looks for it."""
    os.environ["CC"] = SANITIZED
    target = cache / "spareto" / "kernels" / build.file_name(LEVEL, build.RUNTIME)
    target.parent.mkdir(parents=True, mode=0o700)
    build.compile_library(LEVEL, target, build.RUNTIME)
    target.with_name(target.name + build.DIGEST).write_text(build.digest(target.read_bytes()))


def main(*arguments: str) -> int:
    """Compile, then fuzz in a process of its own; its exit status."""
    runtime = subprocess.run(
        ["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="spareto-sanitized-") as folder:
        library(Path(folder))
        environment = {
            **os.environ,
            "XDG_CACHE_HOME": folder,
            "SPARETO_ISA": LEVEL,
            "SPARETO_KERNELS": "torch",
            "LD_PRELOAD": runtime,
            "ASAN_OPTIONS": "detect_leaks=0",
        }
        count, *seed = arguments or ("200000",)
        call = [sys.executable, "-W", "ignore", "-m", "fuzz.run", count, *(seed or ["0"]), *READERS]
        return subprocess.run(call, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
