"""A graph without graphs inside: every node by its path, and which edges lead back."""

from __future__ import annotations

from typing import Final

from spareto.core.errors import ConfigError, Problem
from spareto.interchange.nir.tree import Tree

MOST: Final = 2000
"""Nodes of a graph."""

NEURONS: Final = ("IF", "LIF", "CubaLIF", "LI", "CubaLI", "I", "Threshold")
CURE: Final = "Write the file again with its framework."


class FlatGraph:
    """Nodes and edges of a graph and of all graphs in it.

    Args:
        tree: The graph.

    Attributes:
        nodes: By path, `block.lif`.
        input: The node that the network's input comes in at.
        outputs: Those it leaves at.
        order: Nodes that the input reaches, each behind those that lead into it from ahead.

    Raises:
        ConfigError: Edges lead nowhere, there is no input or output, or a loop has no neurons.
    """

    def __init__(self, tree: Tree) -> None:
        self.nodes: dict[str, Tree] = {}
        self._edges: dict[tuple[str, str], bool] = {}
        if tree.kind != "NIRGraph":
            raise ConfigError(Problem("the file", f"a single node, {tree.kind}", "a graph", CURE))
        self._add(tree, "")
        if len(self.nodes) > MOST:
            raise ConfigError(Problem("the graph", f"{len(self.nodes):,} nodes", f"at most {MOST:,}", CURE))
        self._into: dict[str, list[str]] = {}
        self._out: dict[str, list[str]] = {}
        for source, target in self._edges:
            self._into.setdefault(target, []).append(source)
            self._out.setdefault(source, []).append(target)
        self.input = self._single_input(tree)
        self.order = self._ordered()
        ends = [name for name, node in tree.nodes.items() if node.kind == "Output" and name in self.order]
        if not ends:
            raise ConfigError(Problem("the graph", "no output that the input reaches", "one", CURE))
        self.outputs = tuple(ends)

    def into(self, name: str) -> list[tuple[str, bool]]:
        """Nodes that lead into one, and whether from the timestep before."""
        return [
            (source, self._edges[source, name])
            for source in self._into.get(name, ())
            if source in self._reached
        ]

    def _add(self, tree: Tree, prefix: str) -> None:
        for name, node in tree.nodes.items():
            path = f"{prefix}{name}"
            if node.kind == "NIRGraph":
                self._add(node, f"{path}.")
            else:
                if path in self.nodes:
                    raise ConfigError(Problem(f"node '{path}'", "a second one", "one", CURE))
                self.nodes[path] = node
        for source, target in tree.edges:
            for name in (source, target):
                if name not in tree.nodes:
                    got = f"an edge at '{name[:80]}', which is no node"
                    raise ConfigError(Problem("the graph", got, "edges between nodes", CURE))
            for a in self._ends(tree.nodes[source], f"{prefix}{source}", "Output"):
                for b in self._ends(tree.nodes[target], f"{prefix}{target}", "Input"):
                    self._edges[a, b] = False

    def _ends(self, node: Tree, path: str, kind: str) -> list[str]:
        """Where an edge at a node really ends: at the inputs or outputs of a graph."""
        if node.kind != "NIRGraph":
            return [path]
        found = [
            end
            for name, inner in node.nodes.items()
            if inner.kind == kind
            for end in self._ends(inner, f"{path}.{name}", kind)
        ]
        if not found:
            raise ConfigError(Problem(f"node '{path}'", f"a graph without {kind}", "one with it", CURE))
        return found

    def _single_input(self, tree: Tree) -> str:
        found = [name for name, node in tree.nodes.items() if node.kind == "Input"]
        if len(found) != 1:
            got = f"{len(found)} inputs"
            raise ConfigError(Problem("the graph", got, "one", "Join them into one before writing the file."))
        return found[0]

    def _ordered(self) -> list[str]:
        """Nodes in the order they run; edges that lead back to a node on the way here are marked."""
        order, done, path = list[str](), set[str](), dict[str, None]()
        waiting = [(self.input, iter(self._out.get(self.input, ())))]
        path[self.input] = None
        while waiting:
            name, targets = waiting[-1]
            target = next(targets, None)
            if target is None:
                waiting.pop()
                path.pop(name)
                done.add(name)
                order.append(name)
            elif target in path:
                self._edges[name, target] = True
                loop = list(path)[list(path).index(target) :]
                if not any(self.nodes[each].kind in NEURONS for each in loop):
                    rule = "neurons in every loop"
                    raise ConfigError(
                        Problem(f"node '{target}'", f"a loop of {', '.join(loop[:5])}", rule, CURE)
                    )
            elif target not in done:
                path[target] = None
                waiting.append((target, iter(self._out.get(target, ()))))
        self._reached = done
        return order[::-1]
