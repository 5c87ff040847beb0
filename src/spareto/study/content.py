"""Fingerprint of a built network by its content, for its code may read other files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

SEED = 0
DEEP = 8  # how far lists in lists are followed


def content_of(build: Callable[[], nn.Module]) -> str:
    """Fingerprint of what a function builds: its modules, and the values of what they hold.

    It is built twice from one seed of torch. What then differs is drawn from elsewhere, and left out.

    Args:
        build: Makes the network.
    """
    first, second = _state(build), _state(build)
    digest = hashlib.sha256()
    for name in sorted(first):
        digest.update(f"{name} {first[name] if first[name] == second.get(name) else ''}\n".encode())
    return digest.hexdigest()[:16]


def _state(build: Callable[[], nn.Module]) -> dict[str, str]:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(SEED)
        network = build()
    network.train()  # modes say nothing: modules that networks share keep that of the last run
    found = {"modules": repr(network)}
    for name, value in [*network.named_parameters(), *network.named_buffers()]:
        found[name] = _told(value)
    for name, module in network.named_modules():
        own = {key: value for key, value in vars(module).items() if key not in _TORCH and key[:2] != "__"}
        found |= {f"{name}.{key} (attribute)": _told(value) for key, value in own.items()}
    return found


_TORCH = frozenset(vars(nn.Module())) - {"training"}
"""What every module has; parameters, buffers and children are looked at by themselves."""


def _told(value: Any, depth: int = 0) -> str:
    """A value as text that tells equal ones from others; of what cannot be told, its type."""
    if isinstance(value, torch.Tensor):
        return _tensor(value)
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, Mapping) and depth < DEEP:
        return str([(_told(key, depth + 1), _told(each, depth + 1)) for key, each in value.items()])
    if isinstance(value, np.ndarray) and value.dtype != object and depth < DEEP:
        return _digest(value.tobytes())
    if isinstance(value, list | tuple | np.ndarray) and depth < DEEP:
        return str([_told(each, depth + 1) for each in value])
    return getattr(value, "__qualname__", type(value).__qualname__)


def _tensor(value: torch.Tensor) -> str:
    told = f"{value.dtype} {'lazy' if is_lazy(value) else tuple(value.shape)}"
    if is_lazy(value) or value.is_meta or value.layout is not torch.strided or value.is_quantized:
        return told
    raw = value.detach().cpu().contiguous().flatten().view(torch.uint8)
    return f"{told} {_digest(raw.numpy().tobytes())}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
