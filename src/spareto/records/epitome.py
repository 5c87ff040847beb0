"""An epitome: a weight assembled from overlapping pieces of a smaller one, as index tables."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import ceil, prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from spareto.core.bounds import MOST_STORED, Natural, Positive
from spareto.core.config import Record
from spareto.core.errors import ConfigError, Problem
from spareto.records.agreement import require
from spareto.records.steps.epitome import EpitomeStep, LayerEpitome
from spareto.records.training import Flag

Shape = tuple[Positive, Positive, Positive, Positive]
Start = tuple[Natural, Natural, Natural, Natural]
Ints = npt.NDArray[np.int64]
WITHIN: Final = ("output channels", "input channels", "rows", "columns")


class Epitome(Record):
    """How a weight is assembled from a smaller one.

    The output channels of each group are cut into blocks, and so are the input channels. Block p of the one
    and q of the other make a piece of the weight, which is a piece of the epitome:
    `W[block p, block q] = E[s : s + outputs, t : t + inputs, u : u + R, v : v + S]` with
    `(s, t, u, v) = starts[p][q]`. Pieces may overlap; the last block of an axis may be cut short.

    Args:
        shape: Of the epitome: output channels, input channels, rows, columns.
        weight: Of the weight: (M, C / groups, R, S); a dense layer has R = S = 1.
        groups: Channel groups of the layer.
        block: Output and input channels of a piece.
        starts: Where each piece begins in the epitome, one row per output block, one entry per input block.
        wrapped: Whether output blocks that are made of the same pieces are computed once and copied.

    Reference:
        wang2024epim; the layout of the tables is ours.
    """

    shape: Shape
    weight: Shape
    groups: Positive = 1
    block: tuple[Positive, Positive]
    starts: tuple[tuple[Start, ...], ...]
    wrapped: Flag = True

    @model_validator(mode="after")
    def _check(self) -> Epitome:
        return require(self, _problems(self))

    @property
    def parameters(self) -> int:
        """Numbers that are stored."""
        return prod(self.shape)

    @property
    def group_outputs(self) -> int:
        """Output channels of a group."""
        return self.weight[0] // self.groups

    @property
    def group_blocks(self) -> int:
        """Output blocks of a group."""
        return ceil(self.group_outputs / self.block[0])

    @property
    def plain(self) -> bool:
        """Whether the epitome is the weight itself, number by number."""
        return self.shape == self.weight and bool(
            np.array_equal(self.index.ravel(), np.arange(self.parameters))
        )

    def outputs_of(self, place: int) -> int:
        """Output channels of a block; the last one of a group may have fewer."""
        return min(self.block[0], self.group_outputs - place % self.group_blocks * self.block[0])

    def inputs_of(self, place: int) -> int:
        """Input channels of a block; the last one may have fewer."""
        return min(self.block[1], self.weight[1] - place * self.block[1])

    @property
    def computed(self) -> tuple[int, ...]:
        """Output blocks that are computed; the others, if wrapped, are copies of earlier ones."""
        return tuple(sorted(set(self.source)))

    @property
    def source(self) -> tuple[int, ...]:
        """For each output block, the one it is a copy of: itself, unless wrapped."""
        return _source(self)  # pyright: ignore[reportArgumentType] - records are frozen

    @property
    def rounds(self) -> int:
        """Times the arrays are activated for one output position: once a piece that is computed.

        >>> Epitome.of((8, 8, 3, 3), (4, 8, 3, 3)).rounds
        1
        >>> Epitome.of((8, 8, 3, 3), (4, 8, 3, 3), wrapped=False).rounds
        2
        """
        return 1 if self.plain else sum(len(self.starts[place]) for place in self.computed)

    @property
    def index(self) -> Ints:
        """For each weight its place in the flattened epitome, shape of the weight; not to be written to."""
        return _index(self)  # pyright: ignore[reportArgumentType] - records are frozen

    def uses(self) -> Ints:
        """How many weights are made of each number, shape of the epitome; their sum is the weight's size."""
        return np.bincount(self.index.ravel(), minlength=self.parameters).reshape(self.shape)

    @classmethod
    def of(
        cls,
        weight: tuple[int, int, int, int],
        shape: tuple[int, int, int, int],
        *,
        groups: int = 1,
        block: tuple[int, int] | None = None,
        wrapped: bool = True,
    ) -> Epitome:
        """Our layout: blocks are spread evenly over the epitome, the kernel slides over its plane.

        Along an axis on which the epitome is as large as the weight there is one block. On the others a
        piece has half the input channels of the epitome, so that neighbours overlap, and all its output
        channels, so that output blocks repeat and can be wrapped.

        Args:
            weight: (M, C / groups, R, S).
            shape: Of the epitome, at most the weight's channels and at least its kernel; channels that no
                piece would reach are left out.
            groups: Channel groups of the layer.
            block: Output and input channels of a piece, where they are to be others.
            wrapped: Whether output blocks that repeat are computed once.

        Raises:
            ConfigError: The epitome is larger than the weight, or smaller than a piece.
        """
        own = weight[0] // max(groups, 1)
        wanted = block or (
            min(shape[0], own),
            shape[1] if shape[1] >= weight[1] else max(1, ceil(shape[1] / 2)),
        )
        pieces = ceil(own / wanted[0]) * groups, ceil(weight[1] / wanted[1])
        kept = (
            min(shape[0], wanted[0] * pieces[0]),
            min(shape[1], wanted[1] * pieces[1]),
            *shape[2:],
        )
        down, across = (max(size - kernel, 0) + 1 for size, kernel in zip(shape[2:], weight[2:], strict=True))
        outs = _spread(kept[0], wanted[0], pieces[0])
        ins = _spread(kept[1], wanted[1], pieces[1])
        rows = tuple(
            tuple(
                (out, into, place % (down * across) // across, place % across)
                for place, into in enumerate(ins)
            )
            for out in outs
        )
        return cls(shape=kept, weight=weight, groups=groups, block=wanted, starts=rows, wrapped=wrapped)

    @classmethod
    def within(
        cls,
        weight: tuple[int, int, int, int],
        limits: EpitomeStep | LayerEpitome,
        step: EpitomeStep,
        groups: int = 1,
    ) -> Epitome:
        """The epitome that a recipe's step makes of a weight; the weight itself if it is within the limits.

        Args:
            weight: (M, C / groups, R, S).
            limits: Rows and columns.
            step: How pieces are cut.
            groups: Channel groups of the layer.

        Raises:
            ConfigError: Not one input channel of the epitome fits into the rows.
        """
        outputs, inputs, height, width = weight
        rows, columns = limits.rows or MOST_STORED, limits.columns or MOST_STORED
        if inputs * height * width <= rows and outputs <= columns:
            return cls.of(weight, weight, groups=groups)
        margin = step.margin if height * width > 1 else 0  # no kernel, nothing that could slide
        plane = height + margin, width + margin
        kept = inputs if inputs * prod(plane) <= rows else rows // prod(plane)
        if not kept:
            rule = f"at least {prod(plane)}, for one input channel of {plane[0]} x {plane[1]}"
            raise ConfigError(Problem("epitome.rows", str(rows), rule, "Allow more rows."))
        block = (
            min(max(1, ceil(step.output_share * min(outputs, columns))), outputs // groups),
            kept if kept == inputs else max(1, ceil(step.input_share * kept)),
        )
        shape = (min(outputs, columns), kept, *plane)
        return cls.of(weight, shape, groups=groups, block=block, wrapped=step.wrap)


@lru_cache(maxsize=256)
def _source(epitome: Epitome) -> tuple[int, ...]:
    if not epitome.wrapped:
        return tuple(range(len(epitome.starts)))
    first: dict[Any, int] = {}
    return tuple(
        first.setdefault((place // epitome.group_blocks, row), place)
        for place, row in enumerate(epitome.starts)
    )


@lru_cache(maxsize=64)
def _index(epitome: Epitome) -> Ints:
    outputs, inputs, height, width = epitome.weight
    starts = np.asarray(epitome.starts, np.int64)  # (P, Q, 4)
    channel = np.arange(outputs)
    within = channel % epitome.group_outputs
    row = channel // epitome.group_outputs * epitome.group_blocks + within // epitome.block[0]
    column = np.arange(inputs) // epitome.block[1]
    begin = starts[row[:, None], column[None, :]]  # (M, C, 4)
    out = begin[..., 0] + (within % epitome.block[0])[:, None]
    into = begin[..., 1] + (np.arange(inputs) % epitome.block[1])[None, :]
    down = begin[..., 2][..., None, None] + np.arange(height)[:, None]
    across = begin[..., 3][..., None, None] + np.arange(width)
    _, channels, rows, columns = epitome.shape
    found = ((out * channels + into)[..., None, None] * rows + down) * columns + across
    found.flags.writeable = False
    return found


def _spread(size: int, block: int, count: int) -> list[int]:
    """Where `count` blocks begin that cover `size` channels evenly."""
    if count == 1:
        return [0]
    return [round(place * max(size - block, 0) / (count - 1)) for place in range(count)]


def _problems(epitome: Epitome) -> Iterator[Problem]:
    """Tables that do not fit the epitome or the weight."""
    if epitome.weight[0] % epitome.groups:
        yield Problem(
            ".weight", f"{epitome.weight[0]} output channels", f"a multiple of {epitome.groups} groups"
        )
        return
    outputs, inputs = epitome.groups * epitome.group_blocks, ceil(epitome.weight[1] / epitome.block[1])
    given = [len(row) for row in epitome.starts]
    if given != [inputs] * outputs:
        rule = f"{outputs} rows of {inputs} pieces, from blocks of {epitome.block} channels"
        yield Problem(".starts", f"{len(given)} rows of {sorted(set(given))} pieces", rule)
        return
    for axis in (0, 1):
        if epitome.shape[axis] > epitome.weight[axis]:
            rule = f"at most the weight's {epitome.weight[axis]}"
            yield Problem(".shape", f"{epitome.shape[axis]} {WITHIN[axis]}", rule)
    size = (*epitome.block, *epitome.weight[2:])
    for p, row in enumerate(epitome.starts):
        for q, start in enumerate(row):
            taken = (epitome.outputs_of(p), epitome.inputs_of(q), *size[2:])
            for axis in range(4):
                if start[axis] + taken[axis] > epitome.shape[axis]:
                    got = f"{WITHIN[axis]} {start[axis]} to {start[axis] + taken[axis]}"
                    yield Problem(f".starts[{p}][{q}]", got, f"within the epitome's {epitome.shape[axis]}")
                    return
