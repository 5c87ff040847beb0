"""The priority encoder of a stage that reads events, a group of inputs at a time."""

from __future__ import annotations

from collections.abc import Iterator

from spareto.fpga.verilog.text import rendered
from spareto.hardware.fabric.memories import index_bits

_SMALL = 16
"""Inputs up to which one group holds them all."""


def encoder_name(width: int) -> str:
    """Name of the module for a width."""
    return f"next_spike_{width}"


def encoder_module(width: int) -> str:
    """Its text: groups as large as about the square root of its width."""
    bits = index_bits(width)
    low = bits if width <= _SMALL else bits // 2
    size = width if width <= _SMALL else 1 << low
    groups = -(-width // size)
    padding = groups * size - width
    return rendered(
        "next_spike.v.j2",
        name=encoder_name(width),
        width=width,
        index_bits=bits,
        high_bits=bits - low,
        size=size,
        groups=groups,
        padded=f"{{{padding}'d0, kept}}" if padding else "kept",
        low=list(_number("lowest", size, low)),
        high=list(_number("first", groups, bits - low)),
    )


def _number(name: str, count: int, bits: int) -> Iterator[tuple[int, str]]:
    """Each bit of the number of a one-hot wire's bit: any of those whose number has it."""
    for bit in range(bits):
        mask = sum(1 << n for n in range(count) if n >> bit & 1)
        yield bit, f"|({name} & {count}'h{mask:x})"
