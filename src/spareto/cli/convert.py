"""`spareto convert`: what a network of another framework becomes in our layers, spike for spike."""

from __future__ import annotations

import json as json_module
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich import box
from rich.table import Table

from spareto.cli.console import Console
from spareto.cli.own import DataWords, NetworkWords, data_named

if TYPE_CHECKING:
    from spareto.converting import ConvertedNetwork

Flag = Annotated[bool, Parameter(negative="")]
HOW, DATA = NetworkWords(), DataWords()


def convert(
    network: str,
    /,
    *,
    data: str,
    how: NetworkWords = HOW,
    frames_are: DataWords = DATA,
    samples: int = 8,
    surrogate: str | None = None,
    json: Flag = False,
) -> None:
    """Convert a network into layers of ours, compare every spike, and say what it became.

    Nothing is written: `spareto.convert(model, sample)` in your own code gives the network.

    Args:
        network: FILE.py:NAME, a function of your own that returns a network of snnTorch, SpikingJelly, Norse
            or sinabs.
        data: As in `spareto profile`; its first samples are run.
        samples: How many samples are compared.
        surrogate: One of our surrogates to train with, instead of each neuron's own.
        json: Print JSON.
    """
    from spareto.converting import convert as converted
    from spareto.data.own.measured import load_measured
    from spareto.study.sources import open_source

    source = open_source(network, how.changes(), compressed=True)
    split = load_measured(data_named(data, frames_are), samples)
    model, notes = source.load()
    found = converted(
        model,
        split.frames,
        time=source.interface.time if source.interface else None,
        layout=split.layout or "time-first",
        surrogate=surrogate,
    )
    row = {
        "network": source.name,
        "parts": _parts(found),
        "neurons": found.neurons,
        "notes": [*split.notes, *notes, *found.notes],
    }
    if json:
        print(json_module.dumps(row, indent=1))
    else:
        _print(row)


def _parts(network: ConvertedNetwork) -> list[dict[str, Any]]:
    places = {place: name for name, place in network.neurons.items()}
    rows = list[dict[str, Any]]()
    for name, part in network.parts.items():
        own = next(
            (theirs for place, theirs in places.items() if f"{place}.".startswith(f"parts.{name}.")), ""
        )
        weights = sum(weight.numel() for weight in part.parameters())
        rows.append({"part": name, "kind": type(part).__name__, "neurons": own, "weights": weights})
    return rows


def _print(row: dict[str, Any]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{row['network']} in layers of Spareto", markup=False)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    for column in ("layer", "kind", "neurons"):
        table.add_column(column, overflow="fold")
    table.add_column("parameters", justify="right")
    for part in row["parts"]:
        table.add_row(part["part"], part["kind"], part["neurons"], f"{part['weights']:,}")
    console.print(table)
    for note in row["notes"]:
        console.print(note, markup=False)
