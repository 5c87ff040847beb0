"""Which code a trial was made by: what decides its numbers is part of its name in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from spareto.core.artifacts import fingerprint
from spareto.core.errors import ConfigError, Problem
from spareto.core.versions import versions

TRAINS: Final = (
    *("compression", "data", "frameworks", "kernels", "layers", "native", "networks", "neurons", "observing"),
    *("profiling", "pruners", "quantizers", "running", "training", "widths"),
    *("study/builders.py", "study/splits.py", "study/trials.py", "study/weights.py"),
)
"""What decides weights, accuracy, spikes and workloads. Records are data, which are hashed themselves."""
COSTS: Final = ("formats", "hardware", "integer")
"""What decides the cost of a workload: where it changes, stored trials are costed again."""

ROOT: Final = Path(__file__).parents[1]
SUFFIXES: Final = (".py", ".c", ".h")
TRAINED_BY: Final = "training_code"
"""The fact of a store that says which code its trials are from."""
UNNAMED: Final = "an older spareto that left no word of its code"


@cache
def training_code() -> str:
    """Fingerprint of the code, and of the libraries, that decide what a training gives."""
    names = {name: known.partition("+")[0] for name, known in versions().items() if name != "spareto"}
    return fingerprint([digest(TRAINS), names])  # without what builds are called: 2.13.0+cpu


@cache
def costing_code() -> str:
    """Fingerprint of the code that decides what a workload costs."""
    return digest(COSTS)


def digest(parts: Iterable[str], root: Path = ROOT) -> str:
    """SHA-256 of the sources below some folders or files, however their lines end."""
    found = hashlib.sha256()
    for part in sorted(parts):
        place = root / part
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.suffix in SUFFIXES:
                content = path.read_bytes().replace(b"\r\n", b"\n")
                found.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode() + content)
    return found.hexdigest()[:16]


def made_by() -> str:
    """The code of this process, for people."""
    words = ", ".join(f"{name} {version}" for name, version in versions().items())
    return f"{words} (code {training_code()})"


def refuse_other_code(expected: str) -> None:
    """Refuse to work for a study whose process runs other code.

    Raises:
        ConfigError: It does.
    """
    if training_code() != expected:
        cure = "Install the same versions on every machine, and leave them as they are while a study runs."
        rule = f"code {expected}, as the study's own process has"
        raise ConfigError(Problem("a worker", made_by(), rule, cure))
