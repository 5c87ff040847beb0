"""From two traces to a plan: what every call of a product and of neurons is, in every batch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from math import gcd
from typing import Generic, TypeVar

from torch import Tensor

from spareto.core.errors import ConfigError, Problem
from spareto.profiling.arrange import arrange
from spareto.profiling.axes import Layout, Mark, layouts
from spareto.profiling.behind import Behind, neurons_behind
from spareto.profiling.tracer import Event, NeuronEvent, ProductEvent, Trace

TIME_CURE = 'Say how by time="calls", "time-batch" or "batch-time".'
EventT = TypeVar("EventT", bound=Event)


@dataclass
class Use(Generic[EventT]):
    """One use of a site: a layer, a product of activations, or a group of neurons.

    Args:
        events: Its calls, in order.
        looped: Whether each call is one timestep.
        name: Its name, different from all others of its kind.
        choices: Where time and samples may lie in what enters (products) or leaves (neurons).
        right: The same of the right operand of a pair.
    """

    events: list[EventT]
    looped: bool
    name: str = ""
    choices: list[Layout] = field(default_factory=list[Layout])
    right: list[Layout] = field(default_factory=list[Layout])

    @property
    def first(self) -> EventT:
        """Its first call."""
        return self.events[0]

    @property
    def layout(self) -> Layout:
        """Where time and samples lie, once that is settled."""
        return self.choices[0]


@dataclass
class Planned:
    """A product, and the neurons it is charged with.

    Args:
        use: Its calls.
        neurons: Place among the neurons of the plan; None without any.
        constant: What reaches each output channel in every timestep without any input; None for nothing.
        normed: Whether a norm stands between it and its neurons.
        notes: What a reader should know, in sentences.
    """

    use: Use[ProductEvent]
    neurons: int | None = None
    constant: Tensor | None = None
    normed: bool = False
    notes: list[str] = field(default_factory=list[str])


@dataclass
class Plan:
    """What is looked at in every batch.

    Args:
        steps: Timesteps of an inference.
        products: Products, in the order they first ran.
        neurons: Groups of neurons, in the order they first ran.
        operators: Every operator that could be a product, in order: its name, what was said of its operands,
            and its place in `products`, or None for one of constants.
        calls: Place in `neurons`, by module and number of its call.
        spikes: Place in `neurons`, by number of the operator that gives spikes.
        dispatched: Operators in all.
    """

    steps: int
    products: list[Planned]
    neurons: list[Use[NeuronEvent]]
    operators: list[tuple[str, tuple[bool, ...], int | None]]
    calls: dict[tuple[str, int], int]
    spikes: dict[int, int]
    dispatched: int


def make_plan(one: Trace, two: Trace, steps: int | None, asked: str | None) -> Plan:
    """What every call is.

    Args:
        one: A run on one sample.
        two: A run on that sample and another.
        steps: Timesteps of the input, if it has a time axis.
        asked: `calls`, `time-batch` or `batch-time`, if the caller said so.

    Raises:
        ConfigError: Calls cannot be told apart, or it cannot be proven where time lies; every place is named.
    """
    _refuse_loops_over_samples(one, two)
    behind = neurons_behind(two)
    steps = steps or _steps(two, behind.events)
    products = _uses(two.products, one.products, steps, two, asked)
    neurons = _uses(behind.events, _twins(one, behind.events), steps, two, asked)
    problems = _settle([*products, *neurons], asked)
    if problems:
        raise ConfigError(dict.fromkeys(problems))
    _name(products)
    planned = [
        Planned(use, constant=behind.constant[place], normed=place in behind.normed)
        for use in products
        for place in [use.first.operation]
    ]
    places = {event.operation: place for place, use in enumerate(products) for event in use.events}
    groups = {event.operation: place for place, use in enumerate(neurons) for event in use.events}
    _charge(planned, neurons, groups, behind, two)
    return Plan(
        steps=steps,
        products=planned,
        neurons=neurons,
        operators=[
            (name, event.answers if event else (), places[event.operation] if event else None)
            for name, event in two.operators
        ],
        calls={(event.module, event.occurrence): groups[event.operation] for event in two.neurons},
        spikes={event.occurrence: groups[event.operation] for event in behind.events if event.facts is None},
        dispatched=two.dispatched,
    )


def _refuse_loops_over_samples(one: Trace, two: Trace) -> None:
    if [name for name, _ in one.operators] == [name for name, _ in two.operators]:
        return
    got = f"{len(one.operators)} products for one sample, {len(two.operators)} for two"
    cure = "Run its samples together, or profile with one sample a batch at a time."
    raise ConfigError(Problem("network", got, "the same operators for any number of samples", cure))


def _steps(two: Trace, events: Sequence[NeuronEvent]) -> int:
    """Timesteps of an inference: as neurons say, else as often as sites are called."""
    declared, calls = set[int](), Counter[Hashable]()
    for event in events:
        facts, shape = event.facts, event.output.shape
        if facts is None or facts.axes == "one step":
            calls[event.site] += 1
        elif facts.squeezed:
            declared.add(facts.steps or shape[0] // 2)
        else:
            declared.add(shape[0 if facts.axes == "time-batch" else 1])
    if declared:
        return max(declared)
    calls = calls or Counter(event.site for event in two.products)
    return gcd(*(count for count in calls.values())) if calls else 1


def _uses(
    events: Sequence[EventT], twins: Sequence[EventT], steps: int, two: Trace, asked: str | None
) -> list[Use[EventT]]:
    """Calls of one site and one use together, in the order they first ran."""
    counts = Counter(event.site for event in events)
    twin_of = {id(event): twin for event, twin in zip(events, twins, strict=True)}
    first = {event.site: event for event in reversed(events)}
    looped = {
        site
        for site, count in counts.items()
        if steps > 1 and count % steps == 0 and not _holds_all(first[site], twin_of, steps, two, asked)
    }
    turns = arrange([event.site for event in events], steps, looped)
    if not isinstance(turns, list):
        raise ConfigError(_untold(first[turns], counts[turns], steps))
    uses: dict[tuple[Hashable, int], Use[EventT]] = {}
    for event, turn in zip(events, turns, strict=True):
        use = uses.setdefault((event.site, turn.use), Use([], event.site in looped))
        use.events.append(event)
    for use in uses.values():
        _find_choices(use, twin_of, steps)
    return list(uses.values())


def _holds_all(event: Event, twin_of: dict[int, EventT], steps: int, two: Trace, asked: str | None) -> bool:
    """Whether one call of a site holds all timesteps, though it is called as often as there are some."""
    if asked == "calls":
        return False
    axes = {neurons.facts.axes for neurons in two.neurons if neurons.facts}
    return "one step" not in axes and bool(axes or asked) and bool(_choices(event, twin_of[id(event)], steps))


def _find_choices(use: Use[EventT], twin_of: dict[int, EventT], steps: int) -> None:
    """Layouts that all calls of a use allow."""
    held = 1 if use.looped else steps
    for event in use.events:
        found = _choices(event, twin_of[id(event)], held)
        if held > 1 and not found:  # it runs once an inference
            found = _choices(event, twin_of[id(event)], 1)
        use.choices = [each for each in use.choices if each in found] if event is not use.first else found
    if isinstance(use.first, ProductEvent) and use.first.right is not None:
        twin = twin_of[id(use.first)]
        assert isinstance(twin, ProductEvent), "twins are alike"
        assert twin.right is not None, "twins are alike"
        right = use.first.right
        use.right = layouts(twin.right, right, len(right.shape) - 2, held)


def _choices(event: Event, twin: Event, steps: int) -> list[Layout]:
    if isinstance(event, ProductEvent) and isinstance(twin, ProductEvent):
        return layouts(twin.x, event.x, len(event.x.shape) - event.product.features, steps)
    found = layouts(twin.output, event.output, None, steps)
    facts = event.facts if isinstance(event, NeuronEvent) else None
    if steps == 1 or facts is None or facts.axes == "one step":
        return found
    return [each for each in found if each.order == facts.axes and (each.time == -1) == facts.squeezed]


def _twins(one: Trace, events: Sequence[NeuronEvent]) -> list[NeuronEvent]:
    """The same calls in the run on one sample."""
    calls = {(event.module, event.occurrence): event for event in one.neurons}
    operators = {event.occurrence: event for event in one.spiking.values()}
    found = [
        calls.get((event.module, event.occurrence)) if event.facts else operators.get(event.occurrence)
        for event in events
    ]
    lost = [event for event, twin in zip(events, found, strict=True) if twin is None]
    if lost:
        rule = "the same calls for any number of samples"
        cure = "Declare its neurons by name: neurons={...}."
        raise ConfigError(
            Problem(f"neurons at {event.place}", "a call that one sample alone does not make", rule, cure)
            for event in lost
        )
    return [twin for twin in found if twin is not None]


def _settle(uses: Sequence[Use[ProductEvent] | Use[NeuronEvent]], asked: str | None) -> list[Problem]:
    """Leave each use one layout: what is asked, or what others prove; problems of those that stay open."""
    proven = {use.choices[0].order for use in uses if len(use.choices) == 1} - {""}
    order = (
        asked if asked in ("time-batch", "batch-time") else next(iter(proven), "") if len(proven) == 1 else ""
    )
    problems: list[Problem] = []
    for use in uses:
        for choices in (use.choices, use.right):
            if len(choices) > 1:
                kept = [layout for layout in choices if layout.order == order] if order else choices
                choices[:] = _plainest(kept or choices)
        if len(use.choices) != 1 or len(use.right) > 1 or _lacks_right(use):
            problems.append(_unproven(use))
    return problems


def _plainest(choices: list[Layout]) -> list[Layout]:
    """One timestep a call: the samples outermost, wherever rows do not tell."""
    if all(layout.steps == 1 for layout in choices):
        return choices[:1]
    return choices


def _lacks_right(use: Use[ProductEvent] | Use[NeuronEvent]) -> bool:
    return isinstance(use.first, ProductEvent) and use.first.right is not None and not use.right


def _unproven(use: Use[ProductEvent] | Use[NeuronEvent]) -> Problem:
    event = use.first
    what = f"layer '{event.name}'" if isinstance(event, ProductEvent) else f"neurons '{event.module}'"
    mark: Mark = event.x if isinstance(event, ProductEvent) else event.output
    got = f"{len(use.events)} calls with a tensor of shape {mark.shape} for two samples"
    rule = "time and samples on leading axes that can be told apart"
    return Problem(f"{what} ({event.place})", got, rule, TIME_CURE)


def _untold(event: Event, calls: int, steps: int) -> Problem:
    name = event.name if isinstance(event, ProductEvent) else event.module
    got, rule = f"{calls} calls in {steps} timesteps", "calls that follow the timesteps in one order"
    cure = "Give each use a module of its own, or call it in one loop over the timesteps."
    return Problem(f"layer '{name}' ({event.place})", got, rule, cure)


def _name(uses: Sequence[Use[ProductEvent]]) -> None:
    """Names that differ; a second use of a name is `name#2`."""
    times: defaultdict[str, int] = defaultdict(int)
    for use in uses:
        base = use.first.name
        times[base] += 1
        use.name = base if times[base] == 1 else f"{base}#{times[base]}"


def _charge(
    planned: list[Planned],
    neurons: list[Use[NeuronEvent]],
    groups: dict[int, int],
    behind: Behind,
    two: Trace,
) -> None:
    """Charge each group of neurons to one of the products that feed it; the others say whose it is."""
    feeders: defaultdict[int, list[int]] = defaultdict(list)
    for place, product in enumerate(planned):
        found = behind.first.get(product.use.first.operation)
        if found is None:
            product.notes.append("No neurons stand behind it, so none are charged.")
        else:
            feeders[groups[found.operation]].append(place)
    for group, places in feeders.items():
        inside = {event.call for event in neurons[group].events if event.call >= 0}
        outside = [place for place in places if not _runs_in(planned[place].use.first, inside, two)]
        owner = max(outside or places)
        planned[owner].neurons = group
        for place in places:
            if place != owner:
                planned[place].notes.append(f"Its neurons are charged to '{planned[owner].use.name}'.")
    _refuse_unfed(neurons, set(feeders))


def _runs_in(product: ProductEvent, calls: set[int], two: Trace) -> bool:
    seen = two.recorder.seen
    call = seen.operations[product.operation].call
    while call >= 0:
        if call in calls:
            return True
        call = seen.calls[call].parent
    return False


def _refuse_unfed(neurons: list[Use[NeuronEvent]], fed: set[int]) -> None:
    problems = [
        Problem(
            f"neurons '{use.first.module}'",
            "neurons that no layer feeds, or that others stand before",
            "one group of neurons behind a convolution, dense layer or product",
            "It would be costed as nothing.",
        )
        for place, use in enumerate(neurons)
        if place not in fed
    ]
    if problems:
        raise ConfigError(problems)
