"""A folder of generated Verilog: how it is written, and what its record says."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from spareto.core.artifacts import there, write_text
from spareto.core.errors import ConfigError, Problem, StoreError
from spareto.core.strict import from_json
from spareto.fpga.build import circuit_of
from spareto.fpga.circuit import Circuit, Neurons
from spareto.fpga.options import Options
from spareto.fpga.rate import encoded
from spareto.fpga.timing import timings
from spareto.fpga.verilog.design import Files, design
from spareto.fpga.verilog.inputs import stream_of
from spareto.fpga.verilog.testbench import Bench, bench_of
from spareto.hardware.fabric.timing import total_cycles
from spareto.integer import IntegerNetwork
from spareto.integer.network import Ints
from spareto.package.vectors import Vectors

RECORD: Final = "design.json"
TESTBENCH: Final = "testbench.v"
VERSION: Final = 1


@dataclass(frozen=True)
class Design:
    """A folder's record.

    Args:
        sources: Verilog of the design, by file name.
        stages: Of each stage, what its cycles and its size follow from.
        model: What the cycle model says of the test vectors: `total` and, of each stage, `busy`; None without
            vectors.
        facts: What is known beside.
    """

    sources: tuple[str, ...]
    stages: tuple[dict[str, Any], ...]
    model: dict[str, Any] | None
    facts: dict[str, Any]


def write_design(
    network: IntegerNetwork, folder: Path, options: Options, vectors: Vectors | None
) -> tuple[Path, ...]:
    """Write a network as Verilog, its testbench and its record; the files, in order.

    Raises:
        ConfigError: The network has no circuit under these options.
        StoreError: A file cannot be written.
    """
    circuit = circuit_of(network, options)
    images = None if options.images is None else images_in(Path(options.images), circuit.inputs)
    if options.stream == "rate":
        images = images if images is None else images[: _recordings(len(images), "images", options)]
        frames = None if images is None else encoded(images, options.timesteps, options.seed)
        return write_circuit(circuit, folder, options, frames, images)
    frames = None if vectors is None else frames_of(vectors, options)
    return write_circuit(circuit, folder, options, frames)


def images_in(path: Path, inputs: int) -> Ints:
    """Images of 8-bit pixels out of a .npy file, (images, inputs).

    Raises:
        StoreError: It holds none.
    """
    try:
        found: Any = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise StoreError(Problem(str(path), str(error)[:100], "a .npy file of images")) from None
    if getattr(found, "dtype", None) != np.uint8 or found.ndim < 2 or found[0].size != inputs:
        got = f"{getattr(found, 'dtype', type(found).__name__)} of shape {getattr(found, 'shape', ())}"
        raise StoreError(Problem(str(path), got, f"uint8 images of {inputs} pixels"))
    return found.reshape(len(found), -1).astype(np.int64)


def write_circuit(
    circuit: Circuit, folder: Path, options: Options, frames: Ints | None, images: Ints | None = None
) -> tuple[Path, ...]:
    """Write a circuit; with frames (time, recordings, inputs) also its testbench.

    Args:
        circuit: The circuit.
        folder: Where to.
        options: Choices of the stream and the wrappers.
        frames: Bits that the testbench sends.
        images: What the rate encoder makes these bits of, (recordings, inputs).
    """
    _check_counts(circuit, options, frames)
    files = design(circuit, options)
    texts = files.sources | files.memories
    bench = None
    if frames is not None:
        bench = bench_of(circuit, frames, files.names, options, images)
        texts |= {TESTBENCH: bench.source} | bench.memories
    for name, text in texts.items():
        write_text(folder / name, text)
    record = {
        "version": VERSION,
        "sources": list(files.sources),
        "stages": _stages(circuit, files),
        "model": None if frames is None or bench is None else _model(circuit, options, frames, bench),
        "facts": circuit.facts,
    }
    write_text(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return tuple(folder / name for name in (*texts, RECORD))


def _check_counts(circuit: Circuit, options: Options, frames: Ints | None) -> None:
    """Refuse what the counters of the classes, the testbench or the serial line cannot hold."""
    if frames is not None and not frames.size:
        got = f"{frames.shape[0]} timesteps of {frames.shape[1]} recordings"
        raise ConfigError(Problem("the test vectors", got, "at least one timestep of one recording"))
    known = options.stream == "rate" or "serial" in options.wrappers
    time = len(frames) if frames is not None else options.timesteps if known else 0
    voters = circuit.stages[-1].outputs // circuit.classes
    if time * voters >= 1 << options.count_bits:
        rule = f"at least {(time * voters).bit_length()}, for {time} timesteps of {voters} neurons a class"
        raise ConfigError(Problem("design.count_bits", str(options.count_bits), rule))
    if "serial" in options.wrappers and circuit.classes > 256:
        rule = "at most 256 classes, for its answer names one in a byte"
        raise ConfigError(Problem("design.wrappers", f"serial, for {circuit.classes} classes", rule))


def frames_of(vectors: Vectors, options: Options) -> Ints:
    """The vectors' frames as bits, (time, recordings, inputs)."""
    frames = vectors.frames[:, : _recordings(vectors.frames.shape[1], "recordings of the package", options)]
    return frames.reshape(*frames.shape[:2], -1).astype(np.int64)


def _recordings(there: int, what: str, options: Options) -> int:
    """How many go into the testbench."""
    if options.recordings is not None and options.recordings > there:
        raise ConfigError(
            Problem("design.recordings", str(options.recordings), f"at most the {there} {what}")
        )
    return there if options.recordings is None else options.recordings


def read_design(folder: Path) -> Design:
    """The record of a folder.

    Raises:
        StoreError: It is no folder that was exported, or of another version.
    """
    path = folder / RECORD
    cure = "Write it with: spareto export PACKAGE --target verilog --out FOLDER"
    if not there(path):
        raise StoreError(Problem(str(path), "no such file", "a folder of exported Verilog", cure))
    try:
        said: Any = from_json(path.read_text(encoding="utf-8"))
        if said["version"] != VERSION:
            raise StoreError(Problem(str(path), f"version {said['version']}", f"version {VERSION}", cure))
        sources = tuple(str(name) for name in said["sources"])
        if any(Path(name).name != name for name in sources):
            raise ValueError("a source outside the folder")
        return Design(sources, tuple(said["stages"]), said["model"], said["facts"])
    except (OSError, UnicodeError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, StoreError):
            raise
        got = f"a file that cannot be read ({str(error)[:100]})"
        raise StoreError(Problem(str(path), got, "a folder of exported Verilog", cure)) from None


def _stages(circuit: Circuit, files: Files) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for stage, timing, name in zip(circuit.stages, timings(circuit), files.names, strict=True):
        row: dict[str, Any] = {"module": name, "name": stage.name, "outputs": stage.outputs}
        if isinstance(stage, Neurons):
            row |= {"units": stage.units, "semantics": asdict(stage.semantics)}
        found.append(row | {"timing": asdict(timing), "silent": timing.silent})
    return found


def _model(circuit: Circuit, options: Options, frames: Ints, bench: Bench) -> dict[str, Any]:
    time, recordings = frames.shape[:2]
    stages = timings(circuit)
    spikes = [into.ravel().tolist() for into, _ in bench.active]
    back = [own.ravel().tolist() for _, own in bench.active]
    last = ([False] * (time - 1) + [True]) * recordings
    stream = stream_of(circuit.inputs, options)
    total = total_cycles(stages, spikes, back, last, stream.frame_cycles, circuit.classes, stream.loading)
    busy = [sum(map(stage.cycles, a, b)) for stage, a, b in zip(stages, spikes, back, strict=True)]
    return {"timesteps": time, "recordings": recordings, "total": total, "busy": busy}
