"""Mappings and constraints: factors, loop orders, what is kept where."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any, Final

from spareto.core.errors import ConfigError, Problem, one_of
from spareto.hardware.describing.nest import LoopKind
from spareto.hardware.describing.problem import TENSORS, Dim, TensorName
from spareto.reproduction.timeloop.files.names import STANDARD, Names
from spareto.reproduction.timeloop.files.plain import TAG, as_list, as_mapping, load, ranged, section

_SPACES: Final = ("datatype", "dataspace", "bypass", "bypassing")
_KNOWN: Final = (  # of `stream`, which the mapper's own output names, the tool counts nothing
    *("target", "type", "factors", "permutation", "split", "keep", "bypass", "no_link_transfer", "stream"),
    TAG,
)
_FACTOR = re.compile(r"(?:(?P<name>\w+)\s*=\s*|(?P<letters>[A-Za-z]+))(?P<bound>\d+)")
Loops = list[tuple[Dim, int]]  # outermost first


@dataclass
class Directives:
    """What a file says of each level.

    Args:
        loops: Loops by level and kind, outermost first; a bound of 0 takes what the others leave.
        keeps: Data spaces by level.
        order: Levels in the order they are first named.
    """

    loops: dict[tuple[str, LoopKind], Loops] = field(default_factory=dict[tuple[str, LoopKind], Loops])
    keeps: dict[str, tuple[TensorName, ...]] = field(default_factory=dict[str, tuple[TensorName, ...]])


def read_mapping(path: str | Path, names: Names = STANDARD) -> Directives:
    """Read a mapping, in the names of its problem.

    Raises:
        ConfigError: It cannot be read, or holds a directive that our model cannot express; each is named.
    """
    return _directives(section(load(path), "mapping", str(path)), f"{path}: mapping", names)


def read_constraints(path: str | Path, names: Names = STANDARD) -> Directives:
    """Read what constraints say of data spaces; loops are constraints of a mapper, and a mapping is given.

    Raises:
        ConfigError: It cannot be read, or holds no constraints.
    """
    data = load(path)
    keys = ("architecture_constraints", "arch_constraints", "mapspace_constraints", "mapspace")
    key = next((key for key in keys if key in data), None)
    if key is None:
        raise ConfigError(Problem(str(path), f"the keys {', '.join(data)}", one_of(keys)))
    given: Any = data[key]
    where = f"{path}: {key}"
    entries: Any = given
    if not isinstance(given, list):
        entries = section(as_mapping(given, where), "targets", where)
    spaces = [each for each in as_list(entries, where) if _kind(as_mapping(each, where)) in _SPACES]
    return _directives(spaces, where, names)


def whole(said: Directives, sizes: Mapping[Dim, int], where: str) -> Directives:
    """The same with every bound of 0 as long as the other loops of its dimension leave it.

    Raises:
        ConfigError: Two loops of a dimension take the rest, or the others do not divide its size.
    """
    problems, rest = list[Problem](), dict[Dim, int]()
    every: Loops = [loop for loops in said.loops.values() for loop in loops]
    open_ended: list[Dim] = [dim for dim, bound in every if bound == 0]
    for dim in dict.fromkeys(open_ended):
        given = [bound for own, bound in every if own == dim]
        size, others = sizes.get(dim, 1), prod(bound for bound in given if bound)
        if given.count(0) > 1:
            problems.append(Problem(where, f"{given.count(0)} loops over {dim} of bound 0", "one at most"))
        elif size % others:
            got = f"bound 0 over {dim} beside {others}"
            problems.append(Problem(where, got, f"others that divide its size of {size}"))
        else:
            rest[dim] = size // others
    ConfigError.if_any(problems)
    return replace(
        said,
        loops={
            key: [(dim, bound or rest[dim]) for dim, bound in loops if (bound or rest[dim]) > 1]
            for key, loops in said.loops.items()
        },
    )


def _kind(entry: Mapping[str, Any]) -> str:
    return str(entry.get("type", "")).lower()


def _directives(entries: Any, where: str, names: Names) -> Directives:
    found, problems = Directives(), list[Problem]()
    for place, item in enumerate(as_list(entries, where)):
        entry, here = as_mapping(item, f"{where}[{place}]"), f"{where}[{place}]"
        kind = _kind(entry)
        unknown = [key for key in entry if key not in _KNOWN]
        if entry.get(TAG) or "target" not in entry or unknown:
            got = f"!{entry[TAG]}" if entry.get(TAG) else (f"'{unknown[0]}'" if unknown else "no target")
            problems.append(Problem(here, got, f"an entry with {', '.join(_KNOWN[:-1])}"))
            continue
        level, _ = ranged(str(entry["target"]), here)
        if kind in _SPACES:
            found.keeps[level] = _kept(entry, here, names)
        elif kind in ("temporal", "spatial"):
            walk: LoopKind = "temporal" if kind == "temporal" else "spatial"
            if (level, walk) in found.loops:
                problems.append(Problem(here, f"a second {kind} entry of '{level}'", "one each"))
            found.loops[level, walk] = _loops(entry, here, names, problems)
        else:
            rule = one_of(("temporal", "spatial", *_SPACES))
            problems.append(Problem(f"{here}.type", repr(entry.get("type")), rule))
    ConfigError.if_any(problems)
    return found


def _kept(entry: Mapping[str, Any], where: str, names: Names) -> tuple[TensorName, ...]:
    if entry.get("keep") is not None:
        return names.tensors(entry["keep"], f"{where}.keep")
    passed = names.tensors(entry.get("bypass"), f"{where}.bypass")
    return tuple(tensor for tensor in TENSORS if tensor not in passed)


def _loops(entry: Mapping[str, Any], where: str, names: Names, problems: list[Problem]) -> Loops:
    """Factors in the order of the permutation, which names the innermost loop first."""
    bounds: dict[Dim, int] = {}
    for text in _words(entry.get("factors")):
        match = _FACTOR.fullmatch(text.strip())
        theirs = (match["name"] or match["letters"]) if match else ""
        if not match or theirs not in names.dims:
            rule = f"DIM=BOUND, dimensions {', '.join(names.dims)}"
            problems.append(Problem(f"{where}.factors", repr(text), rule))
            continue
        dim = names.dims[theirs]
        if dim in bounds:
            problems.append(Problem(f"{where}.factors", f"{theirs} twice", "each dimension once"))
        bounds[dim] = int(match["bound"])
    listed = _letters(entry.get("permutation"), names)
    order: list[Dim] = [names.dims[name] for name in listed if name in names.dims]
    if len(set(order)) != len(order):
        problems.append(Problem(f"{where}.permutation", "a dimension twice", "each dimension once"))
    inside_out: list[Dim] = order + [dim for dim in bounds if dim not in order]
    return [(dim, bounds[dim]) for dim in reversed(inside_out) if bounds.get(dim, 1) != 1]


def _words(value: Any) -> Sequence[str]:
    if value is None:
        return ()
    if isinstance(value, str):
        return [word for word in re.split(r"[\s,]+", re.sub(r"\s*=\s*", "=", value.strip())) if word]
    return [str(each).replace(" ", "") for each in as_list(value, "factors")]


def _letters(value: Any, names: Names) -> Sequence[str]:
    """Names in a permutation, which may stand without anything between them if each is a letter."""
    if value is None:
        return ()
    if isinstance(value, str):
        apart = [word for word in re.split(r"[\s,]+", value) if word]
        return apart if len(apart) > 1 or value.strip() in names.dims else list(value.strip())
    return [str(each) for each in as_list(value, "permutation")]
