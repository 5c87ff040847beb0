"""Checkpoints: weights, optimizer state and a manifest in one safetensors file, written atomically."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from spareto.core.artifacts import canonical_json, replacing
from spareto.core.errors import Problem, StoreError
from spareto.frameworks import state_names

FORMAT = 1


def best_path(path: str | Path) -> Path:
    """Where the best weights of a training are kept whose last ones are at `path`."""
    path = Path(path)
    return path.with_suffix(f".best{path.suffix}")


def save_checkpoint(
    path: str | Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer | None,
    manifest: Mapping[str, Any],
    average: Mapping[str, Tensor] | None = None,
) -> None:
    """Write network, optimizer and manifest to `path`; a crash leaves the old file or the new one.

    Args:
        path: A `.safetensors` file.
        network: Its state dict is kept, but for the states of neurons that stand in it.
        optimizer: Left out of a network that is trained to its end.
        manifest: JSON-able facts of the run.
        average: Mean of the weights so far, by parameter name.
    """
    tensors = {f"network.{name}": value.contiguous() for name, value in weights_of(network).items()}
    tensors |= {f"average.{name}": value for name, value in (average or {}).items()}
    if optimizer is not None:
        tensors |= _flatten(optimizer.state_dict()["state"])
    # one key: the library writes several in any order, and the same network would give other bytes
    header = {"spareto": canonical_json({"checkpoint_format": FORMAT, **manifest})}
    with replacing(Path(path)) as temporary:
        save_file({name: tensor.clone() for name, tensor in tensors.items()}, temporary, metadata=header)


def read_manifest(path: str | Path) -> dict[str, Any]:
    """The manifest a checkpoint was written with.

    Raises:
        StoreError: The file is missing, damaged, no checkpoint of ours, or written by a newer version.
    """
    if not Path(path).is_file():
        raise StoreError(Problem(str(path), "no such file", "a checkpoint", "Check the path."))
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
        manifest: dict[str, Any] = json.loads(header["spareto"])
        written_as: int = manifest["checkpoint_format"]
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError) as error:
        cure = "Delete the file; training then starts afresh."
        raise StoreError(Problem(str(path), f"an unreadable file ({error})", "a checkpoint", cure)) from None
    if written_as > FORMAT:
        got = f"checkpoint format {written_as}"
        raise StoreError(Problem(str(path), got, f"format {FORMAT} or older", "Update spareto."))
    return manifest


def stored_names(path: str | Path) -> frozenset[str]:
    """Names in the state dict of the network that a checkpoint holds.

    Raises:
        StoreError: See `read_manifest`.
    """
    read_manifest(path)
    with safe_open(path, framework="pt") as file:
        keys = (key.partition(".") for key in file.keys())  # noqa: SIM118 - not a dict
        return frozenset(name for owner, _, name in keys if owner == "network")


def load_checkpoint(
    path: str | Path, network: nn.Module, optimizer: torch.optim.Optimizer | None = None
) -> dict[str, Tensor]:
    """Put the stored tensors into `network`, and into `optimizer` if one is given.

    Returns:
        The mean of the weights so far, by parameter name; empty if none was kept.

    Raises:
        StoreError: The file is missing, damaged, no checkpoint of ours, of another network, or written by a
            newer version.
    """
    read_manifest(path)
    stored: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "optimizer": {}}
    with safe_open(path, framework="pt") as file:
        for key in file.keys():  # noqa: SIM118 - not a dict
            owner, name = key.split(".", 1)
            stored[owner][name] = file.get_tensor(key)
    _put(stored["network"], network, path)
    if optimizer is not None:
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": _unflatten(stored["optimizer"]), "param_groups": groups})
    return stored["average"]


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """The network's state dict without the states of neurons, whose shapes are those of the last batch."""
    states = state_names(network)
    return {name: value for name, value in network.state_dict().items() if name not in states}


def put_weights(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put what `weights_of` gave into a network."""
    states = state_names(network)
    kept = {name: value for name, value in network.state_dict().items() if name in states} if states else {}
    network.load_state_dict({**kept, **tensors})


def _put(tensors: Mapping[str, Tensor], network: nn.Module, path: str | Path) -> None:
    try:
        put_weights(network, tensors)
    except RuntimeError as error:  # its first line names the class, the others say what does not fit
        _, _, misfits = str(error).partition("\n")
        got = f"tensors of another network ({shorten(misfits, 160, placeholder=' ...')})"
        cure = "Build the network as it was, or delete the file to start afresh."
        raise StoreError(Problem(str(path), got, "those of this network", cure)) from None


def _flatten(state: Mapping[int, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {
        f"optimizer.{index}.{field}": value
        for index, fields in state.items()
        for field, value in fields.items()
    }


def _unflatten(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, field = key.split(".", 1)
        state.setdefault(int(index), {})[field] = value
    return state
