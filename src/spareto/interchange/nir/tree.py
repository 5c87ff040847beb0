"""A NIR graph as plain data: of a file, or of an object of the `nir` package; of any version of either.

A file is HDF5 of a stranger: links out of it, arrays without content and endless groups are refused before
anything is read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from spareto.core.artifacts import there
from spareto.core.errors import ConfigError, Problem, StoreError
from spareto.core.extras import imported
from spareto.core.hdf5_process import read_group

DEEPEST: Final = 24


@dataclass
class Tree:
    """One node of a graph; a graph is one too.

    Args:
        kind: Name of its class in `nir`.
        values: Its parameters: arrays, numbers and texts.
        nodes: Nodes of a graph.
        edges: Edges of a graph.
        metadata: What it carries along.
    """

    kind: str
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    nodes: dict[str, Tree] = field(default_factory=dict[str, "Tree"])
    edges: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])


def library(name: str) -> Any:
    """A package of the extra `nir`.

    Raises:
        MissingDependency: It is not installed.
    """
    cure = "Install it: pip install 'spareto[nir]'."
    return imported(name, "NIR", f"no package '{name}'", f"'{name}'", cure)


def tree_of(graph: Any) -> Tree:
    """The plain data of a `nir.NIRGraph`."""
    return _node(graph.to_dict(), 0)


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 does."""
    try:
        with path.open("rb") as file:
            return file.read(8) == b"\x89HDF\r\n\x1a\n"
    except OSError:
        return False


def read_tree(path: Path) -> Tree:
    """The plain data of a `.nir` file.

    Raises:
        StoreError: It is missing, damaged, or no graph.
        MissingDependency: `h5py`, which comes with `nir`, is not installed.
    """
    library("h5py")
    if not there(path):
        raise StoreError(Problem(str(path), "no such file", "a NIR file", "Check the path."))
    try:
        return _node(read_group(path, "node"), 0)
    except (StoreError, ConfigError):
        raise
    except MemoryError:
        raise damaged(path, "more than there is memory for") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise damaged(path, " ".join(str(error).split())[:200] or type(error).__name__) from None


def damaged(path: Path | str, got: str) -> StoreError:
    """What is raised of a file that is no graph."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in got)
    rule, cure = "a NIR file", "Write it again with its framework."
    return StoreError(Problem(str(path), f"an unreadable file ({printable})", rule, cure))


def _node(said: dict[str, Any], depth: int) -> Tree:
    kind = said.get("type")
    if not isinstance(kind, str) or depth > DEEPEST:
        raise ValueError("a node without a type")
    metadata = said.get("metadata")
    tree = Tree(kind, metadata=metadata if isinstance(metadata, dict) else {})
    if kind == "NIRGraph":
        if not isinstance(said.get("nodes"), dict):
            raise ValueError("a graph without nodes")
        tree.nodes = {str(name): _node(node, depth + 1) for name, node in said["nodes"].items()}
        tree.edges = [(str(_text(a)), str(_text(b))) for a, b in said.get("edges", ())]
        return tree
    for name, value in said.items():
        if name not in ("type", "metadata") and value is not None:
            tree.values[name] = value if isinstance(value, str) else np.asarray(value)
    return tree


def _text(value: Any) -> Any:
    return value.decode("utf-8") if isinstance(value, bytes) else value


def digest(tree: Tree) -> str:
    """SHA-256 of what a graph computes: nodes, parameters, edges; not of shapes that are inferred."""
    found = hashlib.sha256()

    def walk(prefix: str, node: Tree) -> None:
        found.update(f"{prefix} {node.kind}\n".encode())
        for name in sorted(node.values):
            value = node.values[name]
            numbers = (
                None if isinstance(value, str) or value.dtype.kind not in "fiub" else value.astype("<f8")
            )
            if name in ("input_shape", "input_type") or (
                name == "v_reset" and numbers is not None and not numbers.any()
            ):
                continue
            said = str(value) if numbers is None else hashlib.sha256(numbers.tobytes()).hexdigest()
            found.update(f"{name} {said}\n".encode())
        for name in sorted(node.nodes):
            walk(f"{prefix}/{name}", node.nodes[name])
        for edge in sorted(node.edges):
            found.update(f"{edge}\n".encode())

    walk("", tree)
    return found.hexdigest()
