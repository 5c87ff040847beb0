"""How frames come in: words of a stream or pixels of images, and the wrappers around the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spareto.fpga.circuit import Circuit
from spareto.fpga.options import Options
from spareto.fpga.verilog.text import rendered
from spareto.hardware.fabric.memories import index_bits

CLOCK_HZ, BAUD = 12_000_000, 115_200
"""Of the serial wrapper's divider, which is a parameter of its module."""


@dataclass(frozen=True)
class InputStream:
    """A design's input stream.

    Args:
        module: Name of the module that takes it.
        word_bits: Bits of a word.
        words: Words of a frame, or of an image.
        has_last: Whether the stream says where a recording ends.
        frame_cycles: Cycles from one frame to the next, if the stage behind never waits.
        loading: Further cycles of a recording's first frame.
    """

    module: str
    word_bits: int
    words: int
    has_last: bool
    frame_cycles: int
    loading: int = 0


def stream_of(inputs: int, options: Options) -> InputStream:
    """The input stream of a circuit."""
    if options.stream == "rate":
        return InputStream("rate_input", 8, inputs, False, inputs + 1, inputs)
    bits = min(options.word_bits, inputs)
    words = -(-inputs // bits)
    return InputStream("frame_input", bits, words, True, words)


def input_module(inputs: int, options: Options) -> str:
    """Text of the module that takes the stream."""
    stream = stream_of(inputs, options)
    if options.stream == "rate":
        return rendered(
            "rate_input.v.j2",
            inputs=inputs,
            timesteps=options.timesteps,
            pixel_bits=index_bits(inputs),
            step_bits=index_bits(options.timesteps),
            seed=options.seed,
        )
    return rendered(
        "frame_input.v.j2",
        inputs=inputs,
        word_bits=stream.word_bits,
        words=stream.words,
        count_bits=index_bits(stream.words),
        padding=stream.words * stream.word_bits - inputs,
    )


def wrappers(circuit: Circuit, options: Options) -> dict[str, str]:
    """Further top modules, by file name."""
    stream, classes = stream_of(circuit.inputs, options), circuit.classes
    common: dict[str, Any] = {
        "word_bits": stream.word_bits,
        "has_last": stream.has_last,
        "classes": classes,
        "class_bits": index_bits(classes),
        "count_bits": options.count_bits,
    }
    found: dict[str, str] = {}
    if "axis" in options.wrappers:
        found["network_axis.v"] = _axis(stream, common)
    if "serial" in options.wrappers:
        found["network_serial.v"] = _serial(stream, common, options.timesteps)
    return found


def _axis(stream: InputStream, common: dict[str, Any]) -> str:
    data_bits = -(-stream.word_bits // 8) * 8
    unused = [] if stream.has_last else ["s_axis_tlast"]
    if data_bits > stream.word_bits:
        unused.append(f"s_axis_tdata[{data_bits - 1}:{stream.word_bits}]")
    return rendered(
        "axis.v.j2",
        data_bits=data_bits,
        beat_bits=index_bits(common["classes"] + 1),
        unused=", ".join(unused),
        last_story="with a recording's last word"
        if stream.has_last
        else "not read: an image has a stated size",
        **common,
    )


def _serial(stream: InputStream, common: dict[str, Any], timesteps: int) -> str:
    word_bytes, count_bytes = -(-stream.word_bits // 8), -(-common["count_bits"] // 8)
    answer = 10 * (1 + common["classes"] * count_bytes)
    wide = 8 * word_bytes
    unused = f"word[{wide - 1}:{stream.word_bits}]" if wide > stream.word_bits else ""
    return rendered(
        "serial.v.j2",
        timesteps=timesteps,
        word_bytes=word_bytes,
        byte_bits=index_bits(word_bytes),
        count_bytes=count_bytes,
        words=stream.words * timesteps,
        words_bits=index_bits(stream.words * timesteps),
        answer_bits=answer,
        left_bits=answer.bit_length(),
        divider=round(CLOCK_HZ / BAUD),
        unused=unused,
        **common,
    )
