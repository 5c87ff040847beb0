"""The event-driven engine: an integer network made ready once, run by any number of sessions."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from spareto.core.arguments import whole
from spareto.core.errors import DataError, Problem
from spareto.core.limits import MOST_WORKERS
from spareto.integer import IntegerLayer, IntegerNetwork, bounds
from spareto.integer.network import INPUT, Ints
from spareto.package import Package, read_package
from spareto.runtime import kernels
from spareto.runtime.budget import forms
from spareto.runtime.plans import LayerPlan, plan_layer
from spareto.runtime.rows import Form
from spareto.runtime.session import Decision, Session

EMPTY: Final = np.zeros((0, 0, 0, 0), np.int32)


class Engine:
    """An integer network, ready to run.

    It never changes: threads may share it, each with sessions of its own. Its weights lie packed as narrow
    as they are; the network's own arrays are let go.

    Args:
        network: The network; `Engine.load` reads it from a package.
        kernels_on: `c` or `numpy`; left out, what there is.
        rows: How all layers keep their weights, one of `FORMS`; left out, as `budget.forms` chooses.

    Raises:
        ConfigError: The environment asks for an engine that there is not.
    """

    def __init__(
        self, network: IntegerNetwork, *, kernels_on: str | None = None, rows: Form | None = None
    ) -> None:
        self.kernels = kernels_on or kernels.engine()
        found, shapes = bounds(network), network.shapes()
        self.shapes, self.bounds = shapes, found
        self.plans: dict[int, LayerPlan] = {}
        if self.kernels == "c":
            layers = {n: node for n, node in enumerate(network.nodes) if isinstance(node, IntegerLayer)}

            def plan(number: int, form: Form) -> LayerPlan:
                source = layers[number].source
                shape = network.sensor if source == INPUT else shapes[source]
                most = network.input_most if source == INPUT else found[source].output
                return plan_layer(layers[number], shape, most, found[number], form)

            self.plans = forms(layers, plan) if rows is None else {n: plan(n, rows) for n in layers}
            network = replace(network, nodes=tuple(map(_without_weights, network.nodes)))
        self.network = network

    @classmethod
    def load(cls, package: str | Path | Package, **options: Any) -> Engine:
        """Read a package.

        Raises:
            StoreError: It is missing, damaged, or of a newer version.
        """
        found = package if isinstance(package, Package) else read_package(Path(package))
        return cls(found.network, **options)

    def session(self, threads: int = 1) -> Session:
        """A new sequence of timesteps.

        Args:
            threads: Threads that share the rows of a layer; only large layers are shared.
        """
        return Session(self, threads)

    def decide(self, frames: Ints, threads: int = 1) -> Decision:
        """The decision on one recording, frames (time, channels, height, width)."""
        return self.session(threads).push_frames(frames)

    def batch(self, frames: Ints, threads: int = 1) -> Ints:
        """Votes of each class for many recordings, shape (batch, classes).

        Args:
            frames: Shape (time, batch, channels, height, width).
            threads: Recordings that run at once.

        Raises:
            ConfigError: There cannot be so many threads.
            DataError: They are not frames of the network.
        """
        frames = np.asarray(frames)
        if frames.ndim != 5:
            rule = "axes (time, batch, channels, height, width)"
            raise DataError(Problem("frames", f"shape {frames.shape}", rule, "Add a batch axis."))
        each = [frames[:, index] for index in range(frames.shape[1])]
        whole(threads, "threads", 1, MOST_WORKERS)
        if threads == 1:
            votes = [self.decide(one).votes for one in each]
        else:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(threads) as pool:
                votes = [decision.votes for decision in pool.map(self.decide, each)]
        return np.array(votes, np.int64).reshape(len(each), self.network.classes)

    @cached_property
    def weight_bytes(self) -> int:
        """Bytes of all weights and their constants in memory."""
        if self.plans:
            return sum(plan.bytes for plan in self.plans.values())
        return sum(synapses.weights.nbytes for _, synapses in self.network.synapses)

    @cached_property
    def state_bytes(self) -> int:
        """Bytes of one session's states."""
        return sum(
            len(plan.states) * int(np.prod(plan.shape[1:])) * plan.lanes * np.dtype(plan.state_type).itemsize
            for plan in self.plans.values()
        )


def _without_weights(node: Any) -> Any:
    """A layer without the arrays that its plan holds in another form."""
    if not isinstance(node, IntegerLayer):
        return node
    return replace(node, synapses=replace(node.synapses, weights=EMPTY, levels=None), feedback=None)
