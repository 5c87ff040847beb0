"""A circuit as files of Verilog and memories."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from spareto._version import __version__
from spareto.fpga.circuit import Circuit, Neurons, Pooling
from spareto.fpga.options import Options
from spareto.fpga.verilog.encoder import encoder_module, encoder_name
from spareto.fpga.verilog.inputs import InputStream, input_module, stream_of, wrappers
from spareto.fpga.verilog.stage import StageWriter
from spareto.fpga.verilog.text import rendered, told
from spareto.hardware.fabric.memories import index_bits


@dataclass(frozen=True)
class Files:
    """What is written.

    Args:
        sources: Verilog of the design, by file name; the top module is `network`.
        memories: Files for `$readmemh`, by file name.
        names: Module of each stage.
    """

    sources: dict[str, str]
    memories: dict[str, str]
    names: tuple[str, ...]


def module_name(number: int, name: str) -> str:
    """A stage's module: its number and what of its name Verilog takes.

    >>> module_name(0, "features.0.linear")
    'stage0_features_0_linear'
    """
    return f"stage{number}_" + (re.sub(r"\W", "_", name, flags=re.ASCII) or "neurons")[:40]


def design(circuit: Circuit, options: Options) -> Files:
    """Every file of a circuit."""
    names = tuple(module_name(number, stage.name) for number, stage in enumerate(circuit.stages))
    sources, memories, encoders = {}, {}, set[int]()
    for stage, name in zip(circuit.stages, names, strict=True):
        if isinstance(stage, Pooling):
            sources[f"{name}.v"] = _pooling(stage, name)
            continue
        text = StageWriter(stage, name).text()
        sources |= {f"{name}.v": text.module, f"{name}_neuron.v": text.neuron}
        memories |= {f"{name}_{part}.hex": content for part, content in text.memories.items()}
        encoders |= set(text.encoders)
    for width in sorted(encoders):
        sources[f"{encoder_name(width)}.v"] = encoder_module(width)
    stream = stream_of(circuit.inputs, options)
    sources[f"{stream.module}.v"] = input_module(circuit.inputs, options)
    outputs = circuit.stages[-1].outputs
    counting: dict[str, Any] = {
        "classes": circuit.classes,
        "class_bits": index_bits(circuit.classes),
        "count_bits": options.count_bits,
    }
    voters = outputs // circuit.classes
    sources["votes.v"] = rendered("votes.v.j2", outputs=outputs, voters=voters, **counting)
    sources["network.v"] = _top(circuit, names, stream, counting)
    sources |= wrappers(circuit, options)
    headed = {name: header(circuit) + text for name, text in sources.items()}
    return Files(headed, memories, names)


def header(circuit: Circuit) -> str:
    """What made a file, and from what."""
    lines = [
        f"Made by spareto {__version__} (spareto export --target verilog); change the network, not this file."
    ]
    lines += [told(f"{key}: {value}") for key, value in circuit.facts.items()]
    return "".join(f"// {line}\n" for line in lines)


def _top(circuit: Circuit, names: tuple[str, ...], stream: InputStream, counting: dict[str, Any]) -> str:
    def source(number: int) -> str:
        return "input" if number < 0 else names[number]

    wires = [{"name": "input", "bits": circuit.inputs}]
    wires += [{"name": n, "bits": s.outputs} for n, s in zip(names, circuit.stages, strict=True)]
    stages = [
        {"name": name, "source": source(stage.source), "about": _about(stage)}
        for name, stage in zip(names, circuit.stages, strict=True)
    ]
    told = f"frames of {circuit.inputs} bits in {stream.words} words each, as frame_input.v says."
    if not stream.has_last:
        told = f"images of {circuit.inputs} pixels, which rate_input.v turns into spikes."
    return rendered(
        "top.v.j2",
        about=f"A spiking network: {circuit.inputs} inputs, {len(names)} stages, {circuit.classes} classes.",
        stream_story=told,
        has_last=stream.has_last,
        last_story="with the last word of a recording's last frame",
        input_module=stream.module,
        word_bits=stream.word_bits,
        wires=wires,
        stages=stages,
        last=names[-1],
        **counting,
    )


def _about(stage: Neurons | Pooling) -> str:
    if isinstance(stage, Pooling):
        return f"{stage.outputs} maxima"
    how = stage.semantics
    return f"{stage.outputs} neurons of {how.neuron_bits} bits, weights of {how.weight_bits}"


def _pooling(stage: Pooling, name: str) -> str:
    seen = [[int(n) for n in members if n >= 0] for members in stage.members]
    windows = [" | ".join(f"in_spikes[{n}]" for n in members) or "1'b0" for members in seen]
    unread = sorted(set(range(stage.inputs)) - {n for members in seen for n in members})
    return rendered(
        "pooling.v.j2",
        name=name,
        about=f"'{told(stage.name)}': {stage.outputs} maxima of windows.",
        inputs=stage.inputs,
        outputs=stage.outputs,
        windows=windows,
        unused=", ".join(f"in_spikes[{n}]" for n in unread),
    )
