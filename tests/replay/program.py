"""Recorded calls made again by a program: compiled with any compiler, run natively or under an emulator."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from replay.recording import Call, Pointer
from spareto.native import build

DRIVER = Path(__file__).parent / "driver.c"
TYPES = {"p": ("void *", "(void *)"), "q": ("int64_t", ""), "i": ("int", "(int)")}


FAILING = "-Wl,--wrap=malloc,--wrap=calloc,--wrap=aligned_alloc"


def compiled(calls: list[Call], compiler: tuple[str, ...], folder: Path) -> Path:
    """The kernels and the driver as one program.

    With `FAILING` among the compiler's words, and `-DFAILING`, every allocation of every call fails once
    before the call is made for good.
    """
    (folder / "functions.h").write_text(_functions(calls))
    sources = [*sorted(build.KERNELS.sources.glob("*.c")), DRIVER]
    objects = [folder / f"{source.stem}.o" for source in sources]
    jobs = [
        (*compiler, *build.FLAGS, f"-I{folder}", "-c", str(source), "-o", str(made))
        for source, made in zip(sources, objects, strict=True)
    ]
    with ThreadPoolExecutor() as pool:
        list(pool.map(_run, jobs))
    program = folder / "replay"
    _run((*compiler, *map(str, objects), "-o", str(program), "-lm"))
    return program


def again(calls: list[Call], command: tuple[str, ...], folder: Path) -> Iterator[list[np.ndarray]]:
    """What each call's regions hold after `command`, given the calls and a place for the results, made it."""
    given, results = folder / "calls", folder / "results"
    with given.open("wb") as file:
        file.write(_numbers(len(calls)))
        order = sorted(_signatures(calls))
        for call in calls:
            file.write(_written(call, order.index(call.name)))
    _run((*command, str(given), str(results)))
    memory, at = np.fromfile(results, np.uint8), 0
    for call in calls:
        regions = []  # none where all tensors are empty
        for region in call.regions:
            regions.append(memory[at : at + len(region.before)])
            at += len(region.before)
        yield regions
    assert at == len(memory)


def _signatures(calls: list[Call]) -> dict[str, str]:
    return {call.name: call.signature for call in calls}


def _functions(calls: list[Call]) -> str:
    """A C function a kernel, which takes its arguments as an array."""
    text = []
    for place, (name, signature) in enumerate(sorted(_signatures(calls).items())):
        types = ", ".join(TYPES[letter][0] for letter in signature)
        values = ", ".join(f"{TYPES[letter][1]}a[{i}]" for i, letter in enumerate(signature))
        text += [
            f"int {name}({types});",
            f"static int f{place}(const int64_t *a) {{ return {name}({values}); }}",
        ]
    names = ", ".join(f"f{place}" for place in range(len(text) // 2))
    return "\n".join([*text, f"static int (*const functions[])(const int64_t *) = {{{names}}};", ""])


def _written(call: Call, function: int) -> bytes:
    parts = [_numbers(function, len(call.regions))]
    for region in call.regions:
        parts += [_numbers(len(region.before)), region.before.tobytes()]
    parts.append(_numbers(len(call.fixes)))
    parts += [_numbers(at.region, at.offset, to.region, to.offset) for at, to in call.fixes]
    parts.append(_numbers(len(call.arguments)))
    for given in call.arguments:
        parts.append(
            _numbers(given.region, given.offset) if isinstance(given, Pointer) else _numbers(-1, given)
        )
    parts.append(_numbers(call.status))
    return b"".join(parts)


def _numbers(*values: int) -> bytes:
    return np.array(values, "<i8").tobytes()


def _run(command: tuple[str, ...]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
