"""Architectures: nested `subtree` descriptions (0.2, 0.3) and flat lists of `!Component` nodes (0.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast

from spareto.core.errors import ConfigError, Problem
from spareto.reproduction.timeloop.files.plain import (
    TAG,
    as_list,
    as_mapping,
    load,
    number,
    ranged,
    section,
)

_COMPUTE: Final = ("mac", "compute", "multiplier", "alu")
_DUMMIES: Final = ("dummy_storage", "dummy")
_AXES: Final = ("meshX", "meshY")
_WIRES: Final = ("network", "noc", "xy_noc", "simplemulticast", "wire")


@dataclass(frozen=True)
class ArchitecturePart:
    """A component.

    Args:
        name: Its name.
        kind: Its class.
        attributes: What it says of itself.
        instances: How many there are on the chip.
        keeps: Data spaces it says it keeps; None where nothing is said.
        passes: Data spaces it says pass it by.
        beside: Branches it lies in that stand side by side with others: (fork, branch).
        sparse: What it says of storage formats and of accesses that are gated or skipped.
    """

    name: str
    kind: str
    attributes: Mapping[str, Any]
    instances: int
    keeps: tuple[str, ...] | None = None
    passes: tuple[str, ...] | None = None
    beside: tuple[tuple[str, int], ...] = ()
    sparse: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def computes(self) -> bool:
        """Whether it is a compute unit."""
        return any(word in self.kind.lower() for word in _COMPUTE)

    @property
    def stores(self) -> bool:
        """Whether it stores anything at all."""
        return not self.computes and self.kind.lower() not in _DUMMIES


@dataclass(frozen=True)
class Architecture:
    """Components, outermost first, the compute units last.

    Args:
        parts: The components.
        notes: What was read over, and why that does not matter.
    """

    parts: tuple[ArchitecturePart, ...]
    notes: tuple[str, ...] = ()


def read_architecture(path: str | Path) -> Architecture:
    """Read an architecture of either style.

    Raises:
        ConfigError: It cannot be read, or holds what our model cannot express; every such node is named.
    """
    where = f"{path}: architecture"
    data = as_mapping(section(load(path), "architecture", str(path)), where)
    reading = _Reading()
    if "nodes" in data:
        reading.nodes(as_list(data["nodes"], f"{where}.nodes"), _Place(), f"{where}.nodes")
    elif "subtree" in data:
        reading.branches(as_list(data["subtree"], f"{where}.subtree"), _Place(), f"{where}.subtree")
    else:
        raise ConfigError(Problem(where, f"the keys {', '.join(data)}", "'subtree' or 'nodes'"))
    reading.parts.sort(key=lambda part: part.computes)  # units may stand before their registers
    reading.problems += _contradictions(reading.parts, where)
    if reading.problems:
        raise ConfigError(reading.problems)
    return Architecture(tuple(reading.parts), tuple(reading.notes))


@dataclass(frozen=True)
class _Place:
    """How many there are of what stands here, and the branches it stands in."""

    instances: int = 1
    beside: tuple[tuple[str, int], ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def within(self, node: Mapping[str, Any], where: str) -> _Place:
        """What a branch or container says of itself holds for what is inside, but for its own mesh."""
        own = as_mapping(node.get("attributes"), f"{where}.attributes")
        said = {key: value for key, value in own.items() if key not in _AXES}
        return replace(self, attributes={**self.attributes, **said})


class _Reading:
    """A walk over the tree; branches side by side become one after the other."""

    def __init__(self) -> None:
        self.parts: list[ArchitecturePart] = []
        self.problems: list[Problem] = []
        self.notes: list[str] = []

    def branches(self, trees: list[Any], here: _Place, where: str) -> None:
        """Subtrees side by side (0.2, 0.3)."""
        given = [as_mapping(tree, where) for tree in trees]
        for tree, place, at in self._forked(given, here, where):
            self._subtree(tree, place, at)

    def _subtree(self, tree: Mapping[str, Any], here: _Place, where: str) -> None:
        """Its own components, then the branches inside it; a range multiplies all of it."""
        _, count = ranged(str(tree.get("name", "?")), f"{where}.name")
        here = replace(here, instances=here.instances * count).within(tree, where)
        for each in as_list(tree.get("local"), f"{where}.local"):
            node = as_mapping(each, f"{where}.local")
            own, more = ranged(str(node.get("name", "?")), f"{where}.local")
            place = replace(here, instances=here.instances * more)
            self._add(node, own, place, f"{where}.local '{own}'")
        self.branches(as_list(tree.get("subtree"), f"{where}.subtree"), here, f"{where}.subtree")

    def nodes(self, nodes: list[Any], here: _Place, where: str) -> None:
        """A flat list, outermost first (0.4); the mesh of a container holds for all that follows."""
        for number_, item in enumerate(nodes):
            node, at = as_mapping(item, f"{where}[{number_}]"), f"{where}[{number_}]"
            tag = str(node.get(TAG, "Component"))
            name, count = ranged(str(node.get("name", "?")), f"{at}.name")
            copies = count * _mesh(as_mapping(node.get("spatial"), f"{at}.spatial"), f"{at}.spatial")
            inner = as_list(node.get("nodes"), f"{at}.nodes")
            if tag == "Component":
                here = replace(here, instances=here.instances * copies // count)
                self._add(node, name, replace(here, instances=here.instances * count), f"{at} '{name}'")
            elif tag in ("Container", "Hierarchical", "Parallel"):
                inside = replace(here, instances=here.instances * copies).within(node, at)
                if copies > 1:
                    spread = ArchitecturePart(f"inter_{name}_spatial", "dummy_storage", {}, inside.instances)
                    self.parts.append(replace(spread, beside=here.beside))
                if tag == "Container":
                    here = inside
                elif not inner:
                    self.problems.append(Problem(at, f"!{tag} '{name}' without 'nodes'", "what it holds"))
                elif tag == "Hierarchical":
                    self.nodes(inner, inside, f"{at}.nodes")
                else:
                    given = [as_mapping(each, f"{at}.nodes") for each in inner]
                    for each, place, its in self._forked(given, inside, f"{at}.nodes"):
                        self.nodes([each], place, its)
            else:
                rule = "!Component, !Container, !Hierarchical or !Parallel"
                self.problems.append(Problem(at, f"!{tag} '{name}'", rule))

    def _forked(
        self, branches: list[dict[str, Any]], here: _Place, where: str
    ) -> Iterator[tuple[Mapping[str, Any], _Place, str]]:
        """Branches side by side: those that are alike count as so many of one, others stand apart."""
        alike: list[tuple[dict[str, Any], list[str]]] = []
        for branch in branches:
            name = str(branch.get("name", "?"))
            twins = (found for found in alike if _engine(branch) and _alike(found[0], branch))
            twin = next(twins, None)
            if twin:
                twin[1].append(name)
            else:
                alike.append((branch, [name]))
        for number_, (branch, names) in enumerate(alike):
            place = replace(here, instances=here.instances * len(names))
            if len(names) > 1:
                told = f"{', '.join(names)}: alike, {len(names)} of {names[0]}"
                self.notes.append(told)
            if len(alike) > 1:
                place = replace(place, beside=(*here.beside, (where, number_)))
            yield branch, place, f"{where}[{branches.index(branch)}]"

    def _add(self, node: Mapping[str, Any], name: str, here: _Place, where: str) -> None:
        kind = str(node.get("subclass") or node.get("class", ""))
        if any(word == kind.lower() for word in _WIRES):
            self.notes.append(f"{name}: wires carry no energy in this accounting")
            return
        if str(node.get("enabled", True)).lower() == "false":
            self.notes.append(f"{name}: not enabled")
            return
        if "compute" in str(node.get("class", "")).lower():
            kind = "compute"
        own = as_mapping(node.get("attributes"), f"{where}.attributes")
        attributes = {**here.attributes, **own}
        constraints = as_mapping(node.get("constraints"), f"{where}.constraints")
        spaces = as_mapping(constraints.get("dataspace"), f"{where}.constraints.dataspace")
        keeps, passes = (
            tuple(str(each) for each in as_list(spaces[key], f"{where}.{key}")) if key in spaces else None
            for key in ("keep", "bypass")
        )
        instances = here.instances
        if instances == 1:
            instances = _mesh(own, where)
        if not kind:
            self.problems.append(Problem(f"{where}.class", "nothing", "the class of the component"))
        sparse = node.get("sparse_optimizations", node.get("sparse-optimizations"))
        said = as_mapping(sparse, f"{where}.sparse_optimizations")
        self.parts.append(
            ArchitecturePart(name, kind, attributes, instances, keeps, passes, here.beside, said)
        )


def _mesh(given: Mapping[str, Any], where: str) -> int:
    """Copies along both axes; 1 where nothing is said."""
    sizes = [int(number(given.get(key, 1), f"{where}.{key}", whole=True, least=1)) for key in _AXES]
    return sizes[0] * sizes[1]


def _engine(node: Any) -> bool:
    """Whether there are compute units in a branch."""
    if isinstance(node, list):
        return any(_engine(each) for each in cast("list[Any]", node))
    if not isinstance(node, Mapping):
        return False
    given = cast("Mapping[str, Any]", node)
    kind = f"{given.get('class', '')} {given.get('subclass', '')}".lower()
    inside = (given.get(key) for key in ("local", "subtree", "nodes"))
    return any(word in kind for word in _COMPUTE) or any(_engine(each) for each in inside)


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two branches differ in their own names, and in numbers behind names within, at most."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            given = cast("Mapping[str, Any]", value)
            return {
                key: re.sub(r"\d+$", "", str(each)) if key == "name" else plain(each)
                for key, each in given.items()
            }
        return [plain(each) for each in cast("list[Any]", value)] if isinstance(value, list) else value

    counts = {ranged(str(each.get("name", "?")), "name")[1] for each in (one, other)}
    return len(counts) == 1 and plain({**one, "name": ""}) == plain({**other, "name": ""})


def _contradictions(parts: list[ArchitecturePart], where: str) -> Iterator[Problem]:
    computing = [part.name for part in parts if part.computes]
    if len(computing) != 1 or parts[-1].name != computing[0]:
        rule = "one kind of compute unit, innermost"
        if len(computing) > 1:
            rule += "; engines side by side that differ are one description each"
        yield Problem(where, f"the compute units {', '.join(computing) or 'none'}", rule)
    names = [part.name for part in parts]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield Problem(where, f"two components called '{name}'", "different names")
