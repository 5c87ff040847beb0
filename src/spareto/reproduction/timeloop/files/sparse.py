"""Sparse optimizations of Sparseloop: formats, accesses that are gated or skipped, skipping by position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

from spareto.core.errors import ConfigError, Problem, one_of
from spareto.hardware.describing.problem import TensorName
from spareto.reproduction.timeloop.files.names import Names
from spareto.reproduction.timeloop.files.plain import TAG, as_list, as_mapping, load, number, section
from spareto.reproduction.timeloop.sparse_runs import (
    FormatEntry,
    Kind,
    Misaligned,
    Rank,
    SavingEntry,
    SparseRun,
)

_KINDS: Final[dict[str, Kind]] = {"gating": "gate", "skipping": "skip"}
_COMPUTING: Final[dict[str, Misaligned]] = {"gating": "gate", "skipping": "skip"}
_POSITION: Final = "position_skipping"
_NOT_COSTED: Final = ("rank_application_order", "name", "ranks", "compression_rate")
_RANK_KEYS: Final = ("format", "metadata_word_bits", "payload_word_bits", "flattened_rankids")


def read_sparse(path: str | Path) -> dict[str, Any]:
    """What a file says of each level, as the level's own node would say it.

    Raises:
        ConfigError: It cannot be read, or names no target.
    """
    where = f"{path}: sparse_optimizations"
    data = as_mapping(section(load(path), "sparse_optimizations", str(path)), where)
    targets = [as_mapping(each, where) for each in as_list(section(data, "targets", where), where)]
    return {str(section(each, "name", where)): each for each in targets}


@dataclass
class _Found:
    formats: list[FormatEntry] = field(default_factory=list[FormatEntry])
    savings: list[SavingEntry] = field(default_factory=list[SavingEntry])
    positions: list[TensorName] = field(default_factory=list[TensorName])
    misaligned: Misaligned = "compute"
    problems: list[Problem] = field(default_factory=list[Problem])


def sparse_run(said: Mapping[str, Any], names: Names, compute: str, where: str) -> SparseRun | None:
    """The optimizations of all levels in the terms of the accounting; None if there are none.

    Args:
        said: What is said of each level.
        names: Names of the problem.
        compute: Name of the compute units.
        where: Place of it, for the messages.

    Raises:
        ConfigError: Lists everything our model cannot express.
    """
    found = _Found()
    for level, entry in said.items():
        _level(level, _snake(entry), names, compute, found, f"{where} '{level}'")
    if found.problems:
        raise ConfigError(found.problems)
    if not said:
        return None
    return SparseRun(
        formats=tuple(found.formats),
        savings=tuple(found.savings),
        positions=tuple(dict.fromkeys(found.positions)),
        worth_up_to=1.0,
        misaligned=found.misaligned,
    )


def _snake(value: Any) -> Any:
    """The same data with underscores in its keys, whichever version wrote it."""
    if isinstance(value, Mapping):
        given = cast("Mapping[Any, Any]", value)
        return {str(key).replace("-", "_").lower(): _snake(each) for key, each in given.items() if key != TAG}
    if isinstance(value, list):
        return [_snake(each) for each in cast("list[Any]", value)]
    return value


def _level(
    level: str, entry: Mapping[str, Any], names: Names, compute: str, found: _Found, where: str
) -> None:
    known = ("name", "representation_format", "compression", "action_optimization", "compute_optimization")
    for key in entry:
        if key not in known:
            found.problems.append(Problem(where, f"'{key}'", one_of(known[1:])))
    stored = as_mapping(entry.get("representation_format", entry.get("compression")), where)
    for space in as_list(stored.get("data_spaces"), where):
        given = as_mapping(space, where)
        if format_entry := _format(level, given, names, found, f"{where} '{given.get('name')}'"):
            found.formats.append(format_entry)
    for action in as_list(entry.get("action_optimization"), where):
        for option in _options(as_mapping(action, where), found, where):
            _action(level, option, names, found, where)
    computing = [as_mapping(each, where) for each in as_list(entry.get("compute_optimization"), where)]
    if computing and level != compute:
        found.problems.append(Problem(where, "'compute_optimization'", f"it at '{compute}'"))
    for each in computing:
        kind = "gating" if each.get("zero_gating") is True else str(each.get("type"))
        if kind not in _COMPUTING:
            found.problems.append(Problem(f"{where}.compute_optimization", kind, one_of(_COMPUTING)))
        else:
            found.misaligned = _COMPUTING[kind]


def _format(
    level: str, space: Mapping[str, Any], names: Names, found: _Found, where: str
) -> FormatEntry | None:
    """The leaf rank, and the one rank above it that takes room."""
    tensors = names.tensors([section(space, "name", where)], where)
    ranks = [as_mapping(each, where) for each in as_list(section(space, "ranks", where), where)]
    for key in space:
        if key not in _NOT_COSTED:
            found.problems.append(Problem(where, f"'{key}'", one_of(_NOT_COSTED)))
    for rank in ranks:
        unknown = [key for key in rank if key not in _RANK_KEYS]
        if unknown or str(rank.get("format")).upper() not in get_args(Rank):
            got = f"'{unknown[0]}'" if unknown else f"the format {rank.get('format')!r}"
            rule = one_of(_RANK_KEYS) if unknown else one_of(get_args(Rank))
            found.problems.append(Problem(where, got, rule))
            return None
    if not ranks or float(space.get("compression_rate", 1)) != 1:
        got = "no ranks" if not ranks else f"the compression rate {space['compression_rate']}"
        found.problems.append(Problem(where, got, "ranks that are compressed as a whole"))
        return None
    upper = [rank for rank in ranks[:-1] if _takes_room(rank, where)]
    kinds = [str(rank["format"]).upper() for rank in upper]
    if len(upper) > 1 or any(kind != "UOP" for kind in kinds):
        got = f"the upper ranks {', '.join(kinds)}, which take room"
        rule = "at most one, of offsets (UOP); others with payload_word_bits and metadata_word_bits 0"
        found.problems.append(Problem(where, got, rule))
        return None
    leaf = cast(Rank, str(ranks[-1]["format"]).upper())
    bits = _bits(ranks[-1], "metadata_word_bits", where)
    if leaf == "UB":
        bits = None  # always the level's own metadata word
    elif leaf == "B" and bits is None:
        bits = 1
    offset = _bits(upper[0], "payload_word_bits", where) if upper else None
    return FormatEntry(
        level=level,
        tensors=tensors,
        ranks=(*(("UOP",) if upper else ()), leaf),
        bits=bits,
        offset_bits=offset,
    )


def _takes_room(rank: Mapping[str, Any], where: str) -> bool:
    """Offsets have payloads; bitmasks, run lengths and coordinates have metadata, and may have payloads."""
    payload, metadata = (_bits(rank, key, where) for key in ("payload_word_bits", "metadata_word_bits"))
    if str(rank["format"]).upper() == "UOP":
        return payload != 0
    return metadata != 0 or bool(payload)


def _bits(rank: Mapping[str, Any], key: str, where: str) -> int | None:
    if rank.get(key) is None:
        return None
    return int(number(rank[key], f"{where}.{key}", whole=True))


def _options(action: Mapping[str, Any], found: _Found, where: str) -> Iterator[Mapping[str, Any]]:
    """What an action does, once; a choice between directions is left to the tool."""
    where = f"{where}.action_optimization"
    kind = str(action.get("type")).replace("-", "_")
    listed = as_list(action.get("options"), where)
    if len(listed) > 1:
        found.problems.append(Problem(where, f"a choice of {len(listed)} options", "one"))
        return
    option = as_mapping(listed[0], where) if listed else action
    if kind not in (*_KINDS, _POSITION):
        known = ("gating", "skipping", "position-skipping")
        found.problems.append(Problem(f"{where}.type", repr(action.get("type")), one_of(known)))
        return
    yield {"kind": kind, "target": option.get("target"), "condition_on": option.get("condition_on")}


def _action(level: str, option: Mapping[str, Any], names: Names, found: _Found, where: str) -> None:
    where = f"{where}.action_optimization"
    target = names.tensors([option["target"]], f"{where}.target")[0]
    on = names.tensors(option["condition_on"], f"{where}.condition_on")
    if option["kind"] == _POSITION:
        stored = any(each.level == level and target in each.tensors for each in found.formats)
        if on or not stored:
            got = f"'{option['target']}' by position" + (" and on a condition" if on else ", stored plainly")
            found.problems.append(
                Problem(where, got, "a tensor that the level compresses, by position alone")
            )
        found.positions.append(target)
    elif not on or target in on:
        got = f"'{option['target']}' on {'itself' if on else 'nothing'}"
        found.problems.append(Problem(f"{where}.condition_on", got, "other data spaces"))
    else:
        kind: Literal["gate", "skip"] = _KINDS[option["kind"]]
        found.savings.append(SavingEntry(level=level, tensor=target, kind=kind, on=on))
