"""From calls to uses: which calls are one layer's timesteps, and where time and samples lie in each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import gcd
from typing import Final, Generic, Literal, TypeVar

from spareto.core.errors import ConfigError, Problem
from spareto.frameworks import NeuronFacts
from spareto.profiling.arrange import arrange
from spareto.profiling.axes import Layout, Mark, Sight, agree, layouts
from spareto.profiling.behind import neurons_behind
from spareto.profiling.tracer import Event, NeuronEvent, ProductEvent, Trace

TIME_CURE: Final = 'Say how by time="calls", "time-batch" or "batch-time".'
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
        unsure: Nothing but zeros was seen, which do not tell where samples lie.
        before: Timesteps before the first call, in which it is not called.
        behind: Timesteps after the last call: what is computed once goes into all of them.
    """

    events: list[EventT]
    looped: bool
    name: str = ""
    choices: list[Layout] = field(default_factory=list[Layout])
    right: list[Layout] = field(default_factory=list[Layout])
    unsure: bool = False
    before: int = 0
    behind: int = 0

    @property
    def first(self) -> EventT:
        """Its first call."""
        return self.events[0]

    @property
    def layout(self) -> Layout:
        """Where time and samples lie, once that is settled."""
        return self.choices[0]

    @property
    def steps(self) -> int:
        """Timesteps of all its calls together."""
        return len(self.events) if self.looped else self.layout.steps


class Runs:
    """The runs that tell what every call is.

    Args:
        one: A run on one sample.
        two: A run on that sample and another.
        more: Makes a run on that sample with one timestep more; None where the network takes none.
        asked: `calls`, `time-batch` or `batch-time`, if the caller said so.
    """

    def __init__(self, one: Trace, two: Trace, more: Callable[[], Trace | None], asked: str | None) -> None:
        self.one, self.two, self.asked = one, two, asked
        self._more = more

    @cached_property
    def longer(self) -> Trace | None:
        """The run with one timestep more; made when something depends on it."""
        return self._more()


def uses_of(events: Sequence[EventT], runs: Runs, steps: int) -> list[Use[EventT]]:
    """Calls of one site and one use together, in the order they first ran.

    Raises:
        ConfigError: Calls of a site cannot be told apart, or nobody can say whether they are timesteps.
    """
    calls = _Calls(events, runs, steps)
    looped = calls.looped()
    turns = arrange(calls.sites, steps, looped, calls.short, calls.shown)
    if not isinstance(turns, list):
        raise ConfigError(untold(calls.first[turns], calls.counts[turns], steps))
    uses: dict[tuple[Hashable, int], Use[EventT]] = {}
    for event, site, turn in zip(events, calls.sites, turns, strict=True):
        uses.setdefault((site, turn.use), Use([], site in looped)).events.append(event)
    for (site, _), use in uses.items():
        calls.find_choices(use)
        use.before = steps - len(use.events) if site in calls.short else 0
    return list(uses.values())


class _Calls(Generic[EventT]):
    """All calls of one kind, with what they are in the other runs."""

    def __init__(self, events: Sequence[EventT], runs: Runs, steps: int) -> None:
        self.events, self.runs, self.steps = events, runs, steps
        self.sites = _sites(events, steps)
        self.counts = Counter(self.sites)
        self.first = dict(zip(reversed(self.sites), reversed(events), strict=True))
        self._twins = {id(event): twin for event, twin in zip(events, _in(runs.one, events), strict=True)}
        self.short: set[Hashable] = set()
        """Looped sites that are left out in some timesteps, such as the first."""

    @cached_property
    def _longer(self) -> dict[int, Event]:
        """Calls of sites that are called as often in the longer run, by the call here."""
        found: dict[int, Event] = {}
        more = self._of_longer
        for site, count in self.counts.items():
            if len(more[site]) == count:
                own = [event for event, each in zip(self.events, self.sites, strict=True) if each == site]
                found.update({id(event): other for event, other in zip(own, more[site], strict=True)})
        return found

    @cached_property
    def _of_longer(self) -> defaultdict[Hashable, list[Event]]:
        found: defaultdict[Hashable, list[Event]] = defaultdict(list)
        longer = self.runs.longer
        if longer is not None and self.events:
            kind = type(self.events[0])
            events: list[Event] = list(
                longer.products if kind is ProductEvent else neurons_behind(longer).events
            )
            known = set(self.sites)
            for event in events:
                short = _without_place(event)
                found[short if short in known else event.site].append(event)
        return found

    # --- which sites are called once a timestep

    def looped(self) -> set[Hashable]:
        """Sites of which each call is one timestep.

        Raises:
            ConfigError: Nobody can say of some.
        """
        if self.steps == 1:
            return set()
        found = {site: self._is_looped(site) for site in self.counts}
        unknown = [site for site, looped in found.items() if looped is None]
        if unknown:
            raise ConfigError(dict.fromkeys(_either(self.first[site], self.counts[site]) for site in unknown))
        return {site for site, looped in found.items() if looped}

    def _is_looped(self, site: Hashable) -> bool | None:
        event, count = self.first[site], self.counts[site]
        facts = event.facts if isinstance(event, NeuronEvent) else None
        if facts is not None:
            one_step = facts.axes == "one step" or _held(event.output.shape, facts) == 1
            return one_step and (count % self.steps == 0 or self._is_short(site))
        if count % self.steps:
            return count > 1 and self._is_uneven(site)
        if not self._choices(event, self.steps):
            return True
        return self._of_both(site)

    def _of_both(self, site: Hashable) -> bool | None:
        """Whether calls are timesteps, where a call might hold them all: a longer run shows it."""
        event, count = self.first[site], self.counts[site]
        if self.runs.asked == "calls":
            return True
        more = len(self._of_longer[site])
        if more * self.steps == count * (self.steps + 1):
            return True
        if more == count and self._sight(event, long=True).grows(self.steps) is not None:
            return False
        known = {each.facts.axes for each in self.runs.two.neurons if each.facts}
        if "one step" in known:
            return True
        return False if known or self.runs.asked else None

    def _is_uneven(self, site: Hashable) -> bool:
        """Whether a site that is called another number of times runs timestep by timestep all the same.

        Raises:
            ConfigError: It does, in an order that nobody knows.
        """
        if self._is_short(site):
            return True
        if self.runs.longer is not None and len(self._of_longer[site]) != self.counts[site]:
            raise ConfigError(untold(self.first[site], self.counts[site], self.steps))
        return False

    def shown(self, site: Hashable) -> Literal["steps", "uses"] | None:
        """In which order a site is called several times a timestep: the longer run begins with the same."""
        own = [
            mark_of(self._twins[id(event)], right=False)
            for event, each in zip(self.events, self.sites, strict=True)
            if each == site
        ]
        more = [mark_of(event, right=False) for event in self._of_longer[site]]
        steps, uses = self.steps, len(own) // self.steps
        if len(more) != uses * (steps + 1):
            return None
        by_use = [mark for use in range(uses) for mark in more[use * (steps + 1) :][:steps]]
        fits = [agree(own, other) for other in (more, by_use)]
        return None if fits[0] == fits[1] else "steps" if fits[0] else "uses"

    def _is_short(self, site: Hashable) -> bool:
        """Whether a site is called once in every timestep but some: one timestep more is one call more."""
        more = self._of_longer[site]
        if len(more) != self.counts[site] + 1 or self.counts[site] >= self.steps:
            return False
        if len({mark_of(event, right=False).shape for event in more}) > 1:  # several timesteps a call
            return False
        self.short.add(site)
        return True

    # --- where time and samples lie

    def find_choices(self, use: Use[EventT]) -> None:
        """Layouts that all calls of a use allow."""
        held = 1 if use.looped else self.steps
        for event in use.events:
            found = self._choices(event, held)
            if len(found) != 1 and held > 1:
                found = self._choices(event, held, long=True)
            if held > 1 and not found:  # it runs once an inference
                found = self._choices(event, 1)
            use.choices = found if event is use.first else [each for each in use.choices if each in found]
        if isinstance(use.first, ProductEvent) and use.first.right is not None:
            use.right = self._right(use.first, held)

    def _right(self, event: ProductEvent, held: int) -> list[Layout]:
        found: list[Layout] = []
        for long in (False, True) if held > 1 else (False,):
            sight = self._sight(event, long=long, right=True)
            found = layouts(sight, len(sight.two.shape) - 2, held)
            if len(found) == 1:
                break
        return found

    def _choices(self, event: EventT, steps: int, *, long: bool = False) -> list[Layout]:
        sight = self._sight(event, long=long)
        if isinstance(event, ProductEvent):
            return layouts(sight, len(event.x.shape) - event.product.features, steps)
        facts = event.facts if isinstance(event, NeuronEvent) else None
        found = layouts(sight, None, steps)
        if steps == 1 or facts is None or facts.axes == "one step":
            return found
        return [each for each in found if _is_declared(each, facts)]

    def _sight(self, event: Event, *, long: bool = False, right: bool = False) -> Sight:
        longer = self._longer.get(id(event)) if long else None
        one, two = (mark_of(each, right) for each in (self._twins[id(event)], event))
        return Sight(one, two, None if longer is None else mark_of(longer, right))


def mark_of(event: Event, right: bool) -> Mark:
    """What is looked at of a call: what enters a product, or its right operand, and what neurons give."""
    if not isinstance(event, ProductEvent):
        return event.output
    if not right:
        return event.x
    assert event.right is not None, "calls of one site are alike"
    return event.right


def _is_declared(layout: Layout, facts: NeuronFacts) -> bool:
    """Whether time and samples lie as the neurons' class declares."""
    kinds = [[kind for _, kind in axis] for axis in layout.axes]
    if facts.squeezed:
        return kinds[0] == ["batch", "time"]
    time, batch = (0, 1) if facts.axes == "time-batch" else (1, 0)
    return len(kinds) > 1 and kinds[time] == ["time"] and "batch" in kinds[batch]


def _sites(events: Sequence[Event], steps: int) -> list[Hashable]:
    """The site of every call; places in the code do not part calls of which each timestep has one."""
    counts: defaultdict[Hashable, Counter[Hashable]] = defaultdict(Counter)
    for event in events:
        counts[_without_place(event)][event.site] += 1
    whole = {
        site
        for site, places in counts.items()
        if len(places) > 1 and any(count % steps for count in places.values())
    }
    return [short if (short := _without_place(event)) in whole else event.site for event in events]


def _without_place(event: Event) -> Hashable:
    return event.layer if isinstance(event, ProductEvent) else event.site


def _in(one: Trace, events: Sequence[EventT]) -> list[EventT]:
    """The same calls in the run on one sample.

    Raises:
        ConfigError: Some are not there.
    """
    if not events:
        return []
    if isinstance(events[0], ProductEvent):
        return list(one.products)  # pyright: ignore[reportReturnType]
    calls = {(event.module, event.occurrence): event for event in one.neurons}
    operators = {event.occurrence: event for event in one.spiking.values()}
    found = [
        calls.get((event.module, event.occurrence)) if event.facts else operators.get(event.occurrence)
        for event in events
        if isinstance(event, NeuronEvent)
    ]
    lost = [event for event, twin in zip(events, found, strict=True) if twin is None]
    if lost:
        rule = "the same calls for any number of samples"
        cure = "Declare its neurons by name: neurons={...}."
        raise ConfigError(
            Problem(f"neurons at {event.place}", "a call that one sample alone does not make", rule, cure)
            for event in lost
        )
    return [twin for twin in found if twin is not None]  # pyright: ignore[reportReturnType]


def steps_of(two: Trace, events: Sequence[NeuronEvent]) -> int:
    """Timesteps of an inference: as neurons say, else as often as sites are called."""
    declared, calls = set[int](), Counter[Hashable]()
    for event in events:
        held = 1 if event.facts is None else _held(event.output.shape, event.facts)
        if held == 1:
            calls[event.site] += 1
        else:
            declared.add(held)
    if declared:
        return max(declared)
    calls = calls or Counter(event.site for event in two.products)
    return gcd(*(count for count in calls.values())) if calls else 1


def _held(shape: tuple[int, ...], facts: NeuronFacts) -> int:
    """Timesteps that neurons hold in one call, for two samples."""
    if facts.axes == "one step":
        return 1
    if facts.squeezed:
        return facts.steps or shape[0] // 2
    return shape[0 if facts.axes == "time-batch" else 1]


def unproven(use: Use[ProductEvent] | Use[NeuronEvent]) -> Problem:
    """What is said of a use of which nobody knows where time and samples lie."""
    event = use.first
    got = (
        f"{len(use.events)} calls with a tensor of shape {mark_of(event, right=False).shape} for two samples"
    )
    rule = "time and samples on leading axes that can be told apart"
    return Problem(f"{_told(event)} ({event.place})", got, rule, TIME_CURE)


def _either(event: Event, calls: int) -> Problem:
    got = f"{calls} calls with a tensor of shape {mark_of(event, right=False).shape} for two samples"
    rule = "calls that hold one timestep or all of them, and a way to tell"
    return Problem(f"{_told(event)} ({event.place})", got, rule, TIME_CURE)


def _told(event: Event) -> str:
    return f"layer '{event.name}'" if isinstance(event, ProductEvent) else f"neurons '{event.module}'"


def untold(event: Event, calls: int, steps: int) -> Problem:
    """What is said of a layer whose calls do not follow the timesteps."""
    got, rule = f"{calls} calls in {steps} timesteps", "calls that follow the timesteps in one order"
    cure = "Give each use a module of its own, or call it in one loop over the timesteps."
    return Problem(f"{_told(event)} ({event.place})", got, rule, cure)
