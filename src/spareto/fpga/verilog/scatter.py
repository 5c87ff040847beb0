"""The words and lists of a stage that hands spikes to the neurons they reach, as memories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spareto.fpga.circuit import Neurons
from spareto.fpga.scatter import Scattered, scattered
from spareto.fpga.verilog.encoder import encoder_name
from spareto.fpga.verilog.text import fields, memory, packed, style
from spareto.hardware.fabric.memories import index_bits


@dataclass(frozen=True)
class ScatterWords:
    """What a scattering stage's template is given.

    Args:
        context: Names of the template.
        memories: Files for `$readmemh`, by name.
    """

    context: dict[str, Any]
    memories: dict[str, str]


def scatter_words(stage: Neurons, weight_bits: int) -> ScatterWords:
    """Memories of a stage, and what its template says of them."""
    found = scattered(stage)
    lists, lane = found.lists, found.lists.slot + weight_bits
    (words, bits), (rows, row_bits), *visits = lists.memories(stage.units, weight_bits)
    memories = {"words": memory(_words(found, weight_bits), bits), "rows": memory(_rows(found), row_bits)}
    if visits:
        memories["visits"] = memory(_visits(found), lists.visit)
    connected = found.words > 0
    base = lists.base if visits else 0
    context = {
        "compressed": lists.compressed,
        "listed": bool(visits),
        "connected": "" if connected.all() else f"{packed(connected.astype(int).tolist(), 1):x}",
        "input_bits": index_bits(lists.inputs),
        "encoder": encoder_name(lists.inputs),
        "words": words,
        "lane_bits": lane,
        "weight_style": style(words, bits),
        "row_bits": row_bits,
        "row_style": style(rows, row_bits),
        "base_bits": base,
        "start_bits": lists.start,
        "more_bits": lists.more,
        "offset_bits": lists.offset,
        "offset_at": _wider("offset", lists.offset, lists.start),
        "slot_bits": lists.slot,
        "base_offset": _wider("offset", lists.offset, base) if lists.offset and not lists.compressed else "",
        "slot_at": _slot(lists.slot, base, lane, weight_bits),
        "entries": rows,
        "counts_blocks": bool(visits) and stage.blocks > 1,
        "constant_at": "pass" if not visits else "channel_block" if stage.blocks > 1 else "0",
    }
    if visits:
        context |= {
            "visit_bits": lists.visit,
            "visit_style": style(lists.inputs, lists.visit),
            "entry_index_bits": index_bits(lists.entries),
            "longest_bits": index_bits(lists.longest),
        }
    return ScatterWords(context, memories)


def _wider(name: str, bits: int, wide: int) -> str:
    return f"{{{wide - bits}'d0, {name}}}" if wide > bits else name


def _slot(slot: int, base: int, lane: int, weight: int) -> str:
    """Which sum of a unit a word is added to."""
    own = f"word[unit * {lane} + {weight} +: {slot}]"
    if not base:
        return own if slot else "pass"  # or each unit has one sum
    return f"base + {_wider(own, slot, base)}" if slot else "base"


def _words(found: Scattered, weight_bits: int) -> list[int]:
    lane = found.lists.slot + weight_bits
    return [
        packed(
            [fields([(int(v), weight_bits), (int(s), found.lists.slot)]) for v, s in zip(*pair, strict=True)],
            lane,
        )
        for pair in zip(found.weights, found.slots, strict=True)
    ]


def _rows(found: Scattered) -> list[int]:
    """Of each input, or of each entry: where its sums begin, its first word, how many more."""
    lists = found.lists
    more = np.maximum(found.counts - 1, 0)
    if found.visits is None:
        return [
            fields([(int(a), lists.start), (int(b), lists.more)])
            for a, b in zip(found.starts, more, strict=True)
        ]
    columns, bases = found.visits.columns, found.visits.positions * lists.blocks
    listed = zip(bases, found.starts[columns], more[columns], strict=True)
    rows = [fields([(int(a), lists.base), (int(b), lists.start), (int(c), lists.more)]) for a, b, c in listed]
    return rows or [0]


def _visits(found: Scattered) -> list[int]:
    assert found.visits is not None
    lists = found.lists
    pairs = zip(found.visits.starts.tolist(), np.maximum(found.visits.counts - 1, 0).tolist(), strict=True)
    first, more = index_bits(lists.entries), index_bits(lists.longest)
    # an input without entries may come last, behind the last entry: its list is never read
    return [fields([(a, first), (b, more)]) for a, b in pairs]
