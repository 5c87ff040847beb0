"""How fast a package runs here."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from spareto.core.arguments import whole
from spareto.core.errors import ConfigError, Problem
from spareto.core.limits import MOST_COUNTED
from spareto.integer.network import INPUT, IntegerLayer
from spareto.package import read_package
from spareto.runtime.engine import Engine
from spareto.runtime.plans import LayerPlan
from spareto.runtime.rows import INT4, INT8, INT16, LIVE_INT4, LIVE_INT8, LIVE_SIGNS, TERNARY, WOVEN

WITHOUT: Final = 10
"""Timesteps of a drawn recording, where the network takes any number."""

_WAYS: Final = {
    INT8: "bytes",
    WOVEN: "bytes",
    INT4: "nibbles",
    TERNARY: "two bits",
    INT16: "16-bit integers",
    LIVE_SIGNS: "signs of live weights",
    LIVE_INT4: "nibbles of live weights",
    LIVE_INT8: "bytes of live weights",
}


@dataclass(frozen=True)
class Timed:
    """What was measured.

    Args:
        kernels: `c` or `numpy`.
        recordings: Recordings that were timed.
        timesteps: Of each.
        milliseconds: Median of a recording.
        steps_per_second: Timesteps a second.
        layers: Name, share of the inputs that spike, and form of the weights of each layer.
        weight_bytes: Weights in memory.
        state_bytes: States of one session.
    """

    kernels: str
    recordings: int
    timesteps: int
    milliseconds: float
    steps_per_second: float
    layers: tuple[tuple[str, float, str], ...]
    weight_bytes: int
    state_bytes: int


def timed(package: Path, rounds: int, threads: int = 1, density: float = 0.05) -> Timed:
    """Time a package; see `spareto bench`.

    Raises:
        ConfigError: Nothing would be timed, or the density is no share.
    """
    whole(rounds, "rounds", 1, MOST_COUNTED)
    if not 0 <= density <= 1:
        raise ConfigError(Problem("density", str(density), "a number from 0 to 1"))
    found = read_package(package)
    if found.vectors is not None:
        frames = found.vectors.frames
    else:
        drawn = np.random.default_rng(0).random(
            (found.network.timesteps or WITHOUT, 4, *found.network.sensor)
        )
        frames = (drawn < density).astype(np.uint8)
    engine = Engine(found.network)
    session = engine.session(threads)
    shares = _shares(engine, frames[:, 0])
    seconds: list[float] = []
    for number in range(rounds + 1):
        session.reset()
        one = np.ascontiguousarray(frames[:, number % frames.shape[1]])
        began = time.perf_counter()
        session.push_frames(one)
        seconds.append(time.perf_counter() - began)
    median = statistics.median(seconds[1:])
    return Timed(
        engine.kernels,
        rounds,
        len(frames),
        1e3 * median,
        len(frames) / median,
        shares,
        engine.weight_bytes,
        engine.state_bytes,
    )


def _shares(engine: Engine, frames: np.ndarray) -> tuple[tuple[str, float, str], ...]:
    outputs = engine.session().outputs(frames)
    found: list[tuple[str, float, str]] = []
    for number, node in enumerate(engine.network.nodes):
        if isinstance(node, IntegerLayer):
            before = frames if node.source == INPUT else outputs[node.source]
            share = float((before != 0).mean())
            found.append((node.name, share, way_of(engine.plans.get(number))))
    return tuple(found)


def way_of(plan: LayerPlan | None) -> str:
    """In words, how a layer's weights lie in memory."""
    if plan is None:
        return "numpy arrays"
    if plan.rows.places is not None:
        return "live weights and their places"
    return _WAYS.get(plan.rows.kind, "32-bit integers")
