"""The priority encoder of a stage that reads events."""

from __future__ import annotations

from collections.abc import Iterator

from spareto.fpga.verilog.text import rendered
from spareto.hardware.fabric.memories import index_bits


def encoder_name(width: int) -> str:
    """Name of the module for a width."""
    return f"first_spike_{width}"


def encoder_module(width: int) -> str:
    """Its text: two levels of about the square root of its width each."""
    bits = index_bits(width)
    low = bits if width <= 16 else (bits + 1) // 2
    size = min(1 << low, width)
    groups = 1 if width <= 16 else -(-width // size)
    padding = groups * size - width
    return rendered(
        "first_spike.v.j2",
        name=encoder_name(width),
        width=width,
        index_bits=bits,
        size=size,
        groups=groups,
        padded=f"{{{padding}'d0, spikes}}" if padding else "spikes",
        low=list(_index(bits, low, size, groups)),
    )


def _index(bits: int, low: int, size: int, groups: int) -> Iterator[tuple[int, str]]:
    """Each bit of the index: any of the one-hot bits whose number has it."""
    for bit in range(bits):
        name, count, at = (
            ("group", size, bit) if groups == 1 or bit < low else ("first_group", groups, bit - low)
        )
        mask = sum(1 << n for n in range(count) if n >> at & 1)
        yield bit, f"|({name} & {count}'h{mask:x})"
