"""One layout for every use: what others prove, or what is asked."""

from __future__ import annotations

from collections.abc import Sequence

from spareto.core.errors import Problem
from spareto.profiling.tracer import NeuronEvent, ProductEvent
from spareto.profiling.uses import Use, mark_of, unproven


def settle(uses: Sequence[Use[ProductEvent] | Use[NeuronEvent]], asked: str | None) -> list[Problem]:
    """Leave each use one layout: what others prove, or what is asked; problems of those that stay open."""
    proven = {use.choices[0].order for use in uses if len(use.choices) == 1} - {""}
    stated = asked if asked in ("time-batch", "batch-time") else ""
    order = next(iter(proven)) if len(proven) == 1 else stated
    problems: list[Problem] = []
    for use in uses:
        for choices in (use.choices, use.right):
            if len(choices) > 1:
                kept = [layout for layout in choices if layout.order == order] if order else choices
                choices[:] = kept or choices
        if _is_silent(use):
            use.unsure = len(use.choices) > 1 or len(use.right) > 1
            use.choices, use.right = use.choices[:1], use.right[:1]
        if len(use.choices) != 1 or len(use.right) > 1 or _lacks_right(use):
            problems.append(unproven(use))
    return problems


def _is_silent(use: Use[ProductEvent] | Use[NeuronEvent]) -> bool:
    marks = [mark_of(event, right=False) for event in use.events]
    marks += [
        event.right for event in use.events if isinstance(event, ProductEvent) and event.right is not None
    ]
    return not any(bool(mark.rows.any()) for mark in marks)


def _lacks_right(use: Use[ProductEvent] | Use[NeuronEvent]) -> bool:
    return isinstance(use.first, ProductEvent) and use.first.right is not None and not use.right
