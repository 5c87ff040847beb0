"""A testbench that checks itself, and what it checks against: the golden model's states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spareto.fpga.circuit import Circuit, Neurons
from spareto.fpga.golden import Golden
from spareto.fpga.options import Options
from spareto.fpga.ranges import ranges
from spareto.fpga.scatter import scattered
from spareto.fpga.verilog.design import header
from spareto.fpga.verilog.inputs import stream_of
from spareto.fpga.verilog.neuron import shape_of
from spareto.fpga.verilog.stage import StageWriter
from spareto.fpga.verilog.text import memory, packed, rendered
from spareto.hardware.fabric.memories import index_bits
from spareto.integer.network import Ints


@dataclass(frozen=True)
class Bench:
    """A testbench.

    Args:
        source: Verilog.
        memories: Files for `$readmemh`, by file name.
        active: Of each stage, shape (recordings, time): inputs that spiked (words, with compressed rows),
            then recurrent ones.
    """

    source: str
    memories: dict[str, str]
    active: tuple[tuple[Ints, Ints], ...]


def bench_of(
    circuit: Circuit, frames: Ints, names: tuple[str, ...], options: Options, images: Ints | None = None
) -> Bench:
    """A testbench for recordings.

    Args:
        circuit: The circuit.
        frames: Bits, shape (time, recordings, inputs).
        names: Module of each stage.
        options: The design's.
        images: What the rate encoder makes the frames of, shape (recordings, inputs).
    """
    stream, count_bits = stream_of(circuit.inputs, options), options.count_bits
    time, recordings = frames.shape[:2]
    golden = Golden(circuit)
    words: dict[int, list[list[int]]] = {
        n: [[] for _ in range(recordings)] for n in range(len(circuit.stages))
    }
    wires: list[list[Ints]] = []
    for now in frames:
        wires.append(golden.step(now))
        for number, stage in enumerate(circuit.stages):
            for recording in range(recordings):
                words[number][recording] += _words(stage, golden, number, recording, wires[-1][number])
    words_in = (
        memory(images.reshape(-1).tolist(), 9) if images is not None else _stream(frames, stream.word_bits)
    )
    memories = {"vectors_stream.hex": words_in}
    stages = [_stage(stage, name) for stage, name in zip(circuit.stages, names, strict=True)]
    for number, row in enumerate(stages):
        flat = [word for recording in words[number] for word in recording]
        memories[f"vectors_{row['name']}.hex"] = memory(flat, row["bits"])
    memories["vectors_decisions.hex"] = _decisions(circuit, np.stack([w[-1] for w in wires]), count_bits)
    source = rendered(
        "testbench.v.j2",
        frames=time * recordings,
        recordings=recordings,
        word_bits=stream.word_bits,
        stream_words=stream.words * recordings * (time if images is None else 1),
        has_last=stream.has_last,
        classes=circuit.classes,
        class_bits=index_bits(circuit.classes),
        count_bits=count_bits,
        stages=stages,
        patience=_patience(circuit) + (circuit.inputs + 10) * (1 if images is None else time),
    )
    return Bench(header(circuit) + source, memories, _active(circuit, frames, wires))


def _patience(circuit: Circuit) -> int:
    """Cycles without a word taken or a decision made after which nothing will come any more."""
    return 1000 + 4 * sum(
        stage.passes * (stage.window.taps + stage.outputs + 100)
        for stage in circuit.stages
        if isinstance(stage, Neurons)
    )


def _active(circuit: Circuit, frames: Ints, wires: list[list[Ints]]) -> tuple[tuple[Ints, Ints], ...]:
    """How many bits each stage gets in every timestep, and how many of its own come back."""
    found: list[tuple[Ints, Ints]] = []
    for number, stage in enumerate(circuit.stages):
        into = frames if stage.source < 0 else np.stack([w[stage.source] for w in wires])
        own = np.stack([w[number] for w in wires]).sum(2).T
        back = np.concatenate([np.zeros_like(own[:, :1]), own[:, :-1]], 1)
        fed = isinstance(stage, Neurons) and stage.feedback is not None
        count = into.sum(2).T
        if isinstance(stage, Neurons) and stage.scatters:
            count = (into @ scattered(stage).words).T
        found.append((count, back if fed else np.zeros_like(back)))
    return tuple(found)


def _stage(stage: Any, name: str) -> dict[str, Any]:
    if not isinstance(stage, Neurons):
        return {
            "name": name,
            "passes": 1,
            "bits": stage.outputs,
            "got": f"dut.{name}.any",
            "when": f"dut.{name}.in_valid && dut.{name}.in_ready",
            "busy": f"dut.{name}.out_valid",
        }
    shape = shape_of(stage, ranges(stage))
    return {
        "name": name,
        "passes": stage.passes,
        "bits": stage.units * (shape.stored + 1),
        "got": f"{{dut.{name}.fires, dut.{name}.result}}",
        "when": f"dut.{name}.finishing",
        "busy": f"(dut.{name}.state != 3'd0 || dut.{name}.taken)"
        f" && !(dut.{name}.state == 3'd6 && dut.{name}.stalled)",
    }


def _words(stage: Any, golden: Golden, number: int, recording: int, wire: Ints) -> list[int]:
    """What a stage's units hold at the end of a timestep, for each use of them."""
    if not isinstance(stage, Neurons):
        return [packed(wire[recording].tolist(), 1)]
    shape = StageWriter(stage, "").shape
    states = golden.states[number]
    v, i, s = (states[name][recording].reshape(stage.passes, stage.units) for name in "vis")
    mask = (1 << shape.state) - 1
    words: list[int] = []
    for use in range(stage.passes):
        each = [
            (int(v[use, n]) & mask)
            | ((int(i[use, n]) & mask) << shape.state if shape.current else 0)
            | (int(s[use, n]) << (shape.state + shape.current) if shape.late else 0)
            for n in range(stage.units)
        ]
        word = packed(each, shape.stored)
        words.append(packed(s[use].tolist(), 1) << (stage.units * shape.stored) | word)
    return words


def _stream(frames: Ints, bits: int) -> str:
    """Words of all recordings, one after the other; the bit above marks a recording's last."""
    time, recordings, inputs = frames.shape
    count = -(-inputs // bits)
    padding = count * bits - inputs
    padded = np.concatenate([np.zeros((time, recordings, padding), np.int64), frames], 2).astype(np.int64)
    words: list[int] = []
    for recording in range(recordings):
        for t in range(time):
            row = padded[t, recording].reshape(count, bits)
            for n in range(count):
                last = t == time - 1 and n == count - 1
                words.append(packed(row[n].tolist(), 1) | (1 << bits if last else 0))
    return memory(words, bits + 1)


def _decisions(circuit: Circuit, last: Ints, count_bits: int) -> str:
    votes = last.sum(0).reshape(last.shape[1], circuit.classes, -1).sum(2)
    bits = index_bits(circuit.classes) + circuit.classes * count_bits
    return memory(
        (
            packed(row.tolist(), count_bits) | int(row.argmax()) << (circuit.classes * count_bits)
            for row in votes
        ),
        bits,
    )
