"""A plan's parts, and which product is charged with which neurons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Final

from torch import Tensor

from spareto.core.errors import ConfigError, Problem
from spareto.profiling.behind import Behind
from spareto.profiling.mixing import mixes
from spareto.profiling.tracer import NeuronEvent, ProductEvent, Trace
from spareto.profiling.uses import Runs, Use, untold

MIXES: Final = "It runs once and mixes the timesteps, so the neurons behind it are charged alone."


@dataclass
class Planned:
    """A product, and the neurons it is charged with.

    Args:
        use: Its calls.
        neurons: Place among the neurons of the plan; None without any.
        constant: What reaches each output channel in every timestep without any input; None for nothing.
        normed: Whether a norm stands between it and its neurons.
        turned: Whether axes are turned or joined between it and its neurons.
        notes: What a reader should know, in sentences.
    """

    use: Use[ProductEvent]
    neurons: int | None = None
    constant: Tensor | None = None
    normed: bool = False
    turned: bool = False
    notes: list[str] = field(default_factory=list[str])


@dataclass
class CountingPlan:
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
        alone: Places in `neurons` of those that no product feeds.
    """

    steps: int
    products: list[Planned]
    neurons: list[Use[NeuronEvent]]
    operators: list[tuple[str, tuple[bool, ...], int | None]]
    calls: dict[tuple[str, int], int]
    spikes: dict[int, int]
    dispatched: int
    alone: tuple[int, ...] = ()


def charge(
    planned: list[Planned],
    neurons: list[Use[NeuronEvent]],
    groups: dict[int, int],
    behind: Behind,
    runs: Runs,
) -> tuple[int, ...]:
    """Charge each group of neurons to one of the products that feed it; the others say whose it is.

    Neurons whose only products mix timesteps are charged alone.

    Returns:
        Places of the groups that no product feeds: they are charged alone.

    Raises:
        ConfigError: Such neurons are written out by hand, so that nobody sees what enters them.
    """
    feeders: defaultdict[int, list[int]] = defaultdict(list)
    for place, product in enumerate(planned):
        found = behind.first.get(product.use.first.operation)
        if found is None:
            product.notes.append("No neurons stand behind it, so none are charged.")
        elif mixes(product.use, neurons[groups[found.operation]], behind, runs):
            product.notes.append(MIXES)
        else:
            feeders[groups[found.operation]].append(place)
    for group, places in feeders.items():
        _refuse_taken_in_turn([planned[place].use for place in places], behind)
        inside = {event.call for event in neurons[group].events if event.call >= 0}
        outside = [place for place in places if not _runs_in(planned[place].use.first, inside, runs.two)]
        owner = max(_forward(outside or places, planned, neurons[group], behind))
        planned[owner].neurons = group
        for place in places:
            if place != owner:
                planned[place].notes.append(f"Its neurons are charged to '{planned[owner].use.name}'.")
        _hold(planned[owner], neurons[group])
    alone = tuple(place for place in range(len(neurons)) if place not in feeders)
    _refuse_by_hand(neurons[place] for place in alone)
    return alone


def _refuse_taken_in_turn(uses: list[Use[ProductEvent]], behind: Behind) -> None:
    """Refuse calls of one layer that are no timesteps, though neurons take one after the other.

    Raises:
        ConfigError: There are some.
    """
    taken: defaultdict[Hashable, set[int]] = defaultdict(set)
    for use in uses:
        if not use.looped and use.layout.steps == 1:
            taken[use.first.layer].add(behind.first[use.first.operation].operation)
    problems = [
        untold(
            use.first,
            sum(other.first.layer == use.first.layer for other in uses),
            len(taken[use.first.layer]),
        )
        for use in uses
        if len(taken.get(use.first.layer, ())) > 1
    ]
    if problems:
        raise ConfigError(dict.fromkeys(problems))


def _hold(planned: Planned, neurons: Use[NeuronEvent]) -> None:
    """What a layer computes once is held for all timesteps of its neurons."""
    use = planned.use
    once = not use.looped and use.layout.steps == 1
    steps = neurons.steps
    if once and steps > 1:
        use.behind = steps - 1
        planned.notes.append(f"It runs once, and its neurons take the result in {steps} timesteps.")


def _forward(
    places: list[int], planned: list[Planned], neurons: Use[NeuronEvent], behind: Behind
) -> list[int]:
    """Of several products before neurons, those that do not read the neurons' own spikes, if any."""
    if len(places) == 1:
        return places
    walk, calls = behind.walk, [event.call for event in neurons.events if event.call >= 0]
    back = walk.products_behind(event.value for event in neurons.events)
    entering = walk.products_behind((value for call in calls for value in walk.seen.calls[call].reads), calls)
    forward = [place for place in places if not back & _operations(planned[place])]
    return [place for place in forward if entering & _operations(planned[place])] or forward or places


def _operations(planned: Planned) -> set[int]:
    return {event.operation for event in planned.use.events}


def _runs_in(product: ProductEvent, calls: set[int], two: Trace) -> bool:
    seen = two.recorder.seen
    call = seen.operations[product.operation].call
    while call >= 0:
        if call in calls:
            return True
        call = seen.calls[call].parent
    return False


def _refuse_by_hand(alone: Iterable[Use[NeuronEvent]]) -> None:
    ConfigError.if_any(
        Problem(
            f"neurons written out at {use.first.place}",
            "no layer that feeds them timestep by timestep",
            "one behind a convolution, dense layer or product, or a module of their own",
            "Make them a module and name it: neurons={'its.name': 'lif'}. They would be costed as nothing.",
        )
        for use in alone
        if use.first.facts is None
    )
