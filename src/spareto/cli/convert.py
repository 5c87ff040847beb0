"""`spareto convert`: what a network of another framework becomes in our layers, spike for spike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from spareto.cli import numbers
from spareto.cli.console import Console, Flag, print_json, table_of
from spareto.cli.own import DataWords, NetworkWords, data_named
from spareto.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from spareto.converting import ConvertedNetwork

HOW, DATA = NetworkWords(), DataWords()


def convert(
    network: str,
    /,
    *,
    data: str | None = None,
    how: NetworkWords = HOW,
    frames_are: DataWords = DATA,
    samples: Annotated[int, numbers.count()] = 8,
    surrogate: str | None = None,
    dt: Annotated[float | None, numbers.above()] = None,
    spike_reset: Literal["zero", "subtract"] | None = None,
    layers: Path | None = None,
    out: Path | None = None,
    json: Flag = False,
) -> None:
    """Convert a network into layers of ours, compare every spike, and say what it became.

    Without --out nothing is written: `spareto.convert(model, sample)` in your own code gives the network.

    Args:
        network: FILE.py:NAME, a function of your own that returns a network of snnTorch, SpikingJelly, Norse
            or sinabs, also with layers of Brevitas; or a file: NIR (.nir), one that `spareto export` wrote
            (.safetensors), or a state dict (.pt, .pth), with --layers.
        data: As in `spareto profile`; its first samples are run. Files need none.
        samples: How many samples are compared.
        surrogate: One of our surrogates to train with, instead of each neuron's own.
        dt: Of NIR: how long a timestep is, in the unit of the file's time constants.
        spike_reset: Of NIR, where the file does not say it: what a spike does.
        layers: Of a state dict: a YAML file of its layers and neurons.
        out: Write the network to this file, .safetensors.
        json: Print JSON.
    """
    from spareto.data.own.measured import load_measured
    from spareto.interchange import export_to

    named = None if data is None else data_named(data, frames_are)
    split = None if named is None else load_measured(named, samples)
    if is_file(network):
        name, found, notes = network, _of_file(network, split, dt, spike_reset, layers, surrogate), ()
    else:
        given = {"--dt": dt, "--spike-reset": spike_reset, "--layers": layers}
        _refuse_beside_code(given)
        name, found, notes = _of_code(network, how, split, surrogate)
    told = [*(() if split is None else split.notes), *notes, *found.notes]
    if out is not None:
        export_to(found, "safetensors", out)
        told.append(f"Written to {out}; spareto.load_network reads it.")
    row = {"network": name, "parts": _parts(found), "neurons": found.neurons, "notes": told}
    if json:
        print_json(row)
    else:
        _print(row)


def is_file(network: str) -> bool:
    """Whether a network is named by a file that `spareto.convert` reads."""
    return Path(network).suffix in (".nir", ".safetensors", ".pt", ".pth")


def _of_file(
    network: str,
    split: Any,
    dt: float | None,
    reset: str | None,
    layers: Path | None,
    surrogate: str | None,
) -> ConvertedNetwork:
    from spareto.interchange import convert as converted

    sample = None if split is None else split.frames
    layout = "time-first" if split is None else split.layout or "time-first"
    return converted(network, sample, layout=layout, dt=dt, reset=reset, layers=layers, surrogate=surrogate)


def _of_code(
    network: str, how: NetworkWords, split: Any, surrogate: str | None
) -> tuple[str, ConvertedNetwork, tuple[str, ...]]:
    from spareto.interchange import convert as converted
    from spareto.study.sources import open_source

    source = open_source(network, how.changes(), compressed=True)
    model, notes = source.load()
    found = converted(
        model,
        None if split is None else split.frames,
        time=source.interface.time if source.interface else None,
        layout="time-first" if split is None else split.layout or "time-first",
        surrogate=surrogate,
    )
    return source.name, found, notes


def _refuse_beside_code(given: dict[str, Any]) -> None:
    for option, value in given.items():
        if value is not None:
            rule, cure = "none beside a function", "Leave it out; it is for files."
            raise ConfigError(Problem(option, str(value), rule, cure))


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
    console = Console(soft_wrap=True)
    console.print(f"{row['network']} in layers of Spareto")
    table = table_of(["layer", "kind", "neurons"], ["parameters"], padding=(0, 1))
    for part in row["parts"]:
        table.add_row(part["part"], part["kind"], part["neurons"], f"{part['weights']:,}")
    console.print(table)
    for note in row["notes"]:
        console.print(note)
