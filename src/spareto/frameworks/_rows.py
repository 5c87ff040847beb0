"""What is known of a class of modules: it is a neuron, it is free, it is a layer, or it is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Axes = Literal["one step", "time-batch", "batch-time"]
Update = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class NeuronFacts:
    """What a layer of neurons does, in the words of the workload.

    Args:
        kind: The recurrence: `iaf`, `lif`, `synaptic` ...; the same word for the same recurrence in every
            framework.
        axes: What one call is given: `(batch, ...)`, `(time, batch, ...)` or `(batch, time, ...)`.
        states: State variables one neuron keeps between timesteps, spikes not counted.
        update: Actions on each state variable and actions once a neuron, of one update: `leak` a product or a
            look-up, `integrate` a sum, `compare` a comparison. None where the cost model knows the kind.
        squeezed: Time and batch are merged in the first axis, batch first.
        steps: Timesteps the layer was built for; None takes any.
        samples: Samples a call the layer was built for; None takes any.
        products: It runs products with weights inside; they are counted as layers.
        spikes: Item of a tuple output that holds the spikes.
        counts: It may emit other values than 0 and 1.
        fires: It emits spikes; a leaky integrator emits its potential.
        state_bits: Width of a state variable, where the neuron itself fixes it.
    """

    kind: str
    axes: Axes
    states: int = 1
    update: Update | None = None
    squeezed: bool = False
    steps: int | None = None
    samples: int | None = None
    products: bool = False
    spikes: int = 0
    counts: bool = False
    fires: bool = True
    state_bits: int | None = None


@dataclass(frozen=True)
class Free:
    """A module that costs nothing, and why."""

    why: str


@dataclass(frozen=True)
class Counted:
    """A layer that owns weights: its products are counted."""


@dataclass(frozen=True)
class Refused:
    """A module nobody can cost, and why."""

    why: str


@dataclass(frozen=True)
class Wraps:
    """Whatever holds of the class it derives from, though its `forward` is another."""


Verdict = NeuronFacts | Free | Counted | Refused
Row = Verdict | Wraps | Callable[[Any], Verdict]
"""What holds of a class, or how an instance tells."""


@dataclass(frozen=True)
class Framework:
    """One framework, known by the names of its classes; it is never imported.

    Args:
        name: As its authors write it.
        package: First part of its modules' paths.
        shelves: Rows by the name of the class, by the beginning of its module's path; of several beginnings
            that fit, the longest that has the class counts.
        rest: Row of every other class below a beginning.
        keeps: Whether a module's state survives a call.
        reset: Puts a module that keeps a state back to its beginning.
        told: What is said of a reset; empty where nothing is kept.
        state_buffers: Names of a module's own buffers that hold state and stand in its state dict.
        claims: Whether a module takes every buffer inside of it, also of its children, for its own state.
        hands_state: Classes that return `(output, state)` and take the state back as a second argument.
        aside: Children of a class, by its name, that no inference runs, as a network it was converted from.
        whole: Axes of the input that whole networks of a class declare, by the class's name.
    """

    name: str
    package: str
    shelves: Mapping[str, Mapping[str, Row]]
    rest: Mapping[str, Row] = field(default_factory=dict)
    keeps: Callable[[Any], bool] = lambda module: False
    reset: Callable[[Any], None] = lambda module: None
    told: str = ""
    state_buffers: Callable[[Any], tuple[str, ...]] = lambda module: ()
    claims: Callable[[Any], bool] = lambda module: False
    hands_state: frozenset[str] = frozenset()
    aside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    whole: Mapping[str, Axes] = field(default_factory=dict)

    def owns(self, kind: type) -> bool:
        """Whether a class is the framework's own."""
        return kind.__module__.partition(".")[0] == self.package

    def row(self, kind: type) -> Row | None:
        """What is known of a class of the framework."""
        for shelf in sorted(_fitting(kind, self.shelves), key=len, reverse=True):
            if kind.__name__ in self.shelves[shelf]:
                return self.shelves[shelf][kind.__name__]
        below = max(_fitting(kind, self.rest), key=len, default=None)
        return None if below is None else self.rest[below]


def _fitting(kind: type, beginnings: Mapping[str, Any]) -> list[str]:
    path = kind.__module__ + "."
    return [start for start in beginnings if path.startswith(start + ".") or start == ""]


def descends_from(module: object, package: str, *names: str) -> bool:
    """Whether a module's class is, or derives from, one of that name in that package."""
    return any(
        kind.__name__ in names and kind.__module__.partition(".")[0] == package
        for kind in type(module).__mro__
    )


BLOCK = Free("a block; its parts and their products are counted one by one")
CONTAINER = Free("a container; what it holds is counted")
ENCODER = Free("codes the input before it reaches the first layer")
SURROGATE = Free("part of the neuron that calls it")
SUMMED = Free("a sum of single elements on their way to the next layer")
MOVED = Free("moves elements, computes nothing")
SCALED = Free("a factor that is folded into the next layer's weights")
OWN_NEURON = Refused("a neuron of your own on a bare base class, whose recurrence nobody knows")
NOT_INFERENCE = Refused("a part of training, not of inference")
