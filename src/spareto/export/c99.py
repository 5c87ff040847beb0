"""Plain C99 for microcontrollers: constants in flash, one struct of states, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
from typing_extensions import override

from spareto.core.artifacts import write_text
from spareto.export._base import Exported, Target
from spareto.integer import IntegerLayer, IntegerNetwork, bounds
from spareto.integer.network import INPUT, Attention, Ints, Node, Pool, Synapses
from spareto.package.vectors import Vectors

_JOINS: Final = {"add": 0, "and": 1, "iand": 2}
_LINE: Final = 24


class C99(Target):
    """Four files: `spareto.h` and `spareto.c`, the same for every network, `network.h` and `network.c`.

    `network_reset` and `network_step` are all there is to call; the votes stand in the struct. The header
    asserts the size of the struct at compile time. A network that sees all timesteps at once takes them all
    in a step.
    """

    @override
    def write(self, network: IntegerNetwork, folder: Path, vectors: Vectors | None = None) -> Exported:
        source = _Source(network)
        body = source.body()
        texts = {name: _shipped(name) for name in ("spareto.h", "spareto.c")}
        texts |= {"network.h": source.header(), "network.c": body, "verify.c": source.driver()}
        for name, text in texts.items():
            write_text(folder / name, text)
        memory = {"constants": source.constants, "struct": source.struct_bytes}
        memory |= {f"  {part.name}": part.bytes for part in source.parts}
        return Exported(tuple(folder / name for name in texts), memory)


def _shipped(name: str) -> str:
    return resources.files("spareto.export").joinpath("c99_files", name).read_text(encoding="utf-8")


@dataclass(frozen=True)
class _Part:
    """A field of the struct."""

    name: str
    kind: str
    count: int

    @property
    def each(self) -> int:
        return {"uint8_t": 1, "int16_t": 2, "int32_t": 4, "int64_t": 8}[self.kind]

    @property
    def bytes(self) -> int:
        return self.each * self.count


class _Source:
    """The generated text of one network.

    Attributes:
        parts: Fields of the struct, the widest first, so that nothing is padded between them.
        constants: Bytes of all constants.
    """

    def __init__(self, network: IntegerNetwork) -> None:
        self.network, self.shapes, self.bounds = network, network.shapes(), bounds(network)
        self.steps = network.timesteps or 1
        self.constants = 0
        self.parts = sorted(self._parts(), key=lambda part: -part.each)

    @property
    def struct_bytes(self) -> int:
        """Size of the struct, rounded up to its widest field."""
        widest = self.parts[0].each
        return -(-sum(part.bytes for part in self.parts) // widest) * widest

    def _parts(self) -> Iterator[_Part]:
        network = self.network
        yield _Part("votes", "int32_t", network.classes)
        yield _Part("timesteps", "int32_t", 1)
        yield _Part("input", "uint8_t", self.steps * int(np.prod(network.sensor)))
        most = totals = 1
        for number, node in enumerate(network.nodes):
            size = int(np.prod(self.shapes[number]))
            yield _Part(f"wire{number}", "int32_t" if self._wide(number) else "uint8_t", self.steps * size)
            if isinstance(node, IntegerLayer):
                most = max(most, self.shapes[number][0])
                for name in node.neuron.states:
                    yield _Part(f"{name}{number}", f"int{8 * _state_bytes(node)}_t", size)
                if node.feedback is not None:
                    yield _Part(f"f{number}", "int32_t", size)
            elif isinstance(node, Attention):
                totals = max(totals, node.timesteps * self.shapes[number][0])
        yield _Part("sums", "int32_t", most)
        yield _Part("back", "int32_t", most)
        yield _Part("totals", "int32_t", totals)

    def _wide(self, source: int) -> bool:
        return source != INPUT and self.bounds[source].output > 255

    def header(self) -> str:
        """`network.h`."""
        network, frame = self.network, int(np.prod(self.network.sensor))
        fields = "\n".join(f"    {part.kind} {part.name}[{part.count}];" for part in self.parts)
        table = "\n".join(f" *   {part.name:<12} {part.bytes:>10} bytes" for part in self.parts)
        return f"""/* A spiking network of integers: {len(network.nodes)} nodes, {network.classes} classes.
 *
 * Constants, in flash: {self.constants} bytes.
 * The struct, in memory: {self.struct_bytes} bytes.
{table}
 */
#ifndef NETWORK_H
#define NETWORK_H
#include "spareto.h"

#define NETWORK_CLASSES {network.classes}
#define NETWORK_FRAME {frame} /* bytes of a frame: channels {network.sensor[0]}, height {network.sensor[1]}, width {network.sensor[2]} */
#define NETWORK_STEPS {self.steps} /* timesteps of one call of network_step */
#define NETWORK_INPUT_MOST {network.input_most}

typedef struct {{
{fields}
}} network_state;

typedef char network_state_is_as_large_as_said[sizeof(network_state) == {self.struct_bytes} ? 1 : -1];

/* Begin a new recording. */
void network_reset(network_state *state);
/* NETWORK_STEPS frames; the class with most votes so far. */
int network_step(network_state *state, const uint8_t *frames);
#endif
"""  # noqa: E501 - the text of a C file

    def body(self) -> str:
        """`network.c`."""
        tables = "\n".join(text for number, node in enumerate(self.network.nodes)
                           for text in self._tables(number, node))  # fmt: skip
        resets = "\n".join(f"    {line}" for line in self._resets())
        calls = "\n".join(f"    {line}" for number, node in enumerate(self.network.nodes)
                          for line in self._calls(number, node))  # fmt: skip
        network, last = self.network, len(self.network.nodes) - 1
        outputs = self.shapes[-1][0]
        voters, channels = outputs // network.classes, network.sensor[0]
        pixels = network.sensor[1] * network.sensor[2]
        return f"""#include "network.h"

{tables}
void network_reset(network_state *s) {{
    unsigned char *bytes = (unsigned char *)s;
    uint32_t n;
    for (n = 0; n < sizeof *s; n++) bytes[n] = 0;
{resets}
}}

int network_step(network_state *s, const uint8_t *frames) {{
    const int32_t steps = NETWORK_STEPS;
    int32_t t, n, best = 0;
    for (t = 0; t < steps; t++)
        spareto_arrange(frames + t * NETWORK_FRAME, s->input + t * NETWORK_FRAME, {channels}, {pixels});
{calls}
    for (t = 0; t < steps; t++)
        for (n = 0; n < {outputs}; n++) s->votes[n / {voters}] += s->wire{last}[t * {outputs} + n];
    s->timesteps[0] += steps;
    for (n = 1; n < NETWORK_CLASSES; n++)
        if (s->votes[n] > s->votes[best]) best = n;
    return (int)best;
}}
"""

    def driver(self) -> str:
        """`verify.c`, for machines with files: frames in, every wire out."""
        wires = "\n".join(
            f"        fwrite(state.wire{number}, sizeof state.wire{number}, 1, stdout);"
            for number in range(len(self.network.nodes))
        )
        return f"""/* For machines with files: reads frames, writes every wire of a call, then the votes. */
#include <stdio.h>

#include "network.h"

static network_state state;
static uint8_t frames[NETWORK_STEPS * NETWORK_FRAME];

int main(void) {{
    network_reset(&state);
    while (fread(frames, sizeof frames, 1, stdin) == 1) {{
        network_step(&state, frames);
{wires}
    }}
    fwrite(state.votes, sizeof state.votes, 1, stdout);
    return 0;
}}
"""

    def _resets(self) -> Iterator[str]:
        for number, node in enumerate(self.network.nodes):
            if isinstance(node, IntegerLayer) and node.neuron.start:
                size = int(np.prod(self.shapes[number]))
                yield f"spareto_start(s->v{number}, {_state_bytes(node)}, {size}, {node.neuron.start});"

    def _wire(self, source: int, at: str = "") -> str:
        name = "input" if source == INPUT else f"wire{source}"
        return f"spareto_wire_of(s->{name}{at}, {int(self._wide(source))})"

    def _calls(self, number: int, node: Node) -> Iterator[str]:
        shape = self.network.sensor if node.source == INPUT else self.shapes[node.source]
        before, after = int(np.prod(shape)), int(np.prod(self.shapes[number]))
        if isinstance(node, Attention):
            ends = f"{self._wire(node.source)}, {self._wire(number)}"
            yield f"spareto_run_attention(&node{number}, {ends}, s->totals);"
            return
        ends = f"{self._wire(node.source, f' + t * {before}')}, {self._wire(number, f' + t * {after}')}"
        yield "for (t = 0; t < steps; t++)"
        if isinstance(node, IntegerLayer):
            yield f"    {{ const spareto_states states = {self._states(number, node)};"
            yield f"    spareto_run_layer(&node{number}, {ends}, &states, s->sums, s->back); }}"
        elif isinstance(node, Pool):
            yield f"    spareto_run_pool(&node{number}, {ends});"
        else:
            a, b = node.factors
            left = self._wire(node.source, f" + t * {before}")
            right, out = self._wire(node.other, f" + t * {before}"), self._wire(number, f" + t * {after}")
            yield f"    spareto_run_join({_JOINS[node.kind]}, {a}, {b}, {left}, {right}, {out}, {after});"

    def _states(self, number: int, node: IntegerLayer) -> str:
        there = [f"s->{name}{number}" if name in node.neuron.states else "0" for name in "vias"]
        return f"{{{', '.join(there)}, {f's->f{number}' if node.feedback is not None else '0'}}}"

    def _tables(self, number: int, node: Node) -> Iterator[str]:
        if isinstance(node, IntegerLayer):
            yield from self._layer(number, node)
        elif isinstance(node, Pool):
            shape = self.network.sensor if node.source == INPUT else self.shapes[node.source]
            sides = (*shape[1:], shape[0], *node.kernel, *node.stride, *node.padding, *node.size)
            numbers = ", ".join(map(str, (*sides, int(node.kind == "sum"))))
            yield f"static const spareto_pool node{number} = {{{numbers}}};\n"
        elif isinstance(node, Attention):
            for name, values in (("temporal", node.temporal.weights), ("channel", node.channel.weights),
                                 ("table", node.table)):  # fmt: skip
                yield self._array(f"{name}{number}", values, "int32_t")
            shape = self.shapes[number]
            sides = (node.timesteps, shape[0], shape[1] * shape[2], node.temporal.weights.shape[3])
            numbers = (*sides, node.padding[0], node.shift, len(node.table), _long(node.multiplier))
            tables = f"temporal{number}, channel{number}, table{number}"
            listed = ", ".join(map(str, numbers))
            yield f"static const spareto_attention node{number} = {{{listed}, {tables}}};\n"

    def _layer(self, number: int, node: IntegerLayer) -> Iterator[str]:
        synapses, neuron = node.synapses, node.neuron
        shape = self.network.sensor if node.source == INPUT else self.shapes[node.source]
        bits, stride, rows = _rows(synapses, shape)
        yield self._array(f"weights{number}", rows, "uint8_t")
        yield self._array(f"multiplier{number}", node.multiplier, "int64_t")
        yield self._array(f"bias{number}", node.bias, "int64_t")
        back = (0, 0, "0", "0")
        if node.feedback is not None:
            back_bits, back_stride, back_rows = _rows(node.feedback.synapses, (self.shapes[number][0], 1, 1))
            yield self._array(f"back{number}", back_rows, "uint8_t")
            yield self._array(f"back_multiplier{number}", node.feedback.multiplier, "int64_t")
            back = (back_bits, back_stride, f"back{number}", f"back_multiplier{number}")
        kernel = shape[1:] if synapses.flat else synapses.weights.shape[2:]
        sides = (shape[1], shape[2], shape[0], *self.shapes[number][1:], self.shapes[number][0], *kernel)
        window = (*synapses.stride, *synapses.padding, *synapses.dilation, synapses.groups)
        arrays = f"weights{number}, multiplier{number}, bias{number}"
        wide = map(_long, (neuron.most, neuron.decay, neuron.leak, neuron.threshold, neuron.drop,
                           neuron.delayed_drop))  # fmt: skip
        delayed = 0 if neuron.delayed is None else 1 + neuron.delayed
        flags = (int(neuron.strict), int(neuron.keep), int(neuron.drop_threshold), delayed)
        current, adaptation = neuron.current, neuron.adaptation
        there = (int(current is not None), 0 if current is None else current.gain_shift,
                 int(adaptation is not None))  # fmt: skip
        shares = (
            *((0, 0) if current is None else (current.decay, current.gain)),
            *((0, 0, 0) if adaptation is None else (adaptation.decay, adaptation.scale, adaptation.one)),
        )
        fields = [
            *(*sides, *window, bits, stride, arrays, _state_bytes(node), neuron.shift),
            *(*wide, *flags, *there, *map(_long, shares), neuron.counts or 0, *back),
        ]
        yield f"static const spareto_layer node{number} = {{{', '.join(map(str, fields))}}};\n"

    def _array(self, name: str, values: Ints, kind: str) -> str:
        self.constants += values.size * _Part("", kind, 1).each
        flat = values.reshape(-1).tolist()
        numbers = [_long(n) for n in flat] if kind == "int64_t" else [str(n) for n in flat]
        lines = [", ".join(numbers[at : at + _LINE]) for at in range(0, len(numbers), _LINE)]
        return f"static const {kind} {name}[{len(flat)}] = {{\n    " + ",\n    ".join(lines) + "};"


def _long(value: int) -> str:
    """A 64-bit constant, whatever the compiler's integers."""
    return f"INT64_C({value})"


def _state_bytes(node: IntegerLayer) -> int:
    return 2 if node.neuron.bits <= 16 else 4


def _rows(synapses: Synapses, shape: Any) -> tuple[int, int, Ints]:
    """Bits of a weight, bytes of a row, and rows (kernel rows, columns, inputs; outputs of a group)."""
    weights, groups = synapses.weights, synapses.groups
    if synapses.flat:
        weights = weights.reshape(len(weights), *shape)
    split = weights.reshape(groups, len(weights) // groups, *weights.shape[1:])
    rows = split.transpose(3, 4, 0, 2, 1).reshape(-1, len(weights) // groups).astype(np.int64)
    largest = max(int(rows.max(initial=0)), -int(rows.min(initial=0)) - 1)
    bits = next(b for b in (2, 4, 8, 16, 32) if largest < 1 << (b - 1))
    if bits < 8:
        each = 8 // bits
        padded = np.pad(rows & ((1 << bits) - 1), ((0, 0), (0, -rows.shape[1] % each)))
        places = padded.reshape(len(rows), -1, each) << (bits * np.arange(each))
        return bits, places.shape[1], places.sum(2).astype(np.uint8)
    content = np.ascontiguousarray(rows.astype(f"<i{bits // 8}")).view(np.uint8)
    return bits, content.shape[1], content
