"""Tables of energies and areas: one YAML each, with unit and source, read between and beside its points."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from spareto.core.config import Record
from spareto.core.errors import ConfigError, Problem, UnknownName, did_you_mean, one_of
from spareto.core.text import shown
from spareto.core.units import Node
from spareto.hardware.tables.laws import Law, Length, MeasuredPoints, Power, RegisterFile

_FOLDER = Path(__file__).parent

AnyLaw = Annotated[MeasuredPoints | Length | Power | RegisterFile, Field(discriminator="law")]


class Table(Record):
    """Values of one technology.

    Args:
        about: What they are the values of.
        technology: Process node.
        unit: Unit of every value.
        source: Where they come from, and what is assumed.
        laws: By action or part, how a value follows from sizes.
    """

    about: str
    technology: Node
    unit: str
    source: Annotated[str, Field(min_length=1)]
    laws: dict[str, AnyLaw]


def names() -> tuple[str, ...]:
    """Names of the tables that come with spareto, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def load_table(name_or_path: str) -> Table:
    """Read a table by its name, or from a YAML or JSON file of one's own.

    Raises:
        UnknownName: It is neither a name nor looks like a file.
        ConfigError: The file is missing or breaks a rule; every problem is listed.
    """
    if name_or_path in names():
        return Table.load(_FOLDER / f"{name_or_path}.yaml")
    if Path(name_or_path).suffix in {".yaml", ".yml", ".json"}:
        return Table.load(name_or_path)
    cure = did_you_mean(name_or_path, names()) or "Or give the path of a YAML file."
    raise UnknownName(Problem("table", shown(name_or_path), one_of(names()), cure))


def estimate(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A number with unit and source from a table.

    Args:
        given: `table`, `action`, and the sizes its law asks for: `bytes` and `width_bits`, `bits`, or `depth`
            and `width_bits`.
        where: Place of the estimate, for error messages.

    Returns:
        What a description would write itself: `value`, `unit`, `source`.

    Raises:
        ConfigError: A key is unknown or missing, or the table does not reach that far.
        UnknownName: No such table.
    """
    _require(where, given, ("table", "action"), optional=(*given,))
    table = load_table(str(given["table"]))
    action = str(given["action"])
    if action not in table.laws:
        cure = did_you_mean(action, tuple(table.laws))
        raise ConfigError(Problem(f"{where}.action", shown(action), one_of(table.laws), cure))
    law: Law = table.laws[action]
    sizes = {key: value for key, value in given.items() if key not in ("table", "action")}
    _require(where, sizes, law.sizes, optional=())
    _require_sizes(where, sizes)
    value = law.value_at(sizes, where)
    told = ", ".join(f"{key} {sizes[key]}" for key in law.sizes)
    return {
        "value": float(f"{value:.6g}"),
        "unit": table.unit,
        "source": f"{table.source}; {action} at {told}",
    }


def _require(
    where: str, given: Mapping[str, Any], needed: tuple[str, ...], optional: tuple[str, ...]
) -> None:
    problems = [
        Problem(f"{where}.{key}", "an unknown key", one_of(needed), did_you_mean(key, needed))
        for key in given
        if key not in needed and key not in optional
    ]
    problems += [
        Problem(f"{where}.{key}", "nothing", "a value", f"Add the key '{key}'.")
        for key in needed
        if key not in given
    ]
    ConfigError.if_any(problems)


def _require_sizes(where: str, sizes: Mapping[str, Any]) -> None:
    ConfigError.if_any(
        Problem(f"{where}.{key}", shown(size), "a number above 0")
        for key, size in sizes.items()
        if isinstance(size, bool) or not isinstance(size, (int, float)) or size <= 0
    )
