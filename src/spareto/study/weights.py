"""Trained weights of a user's network, in whatever a training script wrapped them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from spareto.core.archives import Damaged, refuse_packed
from spareto.core.artifacts import there
from spareto.core.errors import ConfigError, Problem
from spareto.frameworks import state_names

RULE = "a state dict, .safetensors or torch's own format"
SAVE = "Save them with torch.save(network.state_dict(), path)."
WRAPPERS = ("state_dict", "model_state_dict", "model", "network", "net", "weights", "module", "params")
SHOWN = 3


def load_weights(network: nn.Module, path: Path) -> tuple[str, ...]:
    """Put trained weights into a network, in place.

    Wrappings such as `{'state_dict': ...}` and prefixes such as `module.` are taken off. Neuron states that
    were stored with the weights are left out, for their shape is that of a batch.

    Args:
        network: The network.
        path: Its weights; nothing in the file is run.

    Returns:
        What was taken off or left out, one sentence each.

    Raises:
        ConfigError: The file is missing or unreadable, or its weights are not finite or those of another
            network.
    """
    stored, notes = _state_dict(_read(path), path)
    states = state_names(network)
    own = network.state_dict()
    stored, taken = _without_prefix(stored, frozenset(own))
    left_out = sorted(states & stored.keys())
    weights = {name: value for name, value in stored.items() if name not in states}
    _refuse_misfits(weights, {name: own[name] for name in own if name not in states}, path)
    _refuse_not_finite(weights, path)
    try:
        network.load_state_dict(weights, strict=False)
    except RuntimeError as error:  # a module with rules of its own
        raise ConfigError(
            Problem(str(path), " ".join(str(error).split())[:300], "weights of this network", SAVE)
        ) from None
    if taken:
        notes += (f"{path.name}: the prefix '{taken}' is taken off the names.",)
    if left_out:
        notes += (f"{path.name}: neuron states ({', '.join(left_out[:SHOWN])}) are left out.",)
    return notes


def _read(path: Path) -> Any:
    if not there(path):
        raise ConfigError(Problem(str(path), "no such file", RULE, "Check the path."))
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        refuse_packed(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Damaged as error:
        got, cure = f"an unreadable file ({error})", SAVE
    except (SafetensorError, OSError, EOFError, RuntimeError, ValueError, KeyError) as error:
        got, cure = f"an unreadable file ({' '.join(str(error).split())[:80]})", SAVE
    except Exception as error:  # what else unpickling a foreign file can raise is no fault of ours
        got, cure = _pickled(error)
    raise ConfigError(Problem(str(path), got, RULE, cure))


def _pickled(error: Exception) -> tuple[str, str]:
    """What a file holds that only running its code could read."""
    _, found, rest = str(error).partition("GLOBAL ")
    name = rest.split()[0].strip("`") if found and rest.split() else ""
    if not name:
        return f"a file that cannot be read safely ({type(error).__name__})", SAVE
    if name.startswith(("numpy", "collections", "argparse", "pathlib", "omegaconf")):
        return f"a file that holds {name} beside the weights", "Save the state dict alone."
    cure = "Where you trained it: torch.save(network.state_dict(), path)."
    return f"a whole pickled network ({name}), which only running its code could read", cure


def _state_dict(found: Any, path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The mapping of names to tensors in what a file holds."""
    notes: tuple[str, ...] = ()
    while isinstance(found, Mapping):
        if _is_state_dict(found):
            return {str(name): value for name, value in found.items() if isinstance(value, Tensor)}, notes
        inner = [key for key in WRAPPERS if _holds_weights(found.get(key))]
        inner = inner or [key for key in found if _holds_weights(found[key]) and not _is_of_training(key)]
        if not inner:
            break
        if len(inner) > 1:
            got, cure = f"several state dicts: {', '.join(map(str, inner))}", "Save the network's alone."
            raise ConfigError(Problem(str(path), got, "one", cure))
        notes = (*notes, f"{path.name}: the weights stand under '{inner[0]}'.")
        found = found[inner[0]]
    got = f"a {type(found).__name__}"
    if isinstance(found, Mapping):
        got = f"keys {', '.join(map(str, list(found)[:8]))}" if found else "an empty mapping"
    raise ConfigError(Problem(str(path), got, "names and tensors", SAVE))


def _is_state_dict(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and any(isinstance(each, Tensor) for each in value.values())
        and not any(isinstance(each, Mapping) for each in value.values())
    )


def _holds_weights(value: Any) -> bool:
    """Whether a state dict is in it, at any depth."""
    inside = value.values() if isinstance(value, Mapping) else ()
    return _is_state_dict(value) or any(_holds_weights(each) for each in inside)


def _is_of_training(key: Any) -> bool:
    return any(word in str(key).lower() for word in ("optim", "sched", "scaler"))


def _without_prefix(stored: dict[str, Tensor], own: frozenset[str]) -> tuple[dict[str, Tensor], str]:
    """Names without what a wrapper put before all of them: `module.`, `_orig_mod.`, `network.`."""
    ours = {name: value for name, value in stored.items() if not name.startswith(("optimizer.", "average."))}
    if any(name.startswith("network.") for name in stored) and len(ours) < len(stored):
        stored = ours  # a checkpoint of a training of ours
    taken = ""
    while stored and not own & stored.keys():
        heads = {name.partition(".")[0] for name in stored}
        (head,) = heads if len(heads) == 1 else ("",)
        if not head or not all(name.partition(".")[2] for name in stored):
            break
        stored = {name.partition(".")[2]: value for name, value in stored.items()}
        taken += f"{head}."
    return stored, taken


def _refuse_misfits(stored: Mapping[str, Tensor], own: Mapping[str, Tensor], path: Path) -> None:
    missing = [name for name in own if name not in stored]
    unknown = [name for name in stored if name not in own]
    shapes = [
        f"{name} {tuple(stored[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own
        if name in stored and not is_lazy(own[name]) and stored[name].shape != own[name].shape
    ]
    parts = [("without", missing), ("with", unknown), ("of other shapes:", shapes)]
    got = "; ".join(f"{word} {_some(names)}" for word, names in parts if names)
    if got:
        cure = "Build the network as it was trained: see network.options."
        raise ConfigError(Problem(str(path), f"weights {got}", "those of this network", cure))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _refuse_not_finite(stored: Mapping[str, Tensor], path: Path) -> None:
    wrong = [name for name, value in stored.items() if not bool(torch.isfinite(value).all())]
    if wrong:
        got, cure = f"nan or infinity in {_some(wrong)}", "Take a checkpoint from before it diverged."
        raise ConfigError(Problem(str(path), got, "finite weights", cure))
