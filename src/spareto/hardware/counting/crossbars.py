"""How many crossbars a layer takes, and how often rows, columns and tables of them are used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, log2, prod

import numpy as np
import numpy.typing as npt

from spareto.hardware.counting.operations import reached_operations
from spareto.hardware.describing.crossbar_chip import Arrays, CrossbarChip
from spareto.records.epitome import Epitome
from spareto.records.workload import Layer, Statistic

Ints = npt.NDArray[np.int64]


def crossbars(rows: int, outputs: int, bits: int, arrays: Arrays, groups: int = 1) -> int:
    """Arrays that a weight of `rows` by `outputs` numbers takes, a group of channels.

    Groups small enough lie side by side on the diagonal of one array.

    Args:
        rows: Input channels times kernel of a group.
        outputs: Output channels of a group.
        bits: Width of a number.
        arrays: The crossbars.
        groups: How many such weights there are.
    """
    height, width = arrays.size
    columns = outputs * arrays.cells(bits)
    together = _together(rows, columns, groups, arrays)
    return arrays.signs * ceil(groups / together) * ceil(rows / height) * ceil(columns / width)


def _together(rows: int, columns: int, groups: int, arrays: Arrays) -> int:
    """Groups on the diagonal of one array."""
    height, width = arrays.size
    return min(groups, max(1, min(height // rows, width // columns)))


def crossbars_of(layer: Layer, arrays: Arrays) -> int:
    """Arrays that a layer's weights take, as an epitome where they are one; 0 if it stores none."""
    return crossbars_at(layer, layer.weight_bits, arrays) if layer.stores_weights else 0


def crossbars_at(layer: Layer, bits: int, arrays: Arrays, *, epitome: bool = True) -> int:
    """The same at another width, or with the weights one by one."""
    made = layer.epitome if epitome else None
    if made is not None and not made.plain:
        outputs, *rest = made.shape
        return crossbars(prod(rest), outputs, bits, arrays)
    rows = layer.in_channels // layer.groups * prod(layer.kernel)
    return crossbars(rows, layer.out_channels // layer.groups, bits, arrays, layer.groups)


@dataclass(frozen=True)
class Piece:
    """One activation of arrays for one output position.

    Args:
        inputs: First and last input channel, within its group, that it takes.
        rows: Rows that it drives.
        outputs: Output channels that it gives.
        segments: Parts of columns that are converted apart: different arrays, and rows that are not driven
            at once.
        passes: Segments of the fullest array, one after the other.
        across: Arrays side by side that its columns lie in.
        widest: Most columns of one array that are converted.
        group: Channel group, or None for all at once.
    """

    inputs: tuple[int, int]
    rows: int
    outputs: int
    segments: int
    passes: int
    across: int
    widest: int
    group: int | None = None


def pieces(layer: Layer, arrays: Arrays) -> Iterator[Piece]:
    """Every activation for one output position; one for a weight that is stored as it is."""
    made = layer.epitome
    if made is None or made.plain:
        yield _whole(layer, arrays)
        return
    for place in made.computed:
        for block in range(len(made.starts[place])):
            yield _piece(made, place, block, layer.weight_bits, arrays)


def _whole(layer: Layer, arrays: Arrays) -> Piece:
    channels, outputs = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    rows = channels * prod(layer.kernel)
    columns = outputs * arrays.cells(layer.weight_bits)
    together = _together(rows, columns, layer.groups, arrays)
    segments, _ = _segments(np.arange(rows), arrays)
    _, passes = _segments(np.arange(rows * together), arrays)
    return Piece(
        inputs=(0, channels),
        rows=rows,
        outputs=outputs,
        segments=segments,
        passes=passes,
        across=ceil(columns / arrays.size[1]),
        widest=min(columns * together, arrays.size[1]),
    )


def _piece(made: Epitome, place: int, block: int, bits: int, arrays: Arrays) -> Piece:
    out, into, down, across = made.starts[place][block]
    outputs, inputs = made.outputs_of(place), made.inputs_of(block)
    _, _, height, width = made.shape
    channel, row, column = np.meshgrid(
        np.arange(into, into + inputs),
        np.arange(down, down + made.weight[2]),
        np.arange(across, across + made.weight[3]),
        indexing="ij",
    )
    taken = ((channel * height + row) * width + column).ravel()
    segments, passes = _segments(taken, arrays)
    cells = arrays.cells(bits)
    columns = np.bincount(np.arange(out * cells, (out + outputs) * cells) // arrays.size[1])
    return Piece(
        inputs=(block * made.block[1], block * made.block[1] + inputs),
        rows=len(taken),
        outputs=outputs,
        segments=segments,
        passes=passes,
        across=int((columns > 0).sum()),
        widest=int(columns.max()),
        group=place // made.group_blocks if made.groups > 1 else None,
    )


def _segments(rows: Ints, arrays: Arrays) -> tuple[int, int]:
    """Groups of rows that are summed at once, and how many of them lie in one array at most."""
    array, within = rows // arrays.size[0], rows % arrays.size[0] // arrays.at_once
    found = np.unique(np.stack([array, within]), axis=1)
    return found.shape[1], int(np.bincount(found[0]).max())


@dataclass(frozen=True)
class ArrayUse:
    """What one inference of a layer does with its arrays.

    Args:
        pulses: Pulses on rows.
        cells: Cells times pulses.
        conversions: Columns converted.
        cycles: Until the last one.
        input_bits: Bits read to drive the rows.
        sums: Partial sums that are written and read again, between rounds.
        table_bits: Bits of the address tables.
        table_reads: Bits of them that are read.
    """

    pulses: float
    cells: float
    conversions: float
    cycles: float
    input_bits: float
    sums: float
    table_bits: int
    table_reads: float


def use_of(layer: Layer, chip: CrossbarChip, statistic: Statistic) -> ArrayUse:
    """Count all activations of a layer's arrays."""
    arrays, cells = chip.arrays, chip.arrays.cells(layer.weight_bits)
    positions = layer.timesteps * prod(layer.plane)
    trains = ceil(layer.input.bits / chip.dac.resolution.amount)
    driven = _Driven.of(layer, chip, statistic)
    pulses = read = converted = cycles = bits = 0.0
    for piece in pieces(layer, arrays):
        groups = layer.groups if piece.group is None else 1
        rows = driven.rows(piece) * trains
        pulses += rows * piece.across * arrays.signs
        read += rows * piece.outputs * cells * arrays.signs
        converted += positions * trains * piece.segments * piece.outputs * cells * groups
        cycles += positions * trains * piece.passes * chip.cycles_of(piece.widest)
        bits += positions * piece.rows * groups * layer.input.bits
    held, looked_up = _tables(layer)
    return ArrayUse(
        pulses=pulses,
        cells=read,
        conversions=converted,
        cycles=cycles,
        input_bits=bits,
        sums=positions * _sums(layer),
        table_bits=held,
        table_reads=float(positions * looked_up),
    )


@dataclass(frozen=True)
class _Driven:
    """Rows that carry something, per inference and pulse: by input channel, all of a group's or all groups'.

    Args:
        by_channel: Of each input channel, shape (groups, C / groups).
    """

    by_channel: npt.NDArray[np.float64]

    @classmethod
    def of(cls, layer: Layer, chip: CrossbarChip, statistic: Statistic) -> _Driven:
        channels, kernel = layer.in_channels // layer.groups, prod(layer.kernel)
        shape = (layer.groups, channels)
        positions = layer.timesteps * prod(layer.plane)
        if chip.dac.zero_inputs == "compute":
            return cls(np.full(shape, float(positions * kernel)))
        total = reached_operations(layer, statistic) / (layer.out_channels // layer.groups)
        if layer.reaching is None:
            return cls(np.full(shape, total / layer.in_channels))
        seen = layer.reaching.array().sum((1, 2)).reshape(shape)
        return cls(seen * (total / seen.sum()) if seen.sum() else seen)

    def rows(self, piece: Piece) -> float:
        """Those of the rows that a piece drives."""
        first, last = piece.inputs
        chosen = self.by_channel if piece.group is None else self.by_channel[piece.group : piece.group + 1]
        return float(chosen[:, first:last].sum())


def _sums(layer: Layer) -> int:
    """Partial sums that wait for the next round, of one output position."""
    made = layer.epitome
    if made is None or made.plain:
        return 0
    return sum(made.outputs_of(place) * (len(made.starts[place]) - 1) for place in made.computed)


def _tables(layer: Layer) -> tuple[int, int]:
    """Bits of a layer's address tables, and those read for one output position: each entry once.

    A round looks up where its inputs begin, the first and last of its rows, and where its sums go; a copy of
    an output block looks up where it goes.
    """
    made = layer.epitome
    if made is None or made.plain:
        return 0, 0
    rows = prod(made.shape[1:])
    inputs, outputs = _address(layer.input.size), _address(layer.out_channels * prod(layer.plane))
    copies = len(made.starts) - len(made.computed)
    bits = made.rounds * (inputs + 2 * _address(rows) + outputs) + copies * outputs
    return bits, bits


def _address(places: int) -> int:
    """Bits that tell places apart."""
    return max(1, ceil(log2(places))) if places > 1 else 1
