"""`spareto compress`: one network, one recipe."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from spareto.cli import numbers
from spareto.cli.console import Console, Flag, print_json, table_of
from spareto.cli.own import DataWords, NetworkWords, data_named
from spareto.core.errors import ConfigError, Problem
from spareto.records import Recipe

if TYPE_CHECKING:
    from torch import nn

    from spareto.compression import LayerReport, StoredBeside
    from spareto.data.load import FrameData
    from spareto.records.data import AnyData
    from spareto.study.listener import StudyListener
    from spareto.study.sources import Source

HOW, DATA = NetworkWords(), DataWords()


def compress(
    network: str,
    recipe: Path,
    /,
    *,
    how: NetworkWords = HOW,
    data: str | None = None,
    frames_are: DataWords = DATA,
    out: Path | None = None,
    seed: Annotated[int, numbers.seed()] = 0,
    device: str = "cpu",
    tensorboard: Path | None = None,
    plain: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
) -> None:
    """Compress a network by a recipe and write it to a file.

    With --data it is trained by the recipe's plan, and a training that was stopped is carried on by the same
    command; without, it is compressed at once.

    Args:
        network: A dense network that a study left (.safetensors), or FILE.py:NAME, a function of your own
            that returns a network of any framework.
        recipe: Recipe file, YAML or JSON.
        data: FILE.py:NAME, a function that returns data; a folder or .npz file; the name of a data set; or a
            plan of one of these, as a YAML file or as "{folder: recordings, timesteps: 10}".
        out: File to write; left out, it is named after network and recipe and lies in this folder.
        seed: Decides what is random.
        device: Where it is trained: cpu, cuda, or auto for a GPU if there is one.
        tensorboard: Folder for TensorBoard's files.
        plain: Write a plain state dict, which your network loads without spareto.
        json: Print JSON.
        quiet: Show no progress.
    """
    from spareto.cli.progress import telling
    from spareto.study.machine import refuse_several
    from spareto.study.sources import open_source, save_plain
    from spareto.training.memory import keep_large_blocks

    refuse_several("compress")
    keep_large_blocks()
    plan, source = Recipe.load(recipe), open_source(network, how.changes())
    plan.refuse_idle(str(recipe))
    target = target_of(out, f"{source.name} {plan.label}{' plain' if plain else ''}")
    trained_on = None if data is None else data_named(data, frames_are, source.data)
    frames = _frames(trained_on)
    dense, notes = loaded(source, device, frames)
    with telling(quiet=quiet, tensorboard=tensorboard) as listener:
        listener.noted((*(frames.notes if frames else ()), *notes))
        compressed = _compressed(dense, source, plan, frames, seed, target, listener).cpu()
    right = accuracy_of(compressed, source, frames)
    if plain:
        save_plain(target, compressed)
    else:
        source.save(target, compressed, plan, trained_on)
    row = {"network": network, "recipe": plan.to_dict(), "recipe_hash": plan.hash, "seed": seed}
    _tell(compressed, plan, row | {"accuracy": right, "written_to": str(target)}, json=json)


def _tell(compressed: nn.Module, plan: Recipe, row: dict[str, Any], *, json: bool) -> None:
    """Say what was made of every layer, and what stays in float."""
    from spareto.compression import compression_report, stored_beside

    layers, beside = compression_report(compressed), stored_beside(compressed)
    row |= _totals(layers, beside)
    if json:
        listed = {"layers": list(map(asdict, layers)), "beside": list(map(asdict, beside))}
        print_json(row | listed)
    else:
        _print(f"{row['network']} by '{plan.label}'", layers, beside, row)


def target_of(out: Path | None, label: str) -> Path:
    """The file to write: `out`, or one named after `label`.

    Raises:
        ConfigError: `out` is no .safetensors file.
    """
    if out is not None and out.suffix != ".safetensors":
        cure = f"Write --out {out.with_suffix('.safetensors')}."
        raise ConfigError(Problem("out", repr(str(out)), "a file name that ends with .safetensors", cure))
    return out or Path(re.sub(r"[^a-z0-9_]+", "-", label.lower()).strip("-") + ".safetensors")


def loaded(source: Source, device: str, frames: FrameData | None) -> tuple[nn.Module, tuple[str, ...]]:
    """The network of a source on a device, and what was found out about it.

    Raises:
        ConfigError: It is one for other data, or there is no such device.
    """
    from spareto.study.checks import refuse_other_data
    from spareto.study.machine import device_named

    dense, notes = source.load()
    dense = dense.to(device_named(device))
    if frames:
        refuse_other_data(dense, frames.info)
    return dense, notes


def _frames(plan: AnyData | None) -> FrameData | None:
    if plan is None:
        return None
    from spareto.data.own import load_data

    return load_data(plan)


def _compressed(
    dense: nn.Module,
    source: Source,
    plan: Recipe,
    data: FrameData | None,
    seed: int,
    target: Path,
    listener: StudyListener,
) -> nn.Module:
    from spareto.compression import compress as at_once
    from spareto.compression import compress_and_train
    from spareto.core.artifacts import fingerprint
    from spareto.data.cache import content_hash

    if data is None:
        return at_once(dense, plan, seed=seed).eval()
    weights = content_hash({name: value.cpu().numpy() for name, value in dense.state_dict().items()})
    checkpoint = target.with_name(f".{target.stem}.training.safetensors")
    listener.training_begins(plan.label, seed)
    compressed = compress_and_train(
        dense,
        plan,
        data,
        seed=seed,
        checkpoint=checkpoint if plan.training.epochs else None,
        key=fingerprint([weights, plan.hash, data.hash, seed, source.key]),
        interface=source.interface,
        on_epoch=listener.epoch_ends,
        on_silence=partial(listener.layer_is_silent, plan.label, seed),
    )
    checkpoint.unlink(missing_ok=True)
    return compressed


def accuracy_of(network: nn.Module, source: Source, data: FrameData | None) -> float | None:
    """The share of right answers on the test split; None without data."""
    from spareto.training import evaluate

    if data is None:
        return None
    way: dict[str, Any] = {"layout": data.layout, "interface": source.interface}
    return evaluate(network, data.test_frames, data.test_labels, **way)


def _totals(layers: Sequence[LayerReport], beside: Sequence[StoredBeside]) -> dict[str, Any]:
    """Sums: of the weights of convolution and dense layers, each counted once, and of all that is stored."""
    own = [layer for layer in layers if not layer.shares]
    sizes = [math.prod(layer.shape) for layer in own]
    zeros = sum(layer.sparsity * size for layer, size in zip(own, sizes, strict=True))
    weights = sum(layer.bytes for layer in own)
    return {
        "weights": sum(sizes),
        "sparsity": zeros / sum(sizes),
        "bytes": weights,
        "float_bytes": 4 * sum(sizes),
        "stored_values": sum(sizes) + sum(part.values for part in beside),
        "stored_bytes": weights + sum(part.bytes for part in beside),
    }


def _print(
    title: str, layers: Sequence[LayerReport], beside: Sequence[StoredBeside], row: dict[str, Any]
) -> None:
    console = Console(soft_wrap=True)
    console.print(title)
    table = table_of(["layer"], ["shape", "bits", "levels", "sparsity", "bytes"], padding=(0, 1))
    for layer in layers:
        shape = "×".join(map(str, layer.shape))
        numbers = (str(layer.bits), f"{layer.levels:,}", f"{layer.sparsity:.1%}", f"{layer.bytes:,}")
        table.add_row(layer.name, shape, *numbers)
    table.add_section()
    weights = (f"{row['weights']:,}", "", "", f"{row['sparsity']:.1%}", f"{row['bytes']:,}")
    table.add_row("weights of these layers", *weights)
    for what, values, bits, size in _by_kind(beside):
        table.add_row(what, f"{values:,}", bits, "", "", f"{size:,}")
    table.add_row("all that is stored", f"{row['stored_values']:,}", "", "", "", f"{row['stored_bytes']:,}")
    console.print(table)
    for layer in layers:
        if layer.shares:
            console.print(f"Layer {layer.name} uses the weights of {layer.shares}.")
    for part in beside:
        if ":" in part.what:  # what one might expect to be compressed
            console.print(f"Not compressed: {part.name}, {part.what}.")
    if row["accuracy"] is not None:
        console.print(f"Accuracy on the test split: {row['accuracy']:.2%}")
    console.print(f"Written to {row['written_to']}")


def _by_kind(beside: Sequence[StoredBeside]) -> list[tuple[str, int, str, int]]:
    """What is stored beside the weights, each kind in one line: what, values, bits, bytes."""
    kinds: dict[str, list[StoredBeside]] = {}
    for part in beside:
        kinds.setdefault(part.what.partition(":")[0], []).append(part)
    return [
        (
            what,
            sum(part.values for part in parts),
            "/".join(map(str, sorted({part.bits for part in parts}))),
            sum(part.bytes for part in parts),
        )
        for what, parts in kinds.items()
    ]
