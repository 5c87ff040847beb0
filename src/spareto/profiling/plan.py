"""From runs to a plan: what every call of a product and of neurons is, in every batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from spareto.core.errors import ConfigError, Problem
from spareto.profiling.behind import neurons_behind
from spareto.profiling.charging import CountingPlan, Planned, charge
from spareto.profiling.settling import settle
from spareto.profiling.tracer import ProductEvent, Trace
from spareto.profiling.uses import Runs, Use, steps_of, uses_of


def make_plan(runs: Runs, steps: int | None) -> CountingPlan:
    """What every call is.

    Args:
        runs: The runs that tell it.
        steps: Timesteps of the input, if it has a time axis.

    Raises:
        ConfigError: Calls cannot be told apart, or it cannot be proven where time lies; every place is named.
    """
    two = runs.two
    _refuse_loops_over_samples(runs.one, two)
    behind = neurons_behind(two)
    steps = steps or steps_of(two, behind.events)
    products = uses_of(two.products, runs, steps)
    neurons = uses_of(behind.events, runs, steps)
    problems = settle([*products, *neurons], runs.asked)
    if problems:
        raise ConfigError(dict.fromkeys(problems))
    _name(products)
    planned = [
        Planned(
            use, constant=behind.constant[place], normed=place in behind.normed, turned=place in behind.turned
        )
        for use in products
        for place in [use.first.operation]
    ]
    places = {event.operation: place for place, use in enumerate(products) for event in use.events}
    groups = {event.operation: place for place, use in enumerate(neurons) for event in use.events}
    alone = charge(planned, neurons, groups, behind, runs)
    return CountingPlan(
        steps=steps,
        products=planned,
        neurons=neurons,
        operators=[
            (name, event.answers if event else (), places.get(event.operation) if event else None)
            for name, event in two.operators
        ],
        calls={(event.module, event.occurrence): groups[event.operation] for event in two.neurons},
        spikes={event.occurrence: groups[event.operation] for event in behind.events if event.facts is None},
        dispatched=two.dispatched,
        alone=alone,
    )


def _refuse_loops_over_samples(one: Trace, two: Trace) -> None:
    if [name for name, _ in one.operators] == [name for name, _ in two.operators]:
        return
    got = f"{len(one.operators)} products for one sample, {len(two.operators)} for two"
    cure = "Run its samples together, or profile with one sample a batch at a time."
    raise ConfigError(Problem("network", got, "the same operators for any number of samples", cure))


def _name(uses: Sequence[Use[ProductEvent]]) -> None:
    """Names that differ; a second use of a name is `name#2`."""
    times: defaultdict[str, int] = defaultdict(int)
    for use in uses:
        base = use.first.name
        times[base] += 1
        use.name = base if times[base] == 1 else f"{base}#{times[base]}"
