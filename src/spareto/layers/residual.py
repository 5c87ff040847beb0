"""Residual connections between spikes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal, Self

from torch import Tensor, nn
from typing_extensions import override

from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of
from spareto.kernels.gates import gate
from spareto.kernels.spikes import Spikes, dense, traced
from spareto.layers._base import SpikingLayer, some_spikes
from spareto.layers.over_time import OverTime

Connect = Literal["add", "and", "iand"]


class Residual(SpikingLayer):
    """Layers with a spike-element-wise connection from their input to their output: `g(A(x), x)`.

        add     A + x          counts 0, 1, 2: the layer behind it runs dense
        and     A x            spikes
        iand    (1 - A) x      spikes: x, where A does not veto it

    A silent body passes its input on with `add` and `iand`. Gates of spikes that come as bits stay bits.

    Args:
        body: The layers A; their output has the shape of their input, or of the shortcut's output.
        shortcut: What the input goes through on its way around the body; None for nothing.
        connect: `add`, `and` or `iand`.

    Raises:
        ConfigError: There is no such connection.

    Reference:
        fang2021b: spike-element-wise (SEW) ResNet.
    """

    computes = "sums or gates of single elements on their way to the next layer; its parts are counted"

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None, connect: Connect = "add") -> None:
        super().__init__()
        if connect not in CONNECTIONS:
            cure = did_you_mean(connect, tuple(CONNECTIONS))
            raise ConfigError(Problem("layer 'residual'.connect", repr(connect), one_of(CONNECTIONS), cure))
        self.body, self.shortcut, self.connect = body, shortcut, connect

    def forward(self, sequence: Tensor | Spikes) -> Tensor | Spikes:
        """The body's output connected with the shortcut's.

        Args:
            sequence: Shape `(time, batch, ...)`.

        Returns:
            `Spikes` where a gate meets two of them, else a tensor.

        Raises:
            ConfigError: Body and shortcut end in different shapes.
        """
        a = self.body(sequence)
        x = sequence if self.shortcut is None else self.shortcut(sequence)
        if a.shape != x.shape:
            got = f"a body that ends in shape {tuple(a.shape)} and a shortcut in {tuple(x.shape)}"
            cure = "Give it a shortcut with the stride and channels of the body."
            raise ConfigError(Problem("layer 'residual'", got, "one shape", cure))
        return CONNECTIONS[self.connect](a, x)

    @classmethod
    @override
    def examples(cls) -> Iterator[tuple[Self, Tensor]]:
        every: tuple[Connect, ...] = ("add", "and", "iand")
        for connect in every:
            yield cls(OverTime(nn.Conv2d(2, 2, 3, padding=1)), connect=connect), some_spikes(3, 2, 2, 4, 4)

    def extra_repr(self) -> str:
        """What `print(network)` shows."""
        return f"connect={self.connect!r}"


def _add(a: Tensor | Spikes, x: Tensor | Spikes) -> Tensor:
    return dense(a) + dense(x)


def _and(a: Tensor | Spikes, x: Tensor | Spikes) -> Tensor | Spikes:
    if isinstance(a, Spikes) and isinstance(x, Spikes) and not traced(a.carrier):
        return gate(a, x)
    return dense(a) * dense(x)


def _iand(a: Tensor | Spikes, x: Tensor | Spikes) -> Tensor | Spikes:
    if isinstance(a, Spikes) and isinstance(x, Spikes) and not traced(a.carrier):
        return gate(a, x, inverted=True)
    return (1 - dense(a)) * dense(x)


CONNECTIONS: Final[dict[str, Callable[[Tensor | Spikes, Tensor | Spikes], Tensor | Spikes]]] = {
    "add": _add,
    "and": _and,
    "iand": _iand,
}
