"""What following a network's channels has shown: who reads what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn

from spareto.compression.following.marks import Marks
from spareto.compression.layers import kind_of
from spareto.observing import Observation

NORMS: Final = (nn.modules.batchnorm._BatchNorm,)
Kind = Literal["layer", "norm", "neuron", "parameter", "operator"]


@dataclass
class Arrival:
    """What reached one reader of channels, over all its calls.

    Args:
        reader: Dotted name of the layer, norm or neuron; of a parameter; or what an operator is and where.
        kind: Which of these.
        module: The reader, if it is a module.
        exact: Whether a constant beside a channel, as padding leaves it, is a difference.
        marks: What reached it, one entry per call; None where nobody knows where it came from.
    """

    reader: str
    kind: Kind
    module: nn.Module | None
    exact: bool = False
    marks: list[Marks | None] = field(default_factory=list[Marks | None])

    @property
    def layers(self) -> frozenset[str]:
        """Layers whose channels reached it."""
        return frozenset().union(*(each.layers for each in self.marks if each is not None))

    @property
    def lost(self) -> str:
        """The operation after which channels could not be followed; empty if they could."""
        return next((each.lost for each in self.marks if each is not None and each.lost), "")

    def vector(self) -> Tensor | None:
        """The channel of each of its inputs, the same in all calls; None if there is no such thing."""
        vectors = [None if each is None else self._vector(each) for each in self.marks]
        first = vectors[0]
        if first is None or any(each is None or not torch.equal(each, first) for each in vectors):
            return None
        return first

    def _vector(self, marks: Marks) -> Tensor | None:
        return marks.along(input_axis(self.module, marks.numbers.dim()), self.exact)


@dataclass
class Followed:
    """What one run has shown.

    Args:
        seen: All calls and operators.
        first: Number of the first channel of each layer, by its name.
        size: Number of its channels.
        arrivals: What reads channels, by the reader's name, in the order they first ran.
        readers: Layer to the names of everything that reads its channels, not just hands them on.
        answer: Layers whose channels, or what is mixed of them, are in the first tensor the network returned.
        returned: Those in any tensor it returned.
        strangers: Operators that read a tensor that came from outside of torch.
    """

    seen: Observation
    first: dict[str, int] = field(default_factory=dict[str, int])
    size: dict[str, int] = field(default_factory=dict[str, int])
    arrivals: dict[str, Arrival] = field(default_factory=dict[str, Arrival])
    readers: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    answer: set[str] = field(default_factory=set[str])
    returned: set[str] = field(default_factory=set[str])
    strangers: set[str] = field(default_factory=set[str])

    def channels(self, layer: str) -> Tensor:
        """The numbers of a layer's channels, in order."""
        return torch.arange(self.first[layer], self.first[layer] + self.size[layer], dtype=torch.float32)


def input_axis(module: nn.Module | None, axes: int) -> int:
    """The axis of channels of what a layer or norm is given, or gives."""
    kind = kind_of(module)
    if kind is not None:
        return axes + kind.axis
    return 1 if axes > 1 else 0


def channels(layer: nn.Module) -> int:
    """Output channels of a convolution or dense layer, channels of a batch norm."""
    if isinstance(layer, NORMS):
        return layer.num_features
    weight: Any = layer.weight
    return weight.shape[0]
