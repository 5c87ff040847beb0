"""Comparisons with a number as logic, for every number of every width."""

import re

import pytest

from spareto.fpga.verilog.arithmetic import Signal, reaches


def value(logic, word):
    """What an expression over the bits of `v` is."""

    def reduced(found):
        way, high, low = found[1], int(found[2]), int(found[3])
        bits = [word >> bit & 1 for bit in range(low, high + 1)]
        return str(int(all(bits) if way == "&" else any(bits)))

    logic = re.sub(r"\(([&|])v\[(\d+):(\d+)\]\)", reduced, logic)
    logic = re.sub(r"~v(?:\[(\d+)\])?", lambda found: str(1 - (word >> int(found[1] or 0) & 1)), logic)
    logic = re.sub(r"v\[(\d+)\]", lambda found: str(word >> int(found[1]) & 1), logic)
    return eval(logic.replace("1'b", ""), {})


@pytest.mark.parametrize("bits", range(1, 8))
@pytest.mark.parametrize("symmetric", [False, True])
def test_a_number_reaches_another(bits, symmetric):
    high = (1 << (bits - 1)) - 1
    low = -high if symmetric else -high - 1
    signal = Signal("v", low, high, bits)
    for least in range(low - 2, high + 3):
        logic = reaches(signal, least)
        for number in range(low, high + 1):
            assert value(logic, number & ((1 << bits) - 1)) == (number >= least), (least, number, logic)
