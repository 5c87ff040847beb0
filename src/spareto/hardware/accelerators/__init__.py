"""The accelerators that come with spareto: one YAML each, every number with unit and source."""

from __future__ import annotations

from pathlib import Path

from spareto.core.errors import Problem, UnknownName, did_you_mean, one_of
from spareto.hardware.accelerator import Accelerator, check

_FOLDER = Path(__file__).parent


def names() -> tuple[str, ...]:
    """Names of the accelerators that come with spareto, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def load_accelerator(name_or_path: str | Path) -> Accelerator:
    """Read an accelerator by its name, or from a YAML or JSON file of one's own.

    Raises:
        UnknownName: It is neither a name nor looks like a file.
        ConfigError: The file is missing or breaks a rule; every problem is listed.
    """
    text = str(name_or_path)
    if text in names():
        return check(Accelerator.load(_FOLDER / f"{text}.yaml"))
    if Path(text).suffix in {".yaml", ".yml", ".json"} or "/" in text:
        return check(Accelerator.load(Path(text)))
    cure = did_you_mean(text, names()) or "Or give the path of a YAML file."
    raise UnknownName(Problem("accelerator", repr(text), one_of(names()), cure))
