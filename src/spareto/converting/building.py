"""A graph of another network becomes a network of our layers, fused where they fit."""

from __future__ import annotations

from typing import Any

from torch import nn

from spareto.converting.functions import Delay, LateBias
from spareto.converting.graph import Graph, Node, leaves
from spareto.converting.layers import ours
from spareto.converting.network import ConvertedNetwork
from spareto.converting.neurons import NeuronPlan, made
from spareto.converting.neurons._reading import connections
from spareto.converting.poolings import pooling_of, side_by_side
from spareto.converting.potentials import Potentials
from spareto.converting.steps import ForwardStep
from spareto.core.errors import ConfigError, Problem
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense

_POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class BlockBuilder:
    """Makes the layers of a graph, each once.

    Args:
        graph: The signals.
        plans: Our neurons, by the other network's names.
    """

    def __init__(self, graph: Graph, plans: dict[str, NeuronPlan]) -> None:
        self.graph, self.plans = graph, plans
        self.parts: dict[str, nn.Module] = {}
        self.steps: list[ForwardStep] = []
        self.places: dict[str, str] = {}
        self._numbers: dict[Node, int] = {}
        self._repeated: dict[Node, int] = {}
        self._copies: dict[int, nn.Module] = {}
        self._copied: dict[int, Any] = {}
        self._next = 0
        self._close_loops()
        self._readers = self._read_by()

    def build(self) -> ConvertedNetwork:
        """The network.

        Raises:
            ConfigError: Spikes come back in a way that no layer of ours has.
        """
        output = self._tree(self.graph.output)
        repeats = None if self.graph.takes_time else self.graph.timesteps
        network = ConvertedNetwork(self.parts, self.steps, output, repeats)
        network.neurons = self.places
        network.layouts = tuple(form for _, form in leaves(self.graph.output))
        return network

    # --- loops

    def _close_loops(self) -> None:
        """Spikes that come back through dense connections become a recurrent neuron."""
        for calls in self.graph.neurons:
            current = self.graph.currents[calls.node]
            if current.kind != "function" or len(current.inputs) != 2 or current.payload.name != "add.Tensor":
                continue
            for there, back in (current.inputs, current.inputs[::-1]):
                layer = self._feedback(back, calls.node)
                if layer is not None and self.plans[calls.name].feedback is None:
                    bias = None if layer.bias is None else layer.bias.detach()
                    self.plans[calls.name].feedback = connections(layer.weight.detach(), bias)
                    self.plans[calls.name].late = calls.inputs.get(0) is there
                    self.graph.currents[calls.node] = there
                    break

    def _feedback(self, back: Node, neuron: Node) -> nn.Linear | None:
        """Dense connections from a neuron's last spikes, in whichever order delay and layer stand."""
        found: nn.Linear | None = None
        late = False
        while back is not neuron:
            if back.kind == "delay" and not late:
                late = True
            elif back.kind == "layer" and found is None and isinstance(back.payload, nn.Linear):
                found = back.payload
            else:
                return None
            back = back.inputs[0]
        return found if late else None

    def _read_by(self) -> dict[Node, list[Node]]:
        """Who reads each signal; the output counts."""
        found: dict[Node, list[Node]] = {}
        waiting, seen = list(self.graph.wanted()), set[Node]()
        for node in self.graph.wanted():
            found.setdefault(node, []).append(node)
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            for given in self.graph.inputs_of(node):
                found.setdefault(given, []).append(node)
                waiting.append(given)
        return found

    # --- values

    def _number(self, node: Node, path: tuple[Node, ...] = ()) -> int:
        """The value that holds a signal; made if nothing made it yet."""
        if node.kind == "input":
            return 0
        if node in self._numbers:
            return self._numbers[node]
        if node in path:
            raise self._loop(node)
        path = (*path, node)
        if node.kind in ("neuron", "potential", "state"):
            self._neuron(node if node.kind == "neuron" else node.inputs[0], path)
            if node not in self._numbers:
                cure = "Return spikes or potentials."
                raise ConfigError(Problem(f"'{node.place}'", "a state in the output", "no state", cure))
            return self._numbers[node]
        if node.kind in ("layer", "function") and self._within_block(node, path):
            return self._numbers[node]
        if node.kind == "layer":
            return self._layer(node, path)
        reads = tuple(
            self._sequence(given, path)
            if not node.timeless or node.kind == "vote"
            else self._number(given, path)
            for given in node.inputs
        )
        if node.kind == "delay":
            name = self._named(f"{node.place}_before", Delay())
            return self._step("layer", node, reads, part=name)
        if node.kind == "vote":
            return self._step("vote", node, reads, function=node.payload)
        if node.kind == "running":
            return self._step("running", node, reads)
        return self._step("function", node, reads, function=node.payload, time=not node.timeless)

    def _step(self, how: Any, node: Node, reads: tuple[int, ...], **options: Any) -> int:
        self._next += 1
        self.steps.append(ForwardStep(how, reads, (self._next,), **options))
        self._numbers[node] = self._next
        return self._next

    def _sequence(self, node: Node, path: tuple[Node, ...]) -> int:
        """The same, with time: what has none is repeated."""
        number = self._number(node, path)
        if not node.timeless:
            return number
        if node.kind == "vote" or self._after_vote(node):
            cure = "Vote once, at the end."
            raise ConfigError(
                Problem(f"'{node.place}'", "a vote that neurons read", "a vote at the end", cure)
            )
        if node not in self._repeated:
            self._next += 1
            self.steps.append(ForwardStep("repeat", (number,), (self._next,)))
            self._repeated[node] = self._next
        return self._repeated[node]

    def _after_vote(self, node: Node) -> bool:
        return any(given.kind == "vote" or self._after_vote(given) for given in node.inputs)

    def _within_block(self, node: Node, path: tuple[Node, ...]) -> bool:
        """Whether the block of the neurons that this reads took it in, as it does with its pooling."""
        fires = node.inputs[0] if len(node.inputs) == 1 else node
        if fires.kind == "neuron" and fires not in self._numbers and fires not in path:
            self._neuron(fires, (*path, fires))
        return node in self._numbers

    def _layer(self, node: Node, path: tuple[Node, ...]) -> int:
        read = self._number(node.inputs[0], path)
        name = self._named(node.place, self._copy(node.payload))
        return self._step("layer", node, (read,), part=name, time=not node.timeless)

    def _copy(self, module: nn.Module) -> nn.Module:
        """Ours of a layer; the same for the same."""
        if id(module) not in self._copies:
            self._copies[id(module)] = ours(module, self._copied)
        return self._copies[id(module)]

    # --- neurons

    def _neuron(self, node: Node, path: tuple[Node, ...]) -> None:
        plan, place = self.plans[node.place], node.place
        neuron: Any = made(plan)
        current = self.graph.currents[node]
        which = self._potential(node, plan)
        if which is not None:
            module = Potentials(neuron, which)
            read = self._fed(plan, place, self._sequence(current, path))
            name = self._named(place, module)
            self._next += 2
            self.steps.append(ForwardStep("pair", (read,), (self._next - 1, self._next), part=name))
            spikes, potential = self._next - 1, self._next
            self._numbers[node] = potential if plan.emits == "potential" else spikes
            for reader in self._readers.get(node, ()):
                if reader.kind == "potential":
                    self._numbers[reader] = potential
            self.places[place] = f"parts.{name}"
            return
        plain = plan.before is None and not self._late(plan)
        if plain and self._block(node, neuron, current, path):
            return
        read = self._fed(plan, place, self._sequence(current, path))
        name = self._named(place, neuron)
        self._step("neuron", node, (read,), part=name)
        self.places[place] = f"parts.{name}"

    def _fed(self, plan: NeuronPlan, place: str, read: int) -> int:
        """Currents behind the connections and the late bias that the module itself has."""
        added: list[tuple[str, nn.Module]] = [] if plan.before is None else [("input", plan.before)]
        if self._late(plan):
            assert plan.feedback is not None
            added.append(("bias", LateBias(plan.feedback.bias)))
        for what, layer in added:
            name = self._named(f"{place}_{what}", layer)
            self._next += 1
            self.steps.append(ForwardStep("layer", (read,), (self._next,), part=name))
            read = self._next
        return read

    def _late(self, plan: NeuronPlan) -> bool:
        return plan.late and plan.feedback is not None and bool(plan.feedback.bias is not None)

    def _potential(self, node: Node, plan: NeuronPlan) -> Any:
        if plan.emits == "potential":
            return "after"
        found = [reader for reader in self._readers.get(node, ()) if reader.kind in ("potential", "state")]
        return found[0].payload if found else None

    def _block(self, node: Node, neuron: Any, current: Node, path: tuple[Node, ...]) -> bool:
        """Layers around neurons as one of our blocks; whether they fit."""
        norm, at = self._behind(current, _NORMS)
        if not self._lone(at) or at.kind != "layer" or at.timeless:
            return False
        if (isinstance(at.payload, nn.Linear) and norm is None) or isinstance(norm, nn.BatchNorm1d):
            return isinstance(at.payload, nn.Linear) and self._dense(node, neuron, norm, at, path)
        if not isinstance(at.payload, nn.Conv2d) or isinstance(norm, nn.BatchNorm1d):
            return False
        read = self._number(at.inputs[0], path)
        last = node
        pool = None
        readers = self._readers.get(node, [])
        found = self._pooling(readers[0]) if len(readers) == 1 else None
        if found is not None:
            last, pool = readers[0], found
        block = SpikingBlock(self._copy(at.payload), self._copy(norm) if norm else None, neuron, pool)  # type: ignore[arg-type]
        return self._placed(block, at.place, node, last, read)

    def _pooling(self, reader: Node) -> nn.Module | None:
        """What pools the spikes it reads, a module or a function; None if it does something else."""
        if reader.kind == "layer" and isinstance(reader.payload, _POOLS):
            return self._copy(reader.payload)
        found = pooling_of(reader.payload) if reader.kind == "function" and not reader.timeless else None
        return found if found is not None and side_by_side(found) else None

    def _dense(
        self, node: Node, neuron: Any, norm: nn.Module | None, at: Node, path: tuple[Node, ...]
    ) -> bool:
        below = at.inputs[0]
        if len(below.shape) != 1:
            return False
        dropout, source = self._behind(below, (nn.Dropout,))
        flat = source.kind == "function" and type(source.payload).__name__ == "Reshape" and self._lone(source)
        if flat and not source.timeless:
            source = source.inputs[0]
        read = self._number(source, path)
        if source.timeless:
            read = self._sequence(source, path)
        copied = self._copy(norm) if norm else None
        block = SpikingDense(self._copy(at.payload), neuron, copied, self._copy(dropout) if dropout else None)  # type: ignore[arg-type]
        return self._placed(block, at.place, node, node, read)

    def _placed(self, block: nn.Module, place: str, node: Node, last: Node, read: int) -> bool:
        name = self._named(place, block)
        self._step("block", last, (read,), part=name)
        self.places[node.place] = f"parts.{name}.neuron"
        return True

    def _behind(self, node: Node, kinds: tuple[type[nn.Module], ...]) -> tuple[nn.Module | None, Node]:
        """A layer of some kind that nobody else reads, and what it reads."""
        if node.kind == "layer" and isinstance(node.payload, kinds) and self._lone(node):
            return node.payload, node.inputs[0]
        return None, node

    def _lone(self, node: Node) -> bool:
        return len(self._readers.get(node, ())) == 1

    # --- names and output

    def _named(self, place: str, module: nn.Module) -> str:
        stem = (place or "layer").replace(".", "_")
        name, number = stem, 1
        while name in self.parts and self.parts[name] is not module:
            number += 1
            name = f"{stem}_{number}"
        self.parts[name] = module
        return name

    def _tree(self, output: Any) -> Any:
        if isinstance(output, dict):
            return {key: self._tree(item) for key, item in output.items()}
        if isinstance(output, list):
            return [self._tree(item) for item in output]
        if output is None:
            return None
        node, form = output
        return self._number(node) if form == "sample" else self._sequence(node, ())

    def _loop(self, node: Node) -> ConfigError:
        rule = "dense connections from the neurons themselves, nn.Linear(s[t-1]), added to their currents"
        got = "spikes that come back from the timestep before by another way"
        cure = "Feed them back so, or keep the network as it is."
        return ConfigError(Problem(f"'{node.place}'", got, rule, cure))
