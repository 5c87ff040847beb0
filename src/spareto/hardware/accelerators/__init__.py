"""The accelerators that come with spareto: one YAML each, every number with unit and source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

from spareto.core.arguments import of_kind
from spareto.core.config import load_data, load_keys
from spareto.core.errors import ConfigError, Problem, UnknownName, did_you_mean, one_of
from spareto.hardware import engines
from spareto.hardware.describing.chip import Chip
from spareto.hardware.describing.estimates import overridden, resolved

_FOLDER = Path(__file__).parent

AnyChip: TypeAlias = Chip | str | Path
"""What a caller may name an accelerator by."""


def names() -> tuple[str, ...]:
    """Names of the accelerators that come with spareto, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def load_accelerator(name_or_path: str | Path, overrides: str | Path | None = None) -> Chip:
    """Read an accelerator by its name, or from a YAML or JSON file of one's own.

    Args:
        name_or_path: Name or file.
        overrides: A file that says only what is to be different: `components: {dram: {read_energy: ...}}`.

    Raises:
        UnknownName: It is neither a name nor looks like a file, or an estimate names no table.
        ConfigError: A file is missing or breaks a rule; every problem is listed.
    """
    data = described(str(name_or_path))
    if overrides is not None:
        data = overridden(data, load_keys(overrides), "accelerator")
    return parse_accelerator(data)


def chip_of(accelerator: AnyChip, where: str = "accelerator") -> Chip:
    """An accelerator that is given as it is, by its name, or as a file; see `load_accelerator`.

    Args:
        accelerator: The chip, its name or its file.
        where: What the caller calls it.

    Raises:
        ConfigError: It is none of these.
    """
    if isinstance(accelerator, str | Path):
        return load_accelerator(accelerator)
    return of_kind(accelerator, Chip, where, "a name, a YAML file, or what load_accelerator gives")


def described(text: str) -> Any:
    """What the description of a name or of a file says, as plain data.

    Raises:
        UnknownName: It is neither a name nor looks like a file.
        ConfigError: The file is missing or is no YAML or JSON.
    """
    if text in names():
        return load_data(_FOLDER / f"{text}.yaml")
    if Path(text).suffix in {".yaml", ".yml", ".json"} or "/" in text:
        return load_keys(Path(text))
    cure = did_you_mean(text, names()) or "Or give the path of a YAML file."
    raise UnknownName(Problem("accelerator", repr(text), one_of(names()), cure))


def parse_accelerator(data: Any) -> Chip:
    """Build an accelerator of the kind that `data` names; an array if it names none.

    Raises:
        ConfigError: It breaks a rule; every problem is listed.
    """
    data = resolved(data, "accelerator")
    given = cast("Mapping[str, Any]", data) if isinstance(data, Mapping) else dict[str, Any]()
    kind, known = str(given.get("kind", "array")), engines.registry.names()
    if kind not in known:
        cure = did_you_mean(kind, known)
        raise ConfigError(Problem("accelerator.kind", repr(kind), one_of(known), cure))
    engine = engines.registry.make(kind)
    chip = engine.schema.parse(data, "accelerator")
    if problems := engine.problems(chip):
        raise ConfigError(problems)
    return chip
