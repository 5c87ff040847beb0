"""Energy reference tables of Accelergy: tables by name (0.2), and lists of actions (0.3, 0.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from spareto.core.errors import ConfigError, Problem, one_of
from spareto.reproduction.timeloop.files.plain import as_list, as_mapping, load, number, ranged, section

Actions = Mapping[str, float]  # picojoules by action
READ: Final = ("random_read", "read")  # the first that is there counts, as in the tools
WRITE: Final = ("random_fill", "random_write", "fill", "write", "update")
UPDATE: Final = ("random_update", "random_write", "update", "write")
GATED_READ: Final = ("gated_read",)
GATED_WRITE: Final = ("gated_update", "gated_write", "gated_fill")  # only updates are gated
METADATA_READ: Final = ("random_metadata_read", "metadata_read")
METADATA_WRITE: Final = ("random_metadata_write", "metadata_write", "metadata_update", "metadata_fill")
LEAK: Final = ("leak",)
DECOMPRESS: Final = ("decompression_count", "decompression", "decompress")
COMPRESS: Final = ("compression_count", "compression", "compress")
GATED_COMPUTE: Final = ("gated_compute", "mac_gated")
COMPUTE: Final = ("compute", "mac_random", "mac", "multiply", "mult", "random_compute")


def read_energies(path: str | Path) -> dict[str, Actions]:
    """Energies of every component by its own name, without the path to it.

    Where an action has several energies by what changes, that of random addresses and data is taken. A
    summary of the tables will do.

    Raises:
        ConfigError: The file cannot be read or has no tables.
    """
    data = load(path)
    key, inside = ("ERT", "tables") if "ERT_summary" not in data else ("ERT_summary", "table_summary")
    where = f"{path}: {key}"
    tables = section(as_mapping(section(data, key, str(path)), where), inside, where)
    found: dict[str, Actions] = {}
    for name, actions in _tables(tables, where):
        own, _ = ranged(name.rsplit(".", 1)[-1] if "[" not in name else _last(name), where)
        found[own] = dict(_actions(actions, f"{where} '{own}'"))
    return found


def energy(actions: Actions, names: tuple[str, ...], where: str, missing: float | None = None) -> float:
    """The first of some actions; `missing` where none is there.

    Raises:
        ConfigError: None of them is there, and one is needed.
    """
    for name in names:
        if name in actions:
            return actions[name]
    if missing is not None:
        return missing
    raise ConfigError(Problem(where, f"the actions {', '.join(actions) or 'none'}", one_of(names)))


def _last(name: str) -> str:
    """The last part of a path whose parts may carry ranges: `System.PE[0..15].mac[1..16]`."""
    depth, start = 0, 0
    for place, letter in enumerate(name):
        depth += (letter == "[") - (letter == "]")
        if letter == "." and depth == 0:
            start = place + 1
    return name[start:]


def _tables(tables: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(tables, Mapping):
        yield from as_mapping(tables, where).items()
        return
    for table in as_list(tables, where):
        given = as_mapping(table, where)
        yield str(section(given, "name", where)), section(given, "actions", where)


def _actions(actions: Any, where: str) -> Iterator[tuple[str, float]]:
    if isinstance(actions, Mapping):
        items = list(as_mapping(actions, where).items())
    else:
        given = [as_mapping(each, where) for each in as_list(actions, where)]
        items = [(str(section(each, "name", where)), each) for each in given]
    for name, entry in items:
        entries: list[Any] = as_list(entry, where) if isinstance(entry, list) else [entry]
        energies = [
            number(section(as_mapping(each, where), "energy", where), f"{where}.{name}") for each in entries
        ]
        if not energies:
            raise ConfigError(Problem(f"{where}.{name}", "no energy", "one at least"))
        yield name, max(energies)
