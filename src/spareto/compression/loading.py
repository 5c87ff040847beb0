"""State dicts of other widths and quantizers are refused before anything is taken from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from spareto.compression.parametrization import CompressedWeight
from spareto.compression.plans import from_tensor, in_words
from spareto.core.errors import ConfigError, Problem


def check_loads(network: nn.Module) -> None:
    """Let a network look at every state dict before it is loaded; twice is the same."""
    hooks = network._load_state_dict_pre_hooks.values()
    if not any(getattr(hook, "hook", hook) is _check for hook in hooks):
        network.register_load_state_dict_pre_hook(_check)


def _check(network: nn.Module, state: Mapping[str, Any], prefix: str, *_: Any) -> None:
    """Raises ConfigError: names every layer whose weight is stored otherwise."""
    ConfigError.if_any(
        problem
        for name, module in network.named_modules(remove_duplicate=False)
        if isinstance(module, CompressedWeight)
        for problem in _problems(name, module.plan, state.get(f"{prefix}{name}._extra_state"))
    )


def _problems(name: str, mine: Mapping[str, Any], stored: Any) -> Iterator[Problem]:
    if not isinstance(stored, Tensor):
        return  # written by an older version, or a state dict without this layer
    layer, _, rest = f".{name}".partition(".parametrizations.")
    place = f"state dict, {rest.partition('.')[0]} of layer '{layer[1:]}'"
    theirs = from_tensor(stored, place)
    if theirs != mine:
        cure = "Compress by the recipe that the state dict was made with, then load it."
        yield Problem(place, in_words(theirs), f"{in_words(mine)}, as in this network", cure)
