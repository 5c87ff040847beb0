"""Architectures: nested `subtree` descriptions (0.2, 0.3) and flat lists of `!Component` nodes (0.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from spareto.core.errors import ConfigError, Problem
from spareto.hardware.describing.problem import TENSORS, TensorName
from spareto.reproduction.timeloop.files.plain import (
    TAG,
    as_list,
    as_mapping,
    load,
    number,
    ranged,
    section,
    tensors,
)

_COMPUTE: Final = ("mac", "compute", "multiplier", "alu")
_DUMMIES: Final = ("dummy_storage", "dummy")
_WIRES: Final = ("network", "noc", "xy_noc", "simplemulticast", "wire")


@dataclass(frozen=True)
class Part:
    """A component.

    Args:
        name: Its name.
        kind: Its class.
        attributes: What it says of itself.
        instances: How many there are on the chip.
        keeps: Data spaces it may keep; None where nothing is said.
    """

    name: str
    kind: str
    attributes: Mapping[str, Any]
    instances: int
    keeps: tuple[TensorName, ...] | None = None

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

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()


@dataclass
class _Found:
    parts: list[Part] = field(default_factory=list[Part])
    problems: list[Problem] = field(default_factory=list[Problem])
    notes: list[str] = field(default_factory=list[str])


def read_architecture(path: str | Path) -> Architecture:
    """Read an architecture of either style.

    Raises:
        ConfigError: It cannot be read, or holds what our model cannot express; every such node is named.
    """
    where = f"{path}: architecture"
    data = as_mapping(section(load(path), "architecture", str(path)), where)
    found = _Found()
    if "nodes" in data:
        _nodes(as_list(data["nodes"], f"{where}.nodes"), found, f"{where}.nodes")
    elif "subtree" in data:
        for place, tree in enumerate(as_list(data["subtree"], f"{where}.subtree")):
            _subtree(as_mapping(tree, where), 1, found, f"{where}.subtree[{place}]")
    else:
        raise ConfigError(Problem(where, f"the keys {', '.join(data)}", "'subtree' or 'nodes'"))
    found.problems += _contradictions(found.parts, where)
    if found.problems:
        raise ConfigError(found.problems)
    return Architecture(tuple(found.parts), tuple(found.notes))


def _subtree(tree: Mapping[str, Any], outside: int, found: _Found, where: str) -> None:
    """A branch: its own components, then the branches inside it; a range multiplies all of it."""
    name, count = ranged(str(tree.get("name", "?")), f"{where}.name")
    here = outside * count
    local = [as_mapping(each, f"{where}.local") for each in as_list(tree.get("local"), f"{where}.local")]
    for each in local:
        own, more = ranged(str(each.get("name", "?")), f"{where}.local")
        _add(each, own, here * more, found, f"{where}.local '{own}'")
    inside = as_list(tree.get("subtree"), f"{where}.subtree")
    if len(inside) > 1:
        got = f"{len(inside)} branches side by side in '{name}'"
        found.problems.append(Problem(f"{where}.subtree", got, "one chain of levels"))
        return
    for each in inside:
        _subtree(as_mapping(each, where), here, found, f"{where}.subtree[0]")


def _nodes(nodes: list[Any], found: _Found, where: str) -> None:
    """A flat list, outermost first; what a container says of its mesh holds for all that follows."""
    instances = 1
    for place, item in enumerate(nodes):
        node, here = as_mapping(item, f"{where}[{place}]"), f"{where}[{place}]"
        tag = str(node.get(TAG, "Component"))
        mesh = as_mapping(node.get("spatial"), f"{here}.spatial")
        copies = int(number(mesh.get("meshX", 1), f"{here}.spatial.meshX", whole=True, least=1))
        copies *= int(number(mesh.get("meshY", 1), f"{here}.spatial.meshY", whole=True, least=1))
        name, count = ranged(str(node.get("name", "?")), f"{here}.name")
        instances *= copies * count
        if tag == "Component":
            _add(node, name, instances, found, f"{here} '{name}'")
            instances //= count
        elif tag == "Container":
            if copies * count > 1:
                attributes: dict[str, Any] = {}
                found.parts.append(Part(f"inter_{name}_spatial", "dummy_storage", attributes, instances))
        else:
            rule = "!Component or !Container, one chain of levels"
            found.problems.append(Problem(here, f"!{tag} '{name}'", rule))


def _add(node: Mapping[str, Any], name: str, instances: int, found: _Found, where: str) -> None:
    kind = str(node.get("subclass") or node.get("class", ""))
    if any(word == kind.lower() for word in _WIRES):
        found.notes.append(f"{name}: wires carry no energy in this accounting")
        return
    if str(node.get("enabled", True)).lower() == "false":
        found.notes.append(f"{name}: not enabled")
        return
    attributes = as_mapping(node.get("attributes"), f"{where}.attributes")
    constraints = as_mapping(node.get("constraints"), f"{where}.constraints")
    spaces = as_mapping(constraints.get("dataspace"), f"{where}.constraints.dataspace")
    keeps: tuple[TensorName, ...] | None = None
    if "keep" in spaces:
        keeps = tensors(spaces["keep"], f"{where}.keep")
    elif "bypass" in spaces:
        passed = tensors(spaces["bypass"], f"{where}.bypass")
        keeps = tuple(tensor for tensor in TENSORS if tensor not in passed)
    mesh = attributes.get("meshX", 1), attributes.get("meshY", 1)
    if instances == 1 and mesh != (1, 1):
        instances = int(number(mesh[0], f"{where}.meshX", whole=True, least=1))
        instances *= int(number(mesh[1], f"{where}.meshY", whole=True, least=1))
    if not kind:
        found.problems.append(Problem(f"{where}.class", "nothing", "the class of the component"))
    found.parts.append(Part(name, kind, attributes, instances, keeps))


def _contradictions(parts: list[Part], where: str) -> Iterator[Problem]:
    computing = [part.name for part in parts if part.computes]
    if len(computing) != 1 or parts[-1].name != computing[0]:
        rule = "one kind of compute unit, innermost"
        yield Problem(where, f"the compute units {', '.join(computing) or 'none'}", rule)
    names = [part.name for part in parts]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield Problem(where, f"two components called '{name}'", "different names")
