"""`spareto data`: what data sets there are, what is in one, and whether its files are whole."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from spareto.cli import numbers
from spareto.cli.console import Console, print_json, table_of
from spareto.core.errors import ConfigError, DataError, Problem

if TYPE_CHECKING:
    from spareto.data import Dataset


def list_(*, json: bool = False) -> None:
    """List the data sets, and whether their files are here.

    Args:
        json: Print JSON.
    """
    from spareto.data import registry

    rows = [_row(name, registry.make(name)) for name in registry.names()]
    if json:
        print_json(rows)
        return
    table = table_of()
    for head in ("data set", "classes", "sensor", "here"):
        table.add_column(head, no_wrap=True)
    table.add_column("what", overflow="fold")
    for row in rows:
        here = "yes" if row["here"] else "no"
        table.add_row(
            row["name"], str(row["classes"]), "×".join(map(str, row["sensor"])), here, row["source"]
        )
    Console().print(table)


def info(name: str, /, *, root: str | None = None, json: bool = False) -> None:
    """Read a data set, and show its counts, durations, density and hash.

    Args:
        name: A data set.
        root: Folder of its files; without it, where `SPARETO_DATA` says.
        json: Print JSON.
    """
    from spareto.core.amounts import duration
    from spareto.data.about import SPLITS, about, sensor_text

    dataset = _opened(name, root)
    found = {split: about(dataset, split) for split in SPLITS}
    if json:
        told = {**asdict(dataset.info), "splits": {split: asdict(each) for split, each in found.items()}}
        print_json({"name": name, **told})
        return
    console = Console(soft_wrap=True)
    length = dataset.info.duration_us
    console.print(f"{name}: {dataset.info.source}. {dataset.info.licence}.")
    console.print(
        f"{dataset.info.classes} classes, sensor {sensor_text(dataset.info)} (polarities×height×width)"
    )
    if length:
        console.print(f"nominal duration {duration(length)}: later events are dropped from frames")
    for split, each in found.items():
        console.print(
            f"{split}: {each.samples:,} samples, {each.fewest:,} to {each.most:,} a class, hash {each.hash}"
        )
        if each.events is None or each.duration_us is None or each.longest_us is None or each.late is None:
            console.print(f"  mean grey value {each.density:.3f}")
            continue
        console.print(
            f"  {each.events:,.0f} events a recording, {each.density:.3g} a pixel; they last"
            f" {duration(each.duration_us)}, at most {duration(each.longest_us)}; {each.late:.2%} are late"
        )


def check(name: str, /, *, root: str | None = None, json: bool = False) -> None:
    """Read every file of a data set and compare checksums; ends with status 1 if one is not as it should be.

    Args:
        name: A data set.
        root: Folder of its files; without it, where `SPARETO_DATA` says.
        json: Print JSON.
    """
    from spareto.data.about import checks

    found = list(checks(_opened(name, root)))
    if json:
        print_json([asdict(each) for each in found])
    else:
        console = Console(soft_wrap=True)
        for each in found:
            mark = {True: "ok", False: "WRONG", None: "-"}[each.passed]
            console.print(f"{mark:5} {each.what}: {each.said}")
    if any(each.passed is False for each in found):
        sys.exit(1)


def preview(
    name: str,
    /,
    *,
    out: Path,
    root: str | None = None,
    timesteps: Annotated[int, numbers.count(most=1000)] = 8,
    bins: Literal["time", "events"] = "time",
    samples: Annotated[int, numbers.count(most=1000)] = 4,
    split: Literal["train", "test"] = "train",
) -> None:
    """Draw frames of a data set: a picture with a row per recording, or an animation.

    Args:
        name: A data set.
        out: File to write, .png or .gif.
        root: Folder of its files; without it, where `SPARETO_DATA` says.
        timesteps: Frames a recording.
        bins: What frames have in common: time, or the number of events.
        samples: Recordings, each of another class as far as there are.
        split: Of which split.
    """
    import numpy as np

    from spareto.data import Recordings
    from spareto.data.bins import Bins
    from spareto.data.frames import frames_of, held
    from spareto.reports.preview import write_preview

    for each, value, most in (("timesteps", timesteps, 64), ("samples", samples, 16)):
        if not 1 <= value <= most:
            raise ConfigError(Problem(f"--{each}", str(value), f"an integer from 1 to {most}"))
    dataset = _opened(name, root)
    part = next(dataset.parts(split))
    _, firsts = np.unique(part.labels, return_index=True)
    others = np.setdiff1d(np.arange(len(part)), firsts)
    shown = part.take(np.concatenate((np.sort(firsts), others))[:samples])
    sorted_into = Bins(timesteps, bins) if isinstance(shown, Recordings) else Bins(timesteps)
    made = held(frames_of(shown, split, dataset.info, sorted_into, binary=False), timesteps)
    write_preview(out, made, shown.labels.tolist(), f"{name}, {split} split, {timesteps} frames by {bins}")
    print(f"{len(shown.labels)} recordings in {out}")


def _opened(name: str, root: str | None) -> Dataset:
    from spareto.data.load import open_dataset

    return open_dataset(name, **({} if root is None else {"root": root}))


def _row(name: str, dataset: Dataset) -> dict[str, Any]:
    told = dataset.info
    return {
        "name": name,
        "classes": told.classes,
        "sensor": list(told.sensor),
        "here": _is_here(dataset),
        "source": told.source,
        "licence": told.licence,
    }


def _is_here(dataset: Dataset) -> bool:
    try:
        return all(path.exists() for path in dataset.sources())
    except DataError:
        return False
