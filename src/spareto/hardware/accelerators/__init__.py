"""The accelerators that come with spareto: one YAML each, every number with unit and source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

from spareto.core.arguments import of_kind
from spareto.core.config import load_data, load_keys
from spareto.core.errors import ConfigError, Problem, UnknownName, did_you_mean, one_of
from spareto.core.text import shown
from spareto.hardware import engines
from spareto.hardware.describing import estimates
from spareto.hardware.describing.chip import Chip
from spareto.hardware.describing.estimates import overridden, resolved

_FOLDER = Path(__file__).parent
_PARTS = Path(estimates.__file__).with_name("parts.yaml")

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
    """What the description of a name or of a file says, as plain data; what it is `like` is filled in.

    Raises:
        UnknownName: It is neither a name nor looks like a file, or is like nothing that comes with spareto.
        ConfigError: The file is missing or is no YAML or JSON, or changes a part that is not there.
    """
    if text in names():
        return _filled(load_data(_FOLDER / f"{text}.yaml"))
    if Path(text).suffix in {".yaml", ".yml", ".json"} or "/" in text:
        return _filled(load_keys(Path(text)))
    cure = did_you_mean(text, names()) or "Or give the path of a YAML file."
    raise UnknownName(Problem("accelerator", repr(text), one_of(names()), cure))


def _filled(given: Mapping[str, Any]) -> dict[str, Any]:
    """A description with the accelerator that it is like, but for what it changes; or with usual parts."""
    if "like" in given:
        base = _like(given, names(), "accelerator")
        own = {key: value for key, value in given.items() if key != "like"}
        return overridden(described(base), own, "accelerator")
    parts = given.get("components")
    if not isinstance(parts, list):
        return {**given}
    places = enumerate(cast("list[Any]", parts))
    return {
        **given,
        "components": [_part(part, f"accelerator.components[{place}]") for place, part in places],
    }


def _part(part: Any, where: str) -> Any:
    given = cast("Mapping[str, Any]", part) if isinstance(part, Mapping) else dict[str, Any]()
    if "like" not in given:
        return cast(Any, part)
    usual = load_data(_PARTS)
    own = {key: value for key, value in given.items() if key != "like"}
    return {**usual[_like(given, tuple(usual), where)], **own}


def _like(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> str:
    name = given["like"]
    if name not in known:
        raise UnknownName(Problem(f"{where}.like", shown(name), one_of(known), did_you_mean(name, known)))
    return name


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
    ConfigError.if_any(engine.problems(chip))
    return chip
