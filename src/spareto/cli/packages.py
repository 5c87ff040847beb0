"""`spareto run`, `spareto verify`, `spareto bench` and `spareto export`: what is done with a package."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from spareto.cli import numbers
from spareto.cli.console import Console, Flag, print_json
from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of

if TYPE_CHECKING:
    from spareto.integer import IntegerNetwork
    from spareto.runtime import Decision, Engine

MICROSECONDS: Final = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}


def run(
    package: Path,
    /,
    *recordings: Path,
    confidence: Annotated[float | None, numbers.share()] = None,
    threads: Annotated[int, numbers.workers()] = 1,
    json: Flag = False,
) -> None:
    """Classify recordings with a package.

    Args:
        package: The package.
        recordings: Files of events (.npz, .npy with x, y, p and t) or of frames (time, channels, height,
            width).
        confidence: Stop a recording as soon as the first class leads by this share of all votes, 0..1.
        threads: Threads that share large layers.
        json: Print JSON, one line per recording.
    """
    from spareto.runtime import Engine

    engine = Engine.load(package)
    if not recordings:
        raise ConfigError(Problem("recordings", "none", "at least one file", "Name them behind the package."))
    for path in recordings:
        decision = _decided(engine, path, confidence, threads)
        if json:
            row = {"recording": str(path), "label": decision.label, "votes": list(decision.votes)}
            row |= {"timesteps": decision.timesteps, "confidence": decision.confidence}
            print(json_module.dumps(row))
        else:
            share = f"confidence {decision.confidence:.0%}, {decision.timesteps} timesteps"
            print(f"{path}: class {decision.label} ({share})")


def _decided(engine: Engine, path: Path, confidence: float | None, threads: int) -> Decision:
    from spareto.data.own.files import read_sample

    if path.is_dir():
        raise ConfigError(Problem(str(path), "a folder", "a recording", "Name its files, as FOLDER/*."))
    if not path.is_file():
        raise ConfigError(Problem(str(path), "no such file", "a recording", "Check the path."))
    session = engine.session(threads)
    sample: Any = read_sample(path)
    if hasattr(sample, "shape"):
        for frame in sample:
            decision = session.push_frames(frame[None])
            if _sure(decision, confidence):
                return decision
        return session.decision
    events: Any = sample
    t = (events.t * MICROSECONDS[getattr(events, "unit", None) or "us"]).astype("int64")
    order = t.argsort(kind="stable")
    t = t[order] - t.min(initial=0)
    for start in range(0, len(t), 4096):
        part = order[start : start + 4096]
        decision = session.push(events.x[part], events.y[part], events.p[part], t[start : start + 4096])
        if _sure(decision, confidence):
            return decision
    return session.finish()


def _sure(decision: Decision, confidence: float | None) -> bool:
    return confidence is not None and sum(decision.votes) > 0 and decision.confidence >= confidence


def verify(package: Path, /, *, json: Flag = False) -> None:
    """Replay a package's test vectors on every engine here: every layer's spikes, to the bit.

    Args:
        package: The package.
        json: Print JSON.
    """
    from spareto.export import replay

    found = replay(package, {"torch": _by_torch})
    if json:
        print_json([row.__dict__ for row in found])
    else:
        for row in found:
            print(f"{row.engine}: {row.said}")
    if not all(row.agrees is not False for row in found):
        sys.exit(1)


def _by_torch(network: IntegerNetwork) -> Any:
    import torch

    from spareto.lowering import IntegerModule

    module = IntegerModule(network)

    def run(frames: Any) -> list[Any]:
        outputs = module.outputs(torch.from_numpy(frames[:, None]))
        return [output[:, 0].numpy() for output in outputs]

    return run


def bench(
    package: Path,
    /,
    *,
    rounds: Annotated[int, numbers.count()] = 20,
    threads: Annotated[int, numbers.workers()] = 1,
    density: Annotated[float, numbers.share()] = 0.05,
) -> None:
    """Time a package on one recording after the other: batch 1, as a stream.

    Args:
        package: The package.
        rounds: Recordings that are timed.
        threads: Threads that share large layers.
        density: Share of a frame's values that are spikes, where the package carries no recordings.
    """
    from spareto.runtime.timing import timed

    found = timed(package, rounds, threads, density)
    console = Console(soft_wrap=True)
    console.print(f"{found.recordings} recordings of {found.timesteps} timesteps, engine {found.kernels}")
    console.print(
        f"median {found.milliseconds:.3f} ms a recording, {found.steps_per_second:,.0f} timesteps a second"
    )
    for name, share, way in found.layers:
        console.print(f"  {name}: {share:.1%} of its inputs spike; weights as {way}")
    console.print(f"weights {found.weight_bytes:,} bytes, states {found.state_bytes:,} bytes")


def export(
    source: str,
    /,
    *,
    out: Path,
    target: str = "c99",
    design: str | None = None,
    dt: Annotated[float | None, numbers.above()] = None,
    sensor: Annotated[tuple[int, int, int] | None, numbers.count()] = None,
    lossy: Flag = False,
) -> None:
    """Write a package as source code, or a network for another framework or as a file.

    Args:
        source: A package, for c99 and verilog; else a network, as in `spareto profile`, or a .nir or
            .safetensors file that was exported before. It is written with its weights as they are stored.
        out: Folder of the files; of nir, safetensors and qonnx, the file.
        target: What it is written for: c99, verilog, snntorch, spikingjelly, norse, sinabs, nir, safetensors
            or qonnx.
        design: Choices for verilog, as YAML: "{semantics: spiker, ratio: 4}".
        dt: Of nir, as source or target: how long a timestep is, in the unit of time constants.
        sensor: Of nir and qonnx: channels, height, width of a frame, where the network does not know it.
        lossy: Of nir: leave out what NIR cannot say, and name it, instead of refusing it.
    """
    from spareto.cli.own import mapping
    from spareto.export import registry
    from spareto.package import read_package

    console = Console(soft_wrap=True)
    choices = {} if design is None else mapping(design, "design")
    if target in registry.names():
        package = read_package(Path(source))
        exported = registry.make(target, "design", **choices).write(package.network, out, package.vectors)
        for name, size in exported.memory.items():
            console.print(f"{name:<16} {size:>10,} bytes")
        files = exported.files
    else:
        given = {"dt": dt, "sensor": sensor, "lossy": lossy or None}
        files = _export_to(source, target, out, {name: v for name, v in given.items() if v is not None})
    console.print(f"Written to {out}: {', '.join(path.name for path in files)}")


def _export_to(source: str, target: str, out: Path, options: dict[str, Any]) -> tuple[Path, ...]:
    from spareto.export import registry
    from spareto.interchange import ExportedFile, export_to, targets

    if target not in targets():
        known = (*registry.names(), *targets())
        raise ConfigError(Problem("target", repr(target), one_of(known), did_you_mean(target, known)))
    network = _network_of(source, options.get("dt"))
    if source.endswith(".nir") and target != "nir":  # dt was the source's
        options.pop("dt", None)
    written = export_to(network, target, out, **options)
    if not isinstance(written, ExportedFile):
        return written.code, written.weights
    console = Console(soft_wrap=True)
    for line in (*written.losses, *written.notes):
        console.print(line)
    return (written.path,)


def _network_of(source: str, dt: float | None) -> Any:
    """A network of a file or of code."""
    from spareto.interchange import convert
    from spareto.study.networks import load_network
    from spareto.study.sources import open_source

    if source.endswith(".nir"):
        return convert(source, dt=dt)
    if source.endswith(".safetensors"):
        return load_network(source)
    return open_source(source, {}, compressed=True).load()[0]
