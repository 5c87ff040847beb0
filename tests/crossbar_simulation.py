"""The slow twin of crossbars: every activation carried out and counted, with the index tables."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np


@dataclass
class Counted:
    """What was done, and what came out: (T, M, height, width)."""

    outputs: np.ndarray
    rounds: int = 0
    pulses: int = 0
    cells: int = 0
    conversions: int = 0
    sums: int = 0


def run(epitome, numbers, frames, *, arrays, bits, stride=1, padding=0):
    """Run a layer on crossbars.

    Args:
        epitome: The tables.
        numbers: The epitome, its shape.
        frames: Spikes, (T, C, height, width).
        arrays: The crossbars.
        bits: Width of a number.
        stride: Both ways.
        padding: Both ways.
    """
    outputs, _, *kernel = epitome.weight
    padded = np.pad(frames, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    plane = [(size - k) // stride + 1 for size, k in zip(padded.shape[2:], kernel, strict=True)]
    done = Counted(np.zeros((len(frames), outputs, *plane)))
    matrix = numbers.reshape(len(numbers), -1).T  # rows x output channels
    for step, y, x in np.ndindex(len(frames), *plane):
        seen = padded[step, :, y * stride : y * stride + kernel[0], x * stride : x * stride + kernel[1]]
        _position(epitome, matrix, seen, done, done.outputs[step, :, y, x], arrays, bits)
    done.rounds //= len(frames) * plane[0] * plane[1]
    return done


def _position(epitome, matrix, seen, done, out, arrays, bits):
    blocks = epitome.group_blocks
    for place, source in enumerate(epitome.source):
        begin = place // blocks * epitome.group_outputs + place % blocks * epitome.block[0]
        if source != place:  # a copy: looked up, not computed
            other = source // blocks * epitome.group_outputs + source % blocks * epitome.block[0]
            out[begin : begin + epitome.outputs_of(place)] = out[other : other + epitome.outputs_of(place)]
            continue
        for q in range(len(epitome.starts[place])):
            given = _activate(epitome, matrix, seen, place, q, done, arrays, bits)
            done.rounds += 1
            done.sums += len(given) if q else 0
            out[begin : begin + len(given)] += given


def _activate(epitome, matrix, seen, place, q, done, arrays, bits):
    s, t, u, v = epitome.starts[place][q]
    _, _, height, width = epitome.shape
    first = place // epitome.group_blocks * epitome.weight[1] + q * epitome.block[1]
    count, cells = epitome.inputs_of(q), ceil(bits / int(arrays.cell_bits.amount))
    rows, values = [], []
    for channel, r, c in np.ndindex(count, *epitome.weight[2:]):
        rows.append(((t + channel) * height + u + r) * width + v + c)
        values.append(seen[first + channel, r, c])
    rows, values = np.array(rows), np.array(values, float)
    columns = np.arange(s, s + epitome.outputs_of(place))
    across = {cell // arrays.size[1] for cell in range(columns[0] * cells, (columns[-1] + 1) * cells)}
    total = np.zeros(len(columns))
    segment = np.array(
        [(row // arrays.size[0]) * 10_000 + row % arrays.size[0] // arrays.at_once for row in rows]
    )
    for each in np.unique(segment):
        chosen = segment == each
        total += values[chosen] @ matrix[np.ix_(rows[chosen], columns)]
        done.conversions += len(columns) * cells
    live = int((values != 0).sum())
    done.pulses += live * len(across) * arrays.signs
    done.cells += live * len(columns) * cells * arrays.signs
    return total
