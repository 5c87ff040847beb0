"""Compile C sources into one shared library an instruction set: seconds, a C compiler, nothing else.

Imports the standard library only: the install hook loads this file by its path before spareto is installed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Kit:
    """The sources of one library.

    Args:
        name: How the library's file name begins.
        sources: Folder of the `.c` and `.h` files.
        shipped: Folder of the compiled libraries that an installed wheel carries.
        openmp: Whether its loops are threaded by OpenMP.
        headers: Further folder of headers that they include.
    """

    name: str
    sources: Path
    shipped: Path
    openmp: bool
    headers: Path | None = None


_ROOMS: Final = Path(__file__).parents[1]
KERNELS: Kit = Kit("spareto", _ROOMS / "kernels" / "csrc", _ROOMS / "kernels" / "lib", openmp=True)
RUNTIME: Kit = Kit(
    "spareto-runtime",
    _ROOMS / "runtime" / "csrc",
    _ROOMS / "runtime" / "lib",
    openmp=False,
    headers=KERNELS.sources,
)

LEVELS: Final[dict[str, tuple[str, ...]]] = {
    "avx512": ("-march=x86-64-v4",),
    "avx2": ("-march=x86-64-v3",),
    "portable": (),  # SSE2 on x86-64, NEON on 64-bit Arm: what every such machine has
}
FLAGS: Final = (
    *("-std=gnu11", "-O3", "-fPIC", "-fvisibility=hidden", "-Wno-unknown-pragmas"),
    *("-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"),  # sums round as torch's do
)
OPENMP: Final = "-fopenmp"
LINK: Final = ("-shared", *(("-s",) if sys.platform == "linux" else ()))  # -s: without the symbol table
SECONDS: Final = 300
OBJECTS: Final = ".spareto-objects-"
"""How the names of folders begin that hold a compilation under way."""
DIGEST: Final = ".sha256"
"""What the name of a library's content hash adds to that of the library beside it."""


class CompileError(Exception):
    """The kernels could not be compiled; says why."""


def levels() -> tuple[str, ...]:
    """Instruction sets worth compiling for on this kind of machine, the fastest first."""
    return tuple(LEVELS) if platform.machine().lower() in ("x86_64", "amd64") else ("portable",)


def compiler() -> tuple[str, ...] | None:
    """Command of the C compiler: `CC`, else the first of cc, gcc, clang; None if there is none.

    Raises:
        CompileError: `CC` is set to something that is no command.
    """
    for command in (_wanted(), ("cc",), ("gcc",), ("clang",)):
        if command and shutil.which(command[0]):
            return command
    return None


def _wanted() -> tuple[str, ...]:
    """Words of `CC`, flags included.

    Raises:
        CompileError: They are no words, or the first names no program.
    """
    text = os.environ.get("CC", "")
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise CompileError(f"CC is {text!r}, which is no command: {error}") from None
    if words and not shutil.which(words[0]):
        raise CompileError(f"CC is {text!r}, and there is no program '{words[0]}'")
    return words


def source_hash(level: str, kit: Kit | None = None) -> str:
    """What a library's name carries, so that one of other sources or flags is never loaded."""
    content = hashlib.sha256(repr((FLAGS, OPENMP, LINK, LEVELS[level])).encode())
    kit = kit or KERNELS
    headers = [] if kit.headers is None else sorted(kit.headers.glob("*.h"))
    for path in (*sorted(kit.sources.glob("*.[ch]")), *headers):
        content.update(path.name.encode())
        content.update(path.read_bytes())
    return content.hexdigest()[:16]


def file_name(level: str, kit: Kit | None = None) -> str:
    """Name of the library of these sources for this platform."""
    kit = kit or KERNELS
    return f"{kit.name}-{sys.platform}-{platform.machine().lower()}-{level}-{source_hash(level, kit)}.so"


def compile_library(level: str, target: Path, kit: Kit | None = None) -> None:
    """Compile all sources into `target`, with OpenMP where the kit wants it and the compiler has it.

    Raises:
        CompileError: There is no compiler, it refused the sources, or this is Windows.
    """
    if sys.platform == "win32":
        raise CompileError("they have no Windows build")
    command = compiler()
    if command is None:
        raise CompileError("no C compiler (cc, gcc or clang) was found")
    kit, complaint = kit or KERNELS, None
    for threads in ((OPENMP,), ()) if kit.openmp else ((),):
        try:
            return _compile((*command, *FLAGS, *LEVELS[level], *threads), kit.sources, target)
        except CompileError as error:
            complaint = complaint or error
    assert complaint is not None
    raise complaint


def _compile(command: tuple[str, ...], folder_of_sources: Path, target: Path) -> None:
    """One object a source, as many at once as there are processors, then the library of them all."""
    from concurrent.futures import ThreadPoolExecutor  # a library that is there needs no import of it

    sources = sorted(folder_of_sources.glob("*.c"))
    scratch = tempfile.TemporaryDirectory(dir=target.parent, prefix=OBJECTS, ignore_cleanup_errors=True)
    with scratch as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = [str(Path(folder) / f"{source.stem}.o") for source in sources]
        calls = [
            pool.submit(_run, (*command, "-c", str(source), "-o", made))
            for source, made in zip(sources, objects, strict=True)
        ]
        for call in calls:
            call.result()
        _run((*_linker(command, objects), *LINK, *objects, "-o", str(target), "-lm"))


def _linker(command: tuple[str, ...], objects: list[str]) -> tuple[str, ...]:
    """On Linux GCC's library names no OpenMP runtime, but calls that of torch, which is always there.

    Slim machines have no other, and two would each start threads. Clang's calls only its own runtime answers.
    """
    clang = any(b"__kmpc_" in Path(made).read_bytes() for made in objects)
    keep = clang or sys.platform != "linux"
    return command if keep else tuple(part for part in command if part != OPENMP)


def _run(call: tuple[str, ...]) -> None:
    try:
        done = subprocess.run(
            call, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=SECONDS
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise CompileError(f"'{call[0]}' did not run: {error}") from None
    if done.returncode != 0:
        raise CompileError(f"'{call[0]}' failed: {last_line(done.stderr)}")
    if (made := Path(call[call.index("-o") + 1])).is_file() is False:
        raise CompileError(f"'{call[0]}' says that all is well, but made no {made.suffix} file")


def last_line(output: bytes) -> str:
    """The last line a program wrote, whatever its encoding, without control characters, shortened."""
    lines = output.decode("utf-8", errors="replace").split("\n")
    shown = ("".join(c if c.isprintable() else " " for c in line).strip() for line in reversed(lines))
    return next((line[:200] for line in shown if line), "no message")


def digest(content: bytes) -> str:
    """What stands in the file beside a library, so that a damaged one is never loaded."""
    return hashlib.sha256(content).hexdigest()


def build_all(folder: Path, kit: Kit | None = None) -> list[Path]:
    """Compile every level for this machine into `folder`; what an installed wheel carries.

    Raises:
        CompileError: There is no compiler, or it refused the sources.
    """
    folder.mkdir(parents=True, exist_ok=True)
    built: list[Path] = []
    for level in levels():
        target = folder / file_name(level, kit)
        if not target.exists():
            compile_library(level, target, kit)
        target.with_name(target.name + DIGEST).write_text(digest(target.read_bytes()), encoding="ascii")
        built.append(target)
    return built
