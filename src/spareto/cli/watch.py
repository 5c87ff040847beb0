"""`spareto study watch`: how a study gets on, from another terminal."""

from __future__ import annotations

import json as json_module
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated

from rich.console import Group
from rich.live import Live
from rich.text import Text

from spareto.cli import numbers
from spareto.cli.console import Console, Flag, table_of
from spareto.cli.spans import span
from spareto.core.amounts import MICROJOULES, energy
from spareto.core.text import one_line, visible
from spareto.records.rows import TrialRow, row_chosen_by
from spareto.study.store import TrialStore
from spareto.study.watching import State, state_of

SHOWN = 8
"""Rows of the front that fit beside the rest."""


def watch(
    run: str,
    /,
    *,
    every: Annotated[float, numbers.above()] = 2.0,
    once: Flag = False,
    plain: Flag = False,
    json: Flag = False,
) -> None:
    """Show how a study gets on: running trials, the front so far, the pace and the time that is left.

    Ends when nothing is running or waiting any more; Ctrl-C ends it, too, and the study goes on.

    Args:
        run: Run folder, database file, or URL of a server with study=NAME in its query.
        every: Seconds between two looks.
        once: Look once.
        plain: One line a look, for logs.
        json: One line of JSON a look, for machines.
    """
    console = Console()
    with suppress(KeyboardInterrupt), TrialStore.of(run) as store:
        looks = _looks(store, max(0.1, every), once=once)
        if json or plain or not console.is_terminal:
            for state in looks:
                print(json_module.dumps(state.to_dict()) if json else line_of(state), flush=True)
            return
        with Live(console=console, auto_refresh=False) as live:
            for state in looks:
                live.update(shown(state), refresh=True)


def _looks(store: TrialStore, every: float, *, once: bool) -> Iterator[State]:
    while True:
        state = state_of(store)
        yield state
        if once or not (state.running or state.waiting):
            return
        time.sleep(every)


def line_of(state: State) -> str:
    """A state in one line."""
    total = state.done + len(state.running) + state.waiting
    said = [f"{state.study}: {state.done} of {total} trials", f"{len(state.running)} running", *_pace(state)]
    if state.front:
        said.append(f"front {', '.join(_point(row) for row in state.front[:3])}")
    return visible("; ".join(said))


def shown(state: State) -> Group:
    """A state as a table of at most 80 columns."""
    head = "; ".join(
        [line_of(State(state.study, state.done, state.running, state.waiting, [], None, None)), *_pace(state)]
    )
    running = table_of(padding=0)
    running.add_column("running", overflow="ellipsis", no_wrap=True, max_width=36)
    running.add_column("seed", justify="right")
    running.add_column("for", justify="right")
    running.add_column("by", overflow="ellipsis", no_wrap=True, max_width=26)
    for each in state.running:
        late = " (no heartbeat)" if each.late else ""
        label = visible(str(each.job.get("label", "")))
        running.add_row(label, str(each.job.get("seed", "")), span(each.seconds), f"{each.worker}{late}")
    front = table_of(padding=0)
    front.add_column("front so far", overflow="ellipsis", no_wrap=True, max_width=40)
    front.add_column("validated", justify="right")
    front.add_column("energy", justify="right")
    for row in state.front[-SHOWN:]:
        used = energy(row["energy_pj"], MICROJOULES)
        front.add_row(one_line(row["trial"], 40), f"{row_chosen_by(row):.1%}", used)
    return Group(Text(head), running, front)


def _pace(state: State) -> list[str]:
    said: list[str] = []
    if state.trials_per_hour is not None:
        said.append(f"{state.trials_per_hour:.3g} trials an hour")
    if state.seconds_left is not None:
        low, high = state.seconds_left
        said.append(f"{span(low)} to {span(high)} left")
    return said


def _point(row: TrialRow) -> str:
    return f"{row_chosen_by(row):.1%} at {energy(row['energy_pj'], MICROJOULES).strip()}"
