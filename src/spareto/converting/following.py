"""Follow one run of a network: a graph of its layers and neurons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from spareto.converting.graph import Form, Graph, NeuronCalls, Node, Ref, comes_back, differing
from spareto.converting.layers import is_layer, takes
from spareto.converting.neurons import NeuronPlan
from spareto.converting.operators import OPERATORS
from spareto.converting.tape import Tape, is_zero, sample_shape
from spareto.core.errors import ConfigError, Problem
from spareto.frameworks import hands_state, neuron_facts
from spareto.observing.watching import tensors, watching
from spareto.running.feeding import Feed

_AXES: Final[dict[str, Form]] = {"one step": "step", "time-batch": "TB", "batch-time": "BT"}


def is_neuron(module: nn.Module) -> bool:
    """Whether a module is a layer of neurons, as other frameworks have them."""
    if type(module).__name__ == "LinearRecurrentContainer":
        return True
    return neuron_facts(module) is not None


class Follower:
    """Runs a network once and says what is computed from what.

    Args:
        network: The network, in evaluation mode, its states reset.
        plans: Its neurons in our words, by their name.
        feed: How it takes its input.
        timesteps: Timesteps of the input; None without time.
        samples: Samples of the input.
    """

    def __init__(
        self,
        network: nn.Module,
        plans: dict[str, NeuronPlan],
        feed: Feed,
        timesteps: int | None,
        samples: int,
    ) -> None:
        self.network, self.plans, self.feed = network, plans, feed
        self.neurons: dict[nn.Module, NeuronCalls] = {}
        self._by_step: dict[str, None] = {}
        self._constants: list[str] = []
        opaque = lambda module: is_neuron(module) or is_layer(module)  # noqa: E731
        parameters = list(network.parameters())
        self.tape = Tape(timesteps, samples, opaque, self._called, OPERATORS, parameters)
        self._inner: frozenset[nn.Module] = frozenset(
            inner
            for module in network.modules()
            if is_neuron(module)
            for inner in module.modules()
            if inner is not module
        )

    def run(self, arguments: tuple[Tensor, ...], call: Callable[[tuple[Tensor, ...]], Any]) -> Graph:
        """The graph.

        Args:
            arguments: What each call is given.
            call: Makes the calls, and stacks what they give.

        Raises:
            ConfigError: Something cannot be followed; all of it is listed.
        """
        tape = self.tape
        form: Form = {"sample": "sample", "calls": "step", "time-batch": "TB"}.get(self.feed.name, "BT")  # type: ignore[assignment]
        form = "B*T" if self.feed.merged else form
        shape = sample_shape(arguments[0], form)
        start = tape.signals.node("input", None, None, (), shape)
        start.timeless = form == "sample"
        for t, argument in enumerate(arguments):
            tape.hold(argument, start, form, t)
        with torch.inference_mode(), watching(self.network, tape, tape.opaque):
            output = call(arguments)
        return self._graph(output, takes_time=form != "sample")

    # --- modules

    def _called(self, tape: Tape, name: str, module: nn.Module, given: list[Any], output: Any) -> None:
        if module in self._inner:
            return
        if is_neuron(module):
            self._fired(tape, name, module, given, output)
            return
        refs = [(ref, tensor) for tensor in tensors(given) if (ref := tape.ref(tensor))]
        if not refs:
            return  # of constants, before the first timestep
        ref, _ = refs[0]
        node: Node
        if len(refs) > 1:
            got, cure = f"{type(module).__name__} of {len(refs)} signals", "Keep the network as it is."
            node = tape.refuse(got, "a layer of one signal, a sum or a product", cure, f"'{name}'")
        elif not takes(module, ref.form):
            got = f"{type(module).__name__} of a tensor {ref.form}"
            node = tape.refuse(
                got, "one with time and samples merged, or a timestep", "Merge them.", f"'{name}'"
            )
        elif ref.node.kind == "unknown":
            node = ref.node
        else:
            made = next(tensors(output))
            shape = sample_shape(made, ref.form)
            if ref.form == "step" and isinstance(module, _BatchNorm):
                self._by_step[name] = None
            node = tape.signals.node("layer", id(module), module, (ref.node,), shape, name)
        for tensor in tensors(output):
            tape.hold(tensor, node, ref.form, ref.t)

    def _fired(self, tape: Tape, name: str, module: nn.Module, given: list[Any], output: Any) -> None:
        facts = neuron_facts(module)
        form: Form = (
            _AXES[facts.axes] if facts else ("TB" if getattr(module, "step_mode", "s") == "m" else "step")
        )
        form = "B*T" if facts is not None and facts.squeezed else form
        made = list(tensors(output))
        first = made[0]
        calls = self.neurons.get(module)
        if calls is None:
            shape = sample_shape(first, form)
            node = tape.signals.node("neuron", id(module), module, (), shape, name)
            calls = self.neurons[module] = NeuronCalls(module, name, node)
        t = len(calls.inputs) if form == "step" else -1
        ref = tape.ref(next(tensors(given[0]), None))
        self._check_input(tape, calls, ref, form, t)
        self._check_state(tape, calls, given[1:], t)
        calls.inputs[t] = (
            tape.refuse("a constant", "a signal", "Feed it.", f"'{name}'") if ref is None else ref.node
        )
        out: Form = form
        seen = set[int]()
        for number, tensor in enumerate(made):
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            node = calls.node
            if number:
                which = self.plans[name].potentials.get(number)
                kind = "state" if which is None else "potential"
                node = tape.signals.node(kind, (number, which), which, (calls.node,), node.shape, name)
            whole = (
                out
                if tuple(tensor.shape[: len(tape.lead(out))]) == tape.lead(out) or form == "step"
                else "sample"
            )
            tape.hold(tensor, node, whole, max(t, 0))

    def _check_input(self, tape: Tape, calls: NeuronCalls, ref: Ref | None, form: Form, t: int) -> None:
        place = f"'{calls.name}'"
        if t in calls.inputs:
            rule = "one call for all timesteps"
            tape.refuse("called twice", rule, "Give each place a layer of neurons of its own.", place)
        if ref is None or ref.node.kind == "unknown":
            return
        fits = ref.form == form and (form != "step" or ref.t == t)
        if not fits and not (ref.form == "sample" and form == "step"):
            got = f"timestep {ref.t} in its call {t}" if ref.form == form else f"a tensor {ref.form}"
            rule = "one call a timestep, in their order" if ref.form == form else f"one {form}"
            tape.refuse(got, rule, "Give each place a layer of neurons of its own.", place)

    def _check_state(self, tape: Tape, calls: NeuronCalls, states: list[Any], t: int) -> None:
        """A neuron gets back the state that it gave, and starts from nothing."""
        place, known = f"'{calls.name}'", list(tensors(states))
        if t > 0 and not known and hands_state(calls.module):
            cure = "Hand each call the state that the last one returned."
            tape.refuse("no state after the first timestep", "the state it returned", cure, place)
        for tensor in known:
            ref = tape.ref(tensor)
            if ref is None:
                if t > 0 or not is_zero(tensor):
                    rule = "zeros before the first timestep, then the state it returned"
                    tape.refuse(
                        f"a state at timestep {max(t, 0)}", rule, "Start from zeros, and keep it.", place
                    )
            elif ref.node.kind != "unknown" and calls.node not in (ref.node, *ref.node.inputs):
                tape.refuse("a state of other neurons", "its own state", "Hand it its own.", place)

    # --- the graph

    def _graph(self, output: Any, *, takes_time: bool) -> Graph:
        tape = self.tape
        steps = {len(calls.inputs) for calls in self.neurons.values() if -1 not in calls.inputs}
        steps |= {tape.timesteps} if tape.timesteps is not None else set()
        if not self.neurons:
            cure = "Where they are written by hand, use those of a framework, or of spareto.neurons."
            tape.problems.clear()  # all else follows from it
            tape.refuse("no neurons", "neurons of a known framework", cure, "network")
        elif len(steps) != 1 or None in steps:
            numbers = ", ".join(str(step) for step in sorted(step for step in steps if step is not None))
            tape.refuse(f"neurons called {numbers} times", "once a timestep", "Call each once.", "network")
        timesteps = next(iter(steps)) if len(steps) == 1 else 0
        tape.timesteps = timesteps
        currents = {calls.node: self._current(calls) for calls in self.neurons.values()}
        if not self.neurons:
            raise ConfigError(tape.problems)
        tree = self._tree(
            output[0] if hands_state(self.network) and isinstance(output, tuple) else output, "output"
        )
        if tape.problems:
            raise ConfigError(tape.problems)
        graph = Graph(
            timesteps,
            list(self.neurons.values()),
            currents,
            tree,
            takes_time,
            tuple(self._by_step),
            tuple(tape.computed),
            constants=tuple(self._constants),
        )
        graph.leave_out_unread()
        if not graph.neurons:
            cure = "Return spikes, potentials or what is computed of them, not an attribute."
            raise ConfigError(
                Problem("network", "an output that no neurons reach", "one that some reach", cure)
            )
        return graph

    def _current(self, calls: NeuronCalls) -> Node:
        """What a layer of neurons is given at every timestep."""
        if -1 in calls.inputs:
            return calls.inputs[-1]
        steps = [calls.inputs[t] for t in range(len(calls.inputs))]
        last = steps[-1]
        changed = [t for t in range(2, len(steps)) if steps[t] is not steps[t - 1]]
        if not changed and steps[0] is not last and not (comes_back(last) and len(steps) > 1):
            changed = [1]  # the first timestep may differ only in what comes back
        if changed:
            at = changed[0]
            place, what, cure = differing(steps[at - 1], last if at == 1 else steps[at])
            where = f", in '{place}'" if place else ""
            got = f"{what} in front from timestep {at} on{where}"
            return self.tape.refuse(got, "the same in every timestep", cure, f"'{calls.name}'")
        return last

    def _tree(self, output: Any, place: str) -> Any:
        if isinstance(output, Tensor):
            ref = self.tape.ref(output)
            if ref is None:
                self._constants.append(place)
                return None
            if ref.form in ("step", "first"):
                return self._last(ref)
            return ref.node, ref.form
        if isinstance(output, dict):
            return {key: self._tree(value, f"{place}[{key!r}]") for key, value in output.items()}
        if isinstance(output, list | tuple):
            if len(output) > 1 and self._is_sequence(output):
                ref = self.tape.ref(output[-1])
                assert ref is not None
                return ref.node, "TB"
            return [self._tree(value, f"{place}[{number}]") for number, value in enumerate(output)]
        return None

    def _is_sequence(self, output: Any) -> bool:
        refs = [self.tape.ref(item) for item in output]
        return len(refs) == self.tape.timesteps and all(
            ref is not None and ref.form == "step" and ref.t == t for t, ref in enumerate(refs)
        )

    def _last(self, ref: Ref) -> tuple[Node, Form]:
        signals, node = self.tape.signals, ref.node
        if node.kind == "unknown":
            return node, "sample"
        if ref.form == "first":
            got, cure = "a timestep with an axis of its own as the output", "Return it without that axis."
            return self.tape.refuse(got, "all timesteps or the last", cure), "sample"
        if ref.t != (self.tape.timesteps or 0) - 1:
            cure = "Return all timesteps, or the last one."
            return self.tape.refuse(
                f"timestep {ref.t} as the output", "all timesteps or the last", cure
            ), "sample"
        how = "last"
        if node.kind == "running":
            node, how = node.inputs[0], "sum"
        return signals.node("vote", how, how, (node,), node.shape, ref.node.place), "sample"
