"""Weights that a layer assembles from an epitome: the parametrization, and how a layer tells of it."""

from __future__ import annotations

import json
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spareto.core.errors import ConfigError, Problem
from spareto.core.plain import from_json
from spareto.records.epitome import Epitome
from spareto.widths.stored import fingerprint_of

_KEPT: Final = "_spareto_epitome"


class AssembledWeight(nn.Module):
    """Parametrization that makes a layer's weight of pieces of its epitome.

    The gradient of a number of the epitome is the sum of those of the weights made of it.

    Args:
        epitome: The tables.
        shape: Of the weight, as the layer has it.
    """

    index: Tensor

    def __init__(self, epitome: Epitome, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.epitome, self.shape = epitome, shape
        index = torch.from_numpy(epitome.index.reshape(-1).copy())
        self.register_buffer("index", index, persistent=False)

    def forward(self, numbers: Tensor) -> Tensor:
        """The weight, from the epitome's numbers of shape `epitome.shape`."""
        return numbers.reshape(-1).index_select(0, self.index).reshape(self.shape)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """The epitome nearest to a weight: each number is the mean of the weights made of it."""
        sums = torch.zeros(self.epitome.parameters, dtype=torch.float64, device=weight.device)
        sums.index_add_(0, self.index, weight.detach().reshape(-1).double())
        counts = torch.bincount(self.index, minlength=self.epitome.parameters).clamp_min(1)
        return (sums / counts).to(weight.dtype).reshape(self.epitome.shape)

    def get_extra_state(self) -> Tensor:
        """The tables, which travel in state dicts."""
        text = json.dumps(self.epitome.to_dict(), sort_keys=True)
        return torch.tensor(list(text.encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Refuse the tables of another epitome.

        Raises:
            ConfigError: They are not those of this network.
        """
        place = "state dict, epitome of a weight"
        try:
            theirs = Epitome.parse(from_json(bytes(state.tolist()).decode()), place)
        except (ValueError, AttributeError):
            theirs = None
        if theirs != self.epitome:
            got = "no tables" if theirs is None else f"an epitome of {theirs.shape}, or other pieces of it"
            cure = "Compress by the recipe that the state dict was made with, then load it."
            raise ConfigError(Problem(place, got, f"{self.epitome.shape}, as in this network", cure))


def assembled(layer: nn.Module, tensor: str = "weight") -> AssembledWeight | None:
    """The parametrization that assembles a layer's weight; None if its weight is its own."""
    if not parametrize.is_parametrized(layer, tensor):
        return None
    chains: Any = layer.parametrizations
    return next((part for part in chains[tensor] if isinstance(part, AssembledWeight)), None)


def epitome_of(layer: nn.Module) -> Epitome | None:
    """The epitome behind a layer's weight, also after baking, as long as the weight stays what it was."""
    part = assembled(layer)
    if part is not None:
        return part.epitome
    kept: tuple[Epitome, int] | None = vars(layer).get(_KEPT)
    if kept is None or kept[1] != fingerprint_of(layer.weight):  # pyright: ignore[reportArgumentType]
        return None
    return kept[0]


def remember_epitome(layer: nn.Module, epitome: Epitome) -> None:
    """Let a layer with a plain weight tell what it was assembled from."""
    vars(layer)[_KEPT] = (epitome, fingerprint_of(layer.weight))  # pyright: ignore[reportArgumentType]
