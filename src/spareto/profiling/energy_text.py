"""The energy of an inference as a table of text, 80 columns wide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Final

from spareto.core.amounts import MICROJOULES, duration, energy, memory
from spareto.records import Cost, Workload
from spareto.records.cost import energy_by_part
from spareto.records.workload import Layer, Product

WIDTH: Final = 80
PARTS: Final = 5  # the largest shares that are named; the others are one entry
NAME: Final = 22  # the least width of names, so that four accelerators fit beside each other
CELL: Final = 14
NUMBERS: Final = "Reads numbers, not spikes: each is multiplied, in every timestep."
ONE_STEP: Final = (
    "The network ran for one timestep. For more, repeat the samples: frames.expand(timesteps, *frames.shape)."
)
SMALL: Final = 0.005  # shares below it are 0 % when rounded


def text_of(
    accuracy: float | None, workload: Workload, costs: Mapping[str, Cost], refused: Mapping[str, str]
) -> str:
    """The table.

    Args:
        accuracy: Share of right answers, if it was measured.
        workload: The measured network.
        costs: Cost by accelerator.
        refused: Reason by accelerator that cannot run it.
    """
    lines = [*_head(accuracy, workload)]
    each = (WIDTH - NAME) // CELL
    names = list(costs)
    for first in range(0, len(names), each):
        shown = {name: costs[name] for name in names[first : first + each]}
        lines += ["", *_table(workload, shown)]
    lines += ["", *_parts(costs)]
    lines += [line for name, why in refused.items() for line in _wrapped(f"{name} cannot run it: {why}")]
    return "\n".join([*lines, *remarks(workload)])


def _head(accuracy: float | None, workload: Workload) -> Iterator[str]:
    samples, steps = _counted(workload.samples, "sample"), _counted(workload.timesteps, "timestep")
    yield f"Energy of one inference, mean of {samples}, {steps}"
    if accuracy is not None:
        yield f"Accuracy {100 * accuracy:.1f} %"


def _table(workload: Workload, costs: Mapping[str, Cost]) -> Iterator[str]:
    parts = (*workload.layers, *workload.products)
    names = [_shown(part) for part in parts]
    width = min(max(NAME, *(len(name) for name in names)), WIDTH - CELL * len(costs))
    yield _row("", [name[: CELL - 1] for name in costs], width)
    for place, name in enumerate(names):
        energies = [energy(cost.attributed[place].energy_pj, MICROJOULES) for cost in costs.values()]
        yield _row(name, energies, width)
    yield _row("total", [energy(cost.energy_pj, MICROJOULES) for cost in costs.values()], width)
    if any(cost.latency_us for cost in costs.values()):
        yield _row("time", [duration(cost.latency_us) for cost in costs.values()], width)
    yield _row("stored weights", [memory(cost.footprint_bits) for cost in costs.values()], width)
    yield _row("weight format", [cost.weight_format for cost in costs.values()], width)


def _parts(costs: Mapping[str, Cost]) -> Iterator[str]:
    """What the energy is spent on, and which components take it, as shares."""
    for name, cost in costs.items():
        yield from _wrapped(f"{name}: {_shares(energy_by_part(cost))}")
        if len({layer.weight_format for layer in cost.layers}) > 1:
            own = ", ".join(f"{layer.name}\N{NO-BREAK SPACE}{layer.weight_format}" for layer in cost.layers)
            yield from wrap(f"weights as {own}", WIDTH, initial_indent="  ", subsequent_indent="  ")
        yield from wrap(
            f"in {_shares(cost.energy_by_component())}", WIDTH, initial_indent="  ", subsequent_indent="  "
        )


def _shares(energies: Mapping[str, float]) -> str:
    """The largest shares by name, and the rest in one."""
    ranked = sorted(energies.items(), key=lambda item: -item[1])
    total = sum(energies.values()) or 1.0
    named = [(part, energy) for part, energy in ranked[:PARTS] if energy >= SMALL * total]
    rest = total - sum(energy for _, energy in named)
    if rest >= SMALL * total and named:
        named.append(("others", rest))
    shares = [(part, f"{100 * (energy / total):.0f}") for part, energy in named]
    return ", ".join(f"{part}\N{NO-BREAK SPACE}{share}\N{NO-BREAK SPACE}%" for part, share in shares)


def remarks(workload: Workload) -> Iterator[str]:
    """What a reader must know: how the network was run, and what was not charged."""
    for note in workload.notes:
        yield from _wrapped(note)
    if workload.timesteps == 1 and any(part.neuron for part in workload.layers):
        yield from _wrapped(ONE_STEP)
    for note, names in _noted(workload).items():
        yield from _wrapped(f"{', '.join(names)}: {note}")
    left_out = [free.name for free in workload.free if free.kind == "parameter"]
    if left_out:
        yield from _wrapped(f"Parameters that no counted layer reads: {', '.join(left_out)}.")


def _noted(workload: Workload) -> dict[str, list[str]]:
    """Names of the parts by what is said of them."""
    found: dict[str, list[str]] = {}
    for layer in workload.layers:
        if layer.input.kind == "analog" and layer.kind not in ("neurons", "embedding"):
            found.setdefault(NUMBERS, []).append(_shown(layer))
    for part in (*workload.layers, *workload.products):
        if part.note:
            found.setdefault(part.note, []).append(_shown(part))
    return found


def _shown(part: Layer | Product) -> str:
    """The name; of a part of a plain sequence, which has but a number, what it is, too."""
    if not isinstance(part, Layer) or not part.name.replace(".", "").isdigit():
        return part.name
    return f"{part.name} ({part.kind})"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _row(name: str, cells: list[str], width: int) -> str:
    shown = name if len(name) <= width else f"…{name[1 - width :]}"
    return f"{shown:<{width}}" + "".join(f"{cell:>{CELL}}" for cell in cells)


def _wrapped(text: str) -> list[str]:
    return wrap(text, WIDTH, subsequent_indent="  ")
