"""Test vectors, replayed on everything here that runs integer networks."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np

from spareto.core.errors import Problem, SparetoError, StoreError
from spareto.core.scratch import scratch_folder
from spareto.export.c99 import C99
from spareto.integer import IntegerNetwork, Reference, bounds
from spareto.integer.network import Ints
from spareto.package import Package, read_package
from spareto.runtime import Engine, kernels

STRICT: Final = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2")
SECONDS: Final = 600


Runner = Callable[[Ints], list[Ints]]
"""Frames (time, channels, height, width) to the outputs of every node, as the reference gives them."""

MakeRunner = Callable[[IntegerNetwork], Runner]


@dataclass(frozen=True)
class Replay:
    """What one engine did.

    Args:
        engine: Its name.
        agrees: Whether every layer's spikes are those of the vectors; None where it did not run.
        said: The same in words.
    """

    engine: str
    agrees: bool | None
    said: str


def replay(package: Path, more: Mapping[str, MakeRunner] | None = None) -> list[Replay]:
    """Replay a package's vectors on every engine here, the C99 export by every compiler included.

    Args:
        package: The package.
        more: Further engines by name: each makes, of a network, what `_engines` gives.

    Raises:
        StoreError: The package cannot be read, or carries no vectors.
    """
    found = read_package(package)
    if found.vectors is None:
        cure = "Lower it again with --data."
        raise StoreError(Problem(str(package), "no test vectors", "a package that carries some", cure))
    further = ((name, make(found.network)) for name, make in (more or {}).items())
    return [_replayed(name, run, found) for name, run in chain(_engines(found.network), further)]


def _engines(network: IntegerNetwork) -> Iterator[tuple[str, Runner | str]]:
    """Name and way of every engine: frames of one recording to the outputs of every node."""
    yield "numpy reference", lambda frames: [o[:, 0] for o in Reference(network).run(frames[:, None])]
    if kernels.engine() == "c":
        engine = Engine(network, kernels_on="c")
        yield "C engine", lambda frames: engine.session().outputs(frames)
    else:
        yield "C engine", "not here"
    for compiler in ("gcc", "clang"):
        if shutil.which(compiler) is None:
            yield f"C99 by {compiler}", "no such compiler here"
        else:
            with compiled_c99(network, compiler) as run:
                yield f"C99 by {compiler}", run


def _replayed(name: str, run: Runner | str, package: Package) -> Replay:
    vectors = package.vectors
    assert vectors is not None
    if isinstance(run, str):
        return Replay(name, None, f"not run: {run}")
    count = vectors.frames.shape[1]
    for recording in range(count):
        try:
            outputs = run(vectors.frames[:, recording].astype(np.int64))
        except SparetoError as error:
            return Replay(name, False, f"failed: {error}")
        for node, ours, expected in zip(package.network.nodes, outputs, vectors.outputs, strict=True):
            wrong = int((ours != expected[:, recording]).sum())
            if wrong:
                said = f"differs: {wrong} values of '{node.name}' in recording {recording}"
                return Replay(name, False, said)
    return Replay(name, True, f"agrees on {count} recordings, every layer")


@contextmanager
def compiled_c99(network: IntegerNetwork, compiler: str) -> Generator[Runner]:
    """The exported C99, compiled here: a way to run frames of one recording after the other.

    Args:
        network: The network.
        compiler: `gcc` or `clang`, found on the path.

    Raises:
        SparetoError: It does not compile; or, when it runs, ends with an error.
    """
    with scratch_folder() as name:
        folder = Path(name)
        C99().write(network, folder)
        sources = [str(folder / source) for source in ("network.c", "spareto.c", "verify.c")]
        program = folder / "verify"
        _called([compiler, *STRICT, "-o", str(program), *sources], b"")

        def run(frames: Ints) -> list[Ints]:
            written = _called([str(program)], frames.astype(np.uint8).tobytes())
            return _parted(network, written, len(frames))

        yield run


def _called(command: list[str], content: bytes) -> bytes:
    done = subprocess.run(command, input=content, capture_output=True, check=False, timeout=SECONDS)
    if done.returncode:
        raise SparetoError(f"'{Path(command[0]).name}' failed: {done.stderr.decode(errors='replace')[-400:]}")
    return done.stdout


def _parted(network: IntegerNetwork, written: bytes, timesteps: int) -> list[Ints]:
    """Wires of every node, (time, channels, height, width), out of what `verify.c` writes."""
    steps = network.timesteps or 1
    found: list[list[Any]] = [[] for _ in network.nodes]
    kinds = [np.int32 if bound.output > 255 else np.uint8 for bound in bounds(network)]
    at = 0
    for _ in range(timesteps // steps):
        for number, ((channels, height, width), kind) in enumerate(zip(network.shapes(), kinds, strict=True)):
            count = steps * channels * height * width
            wire = np.frombuffer(written, kind, count, at).reshape(steps, height, width, channels)
            found[number].append(wire.transpose(0, 3, 1, 2).astype(np.int64))
            at += count * np.dtype(kind).itemsize
    return [np.concatenate(parts) for parts in found]
