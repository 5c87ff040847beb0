"""Checkpoints: weights, optimizer state and a manifest in one safetensors file, written atomically."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor, nn

from spareto.core.errors import Problem, StoreError
from spareto.frameworks import state_names
from spareto.training import stored
from spareto.training.stored import FORMAT as FORMAT
from spareto.training.stored import StoredFile as StoredFile
from spareto.training.stored import read as read
from spareto.training.stored import read_manifest as read_manifest

Packer = Callable[[nn.Module, Mapping[str, Tensor]], Mapping[str, Tensor]]
"""Changes the form in which a network's state dict is stored."""


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
    pack: Packer | None = None,
) -> None:
    """Write network, optimizer and manifest to `path`; a crash leaves the old file or the new one.

    Args:
        path: A `.safetensors` file.
        network: Its state dict is kept, but for the states of neurons that stand in it.
        optimizer: Left out of a network that is trained to its end.
        manifest: JSON-able facts of the run.
        average: Mean of the weights so far, by parameter name.
        pack: Gives what is stored in place of the network's state dict.
    """
    weights = weights_of(network) if pack is None else pack(network, weights_of(network))
    tensors = {f"network.{name}": value.contiguous() for name, value in weights.items()}
    tensors |= {f"average.{name}": value for name, value in (average or {}).items()}
    if optimizer is not None:
        tensors |= _flatten(optimizer.state_dict()["state"])
    stored.write(Path(path), {name: tensor.clone() for name, tensor in tensors.items()}, manifest)


def network_tensors(found: StoredFile) -> dict[str, Tensor]:
    """What a checkpoint holds of the network, by the names in its state dict."""
    return {key[8:]: value for key, value in found.tensors.items() if key.startswith("network.")}


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
    return take(read(path), network, optimizer)


def take(
    found: StoredFile,
    network: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    unpack: Packer | None = None,
) -> dict[str, Tensor]:
    """As `load_checkpoint`, from a file that was read before; `unpack` undoes what `pack` did to it.

    Raises:
        StoreError: The tensors are those of another network or optimizer.
    """
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "optimizer": {}}
    for key, tensor in found.tensors.items():
        owner, _, name = key.partition(".")
        if owner not in parts or not name:
            raise _misfit(found.path, f"a tensor '{key[:80]}'")
        parts[owner][name] = tensor
    _put(parts["network"], network, found.path, unpack)
    if optimizer is not None:
        _put_optimizer(parts["optimizer"], optimizer, found.path)
    return parts["average"]


def _put_optimizer(tensors: Mapping[str, Tensor], optimizer: torch.optim.Optimizer, path: Path) -> None:
    groups = optimizer.state_dict()["param_groups"]
    try:
        state = _unflatten(tensors)
        owned = {index: parameter.shape for group, own in zip(groups, optimizer.param_groups, strict=True)
                 for index, parameter in zip(group["params"], own["params"], strict=True)}  # fmt: skip
        if any(
            value.dim() and value.shape != owned[index]
            for index, fields in state.items()
            for value in fields.values()
        ):
            raise ValueError("shapes of other weights")
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    except (ValueError, KeyError, RuntimeError, TypeError) as error:
        raise _misfit(path, f"the state of another optimizer ({' '.join(str(error).split())[:80]})") from None


def _misfit(path: str | Path, got: str) -> StoreError:
    cure = "Build the network as it was, or delete the file to start afresh."
    return StoreError(Problem(str(path), got, "those of this network", cure))


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """The network's state dict without the states of neurons, whose shapes are those of the last batch."""
    states = state_names(network)
    return {name: value for name, value in network.state_dict().items() if name not in states}


def put_weights(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put what `weights_of` gave into a network."""
    states = state_names(network)
    kept = {name: value for name, value in network.state_dict().items() if name in states} if states else {}
    network.load_state_dict({**kept, **tensors})


def _put(tensors: Mapping[str, Tensor], network: nn.Module, path: str | Path, unpack: Packer | None) -> None:
    try:
        put_weights(network, tensors if unpack is None else unpack(network, tensors))
    except RuntimeError as error:  # its first line names the class, the others say what does not fit
        _, _, misfits = str(error).partition("\n")
        got = f"tensors of another network ({shorten(misfits, 160, placeholder=' ...')})"
        raise _misfit(path, got) from None


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
