"""Nested ranks: a tree of fibres, each rank stored in its own way."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of
from spareto.formats._base import (
    Bools,
    Encoded,
    Format,
    Size,
    Sizes,
    Train,
    Values,
    expected_live_groups,
    from_bits,
    rounded_up,
    to_bits,
    width_of,
    widths_of,
)
from spareto.formats._gaps import Gaps

Rank = Literal["plain", "bitmask", "coordinates", "offsets"]
RANKS: Final[tuple[str, ...]] = ("plain", "bitmask", "coordinates", "offsets")


class NestedRanks(Format):
    """The first axes of a tensor one rank each, the rest the leaf; a rank is a set of fibres.

    `plain` stores nothing and keeps every child, `offsets` says where each child's values start,
    `bitmask` and `coordinates` (a count and a list of places) keep the children that are not empty.

    Args:
        ranks: How each rank is stored, outermost first; the last is `bitmask` or `coordinates`.

    Raises:
        ConfigError: A rank is unknown, or the leaf does not locate its values.

    Reference:
        wu2022: hierarchical formats; the default is UOP over B.
    """

    locates_zeros = True
    implies_ones = True

    def __init__(self, ranks: tuple[Rank, ...] = ("offsets", "bitmask")) -> None:
        known = {len(ranks) - 1: ("bitmask", "coordinates")}
        wrong = [
            Problem(
                f"weight format 'nested'.ranks[{i}]", repr(rank), one_of(allowed), did_you_mean(rank, allowed)
            )
            for i, rank in enumerate(ranks)
            if rank not in (allowed := known.get(i, RANKS))
        ]
        if wrong or not ranks:
            raise ConfigError(wrong or Problem("weight format 'nested'.ranks", "()", "at least one rank"))
        self.ranks = ranks

    def encode(self, tensor: Values, bits: int) -> Encoded:
        """Rank after rank, all fibres of one before those of the next; values in the order of the leaf."""
        cube = self._cube(tensor)
        live = cube != 0
        width = width_of(int(live.sum()))
        return Encoded(tensor.shape, cube[live], np.concatenate(list(self._walk(live, width))), width)

    def decode(self, encoded: Encoded) -> Values:
        """Fibres opened rank after rank, values put back in the leaf."""
        cube = self._cube(np.zeros(encoded.shape, encoded.values.dtype)).copy()
        stream, places = encoded.metadata, np.zeros(1, np.int64)
        for rank, length in zip(self.ranks, cube.shape, strict=True):
            taken, children = _read(rank, stream, len(places), length, encoded.width)
            stream = stream[taken:]
            parents, inside = np.nonzero(children)
            places = places[parents] * length + inside
        cube.reshape(-1)[places] = encoded.values
        return cube.reshape(encoded.shape)

    def size(self, mask: Bools, bits: int) -> Size:
        """The bits of every rank, `bits` per non-zero element."""
        cube = self._cube(mask)
        values = int(np.count_nonzero(cube))
        offset, fibres, total = width_of(values), 1, 0.0
        for depth, rank in enumerate(self.ranks, start=1):
            is_leaf = depth == len(self.ranks)
            live = values if is_leaf else int(cube.reshape(*cube.shape[:depth], -1).any(axis=-1).sum())
            total += _bits(rank, fibres, live, cube.shape[depth - 1], offset)
            fibres = live if _drops(rank) else fibres * cube.shape[depth - 1]
        return Size(values * bits, int(total))

    def sizes_of(self, gaps: Gaps, bits: int) -> Sizes | None:
        """Settled by the non-zero elements where no rank but the leaf drops empty children."""
        if any(_drops(rank) for rank in self.ranks[:-1]):
            return None
        shape = _cut(gaps.shape, len(self.ranks))
        offset, fibres, total = widths_of(gaps.live), 1, np.zeros_like(gaps.live)
        for rank, length in zip(self.ranks, shape, strict=True):
            total = total + _bits(rank, fibres, gaps.live, length, offset)
            fibres *= length
        return (total + gaps.live * bits).astype(np.int64)

    def expected_bits(self, train: Train, bits: int) -> float:
        """Timesteps first, then neurons; fibres that are not empty in expectation."""
        lengths = [1] * max(0, len(self.ranks) - 2) + [train.steps, train.neurons][-len(self.ranks) :]
        if len(self.ranks) == 1:
            lengths = [train.elements]
        offset, fibres, below, total = width_of(rounded_up(train.live)), 1.0, train.elements, 0.0
        for rank, length in zip(self.ranks, lengths, strict=True):
            below //= length
            live = expected_live_groups(train.elements, train.live, below)
            total += _bits(rank, fibres, live, length, offset)
            fibres = live if _drops(rank) else fibres * length
        return total + train.live * bits

    def compatible_metadata(self, elements: float, density: float, width: int, fibres: int = 1) -> float:
        """The root walks `fibres` children, the leaf what is in them; a word for whatever a rank lists.

        `fibres` names one cut: ranks between root and leaf would not cut further and list nothing.
        """
        if len(self.ranks) == 1:
            fibres, root, opened = 1, 0.0, 1.0
        else:
            kept = expected_live_groups(round(elements), elements * density, round(elements / fibres))
            listed = {"plain": 0.0, "offsets": fibres + 1.0, "bitmask": float(fibres), "coordinates": kept}
            root, opened = listed[self.ranks[0]], kept if _drops(self.ranks[0]) else float(fibres)
        if self.ranks[-1] == "bitmask":
            return (root + opened * elements / fibres) * width
        each = rounded_up(elements * density / opened) if opened else 0
        return (root + opened * each) * width

    def _cube(self, tensor: Values) -> Values:
        """The tensor with one axis a rank."""
        return tensor.reshape(_cut(tensor.shape, len(self.ranks)))

    def _walk(self, cube: Bools, offset: int) -> Iterator[Bools]:
        """The metadata of each rank."""
        opened = np.ones((), np.bool_)
        for depth, rank in enumerate(self.ranks):
            length = cube.shape[depth]
            counts = cube.reshape(*cube.shape[: depth + 1], -1).sum(axis=-1, dtype=np.int64)
            yield _write(rank, counts[opened].reshape(-1, length), offset)
            children = np.broadcast_to(opened[..., None], counts.shape)
            opened = children & (counts > 0) if _drops(rank) else children


def _cut(shape: tuple[int, ...], ranks: int) -> tuple[int, ...]:
    """A shape with one axis a rank."""
    outer = shape[:-1][: ranks - 1]
    return (1,) * (ranks - 1 - len(outer)) + outer + (prod(shape) // prod(outer),)


def _drops(rank: Rank) -> bool:
    return rank in ("bitmask", "coordinates")


def _bits(rank: Rank, fibres: float, live: Any, length: int, offset: Any) -> Any:
    """Metadata of one rank: `fibres` of `length` children each, `live` of which are not empty."""
    match rank:
        case "plain":
            return 0.0
        case "bitmask":
            return fibres * length
        case "coordinates":
            return fibres * width_of(length) + live * width_of(length - 1)
        case "offsets":
            return fibres * (length + 1) * offset


def _write(rank: Rank, counts: npt.NDArray[np.int64], offset: int) -> Bools:
    """Metadata of one rank from the non-zeros in each child of each of its fibres."""
    children, length = counts > 0, counts.shape[1]
    match rank:
        case "plain":
            return np.zeros(0, np.bool_)
        case "bitmask":
            return children.reshape(-1)
        case "coordinates":
            places = np.nonzero(children)[1].astype(np.int64)
            each = children.sum(axis=1).astype(np.int64)
            return np.concatenate([to_bits(each, width_of(length)), to_bits(places, width_of(length - 1))])
        case "offsets":
            ends = np.cumsum(counts).reshape(counts.shape)
            starts = ends[:, :1] - counts[:, :1]
            return to_bits(np.concatenate([starts, ends], axis=1).reshape(-1), offset)


def _read(rank: Rank, stream: Bools, fibres: int, length: int, offset: int) -> tuple[int, Bools]:
    """Bits taken from the stream, and the children that are opened."""
    match rank:
        case "plain":
            return 0, np.ones((fibres, length), np.bool_)
        case "offsets":
            return fibres * (length + 1) * offset, np.ones((fibres, length), np.bool_)
        case "bitmask":
            return fibres * length, stream[: fibres * length].reshape(fibres, length)
        case "coordinates":
            head, width = fibres * width_of(length), width_of(length - 1)
            each = from_bits(stream[:head], width_of(length), fibres)
            total = int(each.sum())
            places: npt.NDArray[np.int64] = from_bits(stream[head : head + total * width], width, total)
            children = np.zeros((fibres, length), np.bool_)
            children[np.repeat(np.arange(fibres), each), places] = True
            return head + total * width, children
