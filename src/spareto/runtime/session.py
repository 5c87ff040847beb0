"""One recording under way: states, and the decision so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from spareto.core.arguments import whole
from spareto.core.errors import DataError, Problem
from spareto.core.limits import MOST_WORKERS
from spareto.integer import Reference
from spareto.integer.network import INPUT, Attention, IntegerLayer, IntegerNetwork, Ints, Join, Pool
from spareto.runtime import prepared, wires
from spareto.runtime.binning import Binning
from spareto.runtime.lines import room
from spareto.runtime.plans import LayerPlan, States
from spareto.runtime.prepared import NodeChain, Prepared

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

BLOCK: Final = 32
"""Timesteps that go through a layer together, at most: what is between layers never takes more memory."""


@dataclass(frozen=True)
class Decision:
    """What the network says so far.

    Args:
        votes: Spikes of each class's voters.
        timesteps: Timesteps seen.
        voters: Voting neurons of a class.
    """

    votes: tuple[int, ...]
    timesteps: int
    voters: int

    @property
    def label(self) -> int:
        """The class with most votes; of equals the first."""
        return self.votes.index(max(self.votes))

    @property
    def rates(self) -> tuple[float, ...]:
        """Mean firing rate of each class's voters, as the float network gives them."""
        most = max(1, self.timesteps * self.voters)
        return tuple(vote / most for vote in self.votes)

    @property
    def confidence(self) -> float:
        """Lead of the first over the second class, as a share of all votes, 0..1."""
        first, *others = sorted(self.votes, reverse=True)
        total = sum(self.votes)
        return (first - (others[0] if others else 0)) / total if total else 0.0


class Ready(Protocol):
    """A network made ready to run: the engine."""

    network: IntegerNetwork
    shapes: Any
    plans: dict[int, LayerPlan]
    kernels: str


class Session:
    """One sequence of timesteps through an engine; not to be shared among threads.

    Args:
        engine: What runs it.
        threads: Threads that share the rows of large layers.

    Raises:
        ConfigError: There cannot be so many threads.
    """

    def __init__(self, engine: Ready, threads: int = 1) -> None:
        whole(threads, "threads", 1, MOST_WORKERS)
        self.engine, self.threads = engine, threads
        self.network = engine.network
        self._pool = _pool(threads) if threads > 1 else None
        self._binning: Binning | None = None
        self._first: wires.Wire | None = None  # what lies between nodes is written over by the next timesteps
        self._calls: dict[int, Prepared] = {}
        self._chain: NodeChain | None = None
        self._reference = Reference(self.network)
        self.states = {number: _states(plan) for number, plan in engine.plans.items()}
        self._addresses = {n: States(**{k: s.ctypes.data for k, s in found.items()})
                           for n, found in self.states.items()}  # fmt: skip
        self.reset()

    def reset(self) -> None:
        """Begin a new sequence."""
        self.timesteps = 0
        self.votes = np.zeros(self.network.classes, np.int64)
        self._waiting: list[Ints] = []
        self._reference.states.clear()
        for number, plan in self.engine.plans.items():
            for name, state in self.states[number].items():
                state.fill(plan.start if name == "v" else 0)
        self._binning = None

    @property
    def decision(self) -> Decision:
        """The decision so far."""
        shape = self.engine.shapes[-1]
        voters = shape[0] // self.network.classes
        return Decision(tuple(self.votes.tolist()), self.timesteps, voters)

    def push_frames(self, frames: Ints) -> Decision:
        """Run timesteps; the decision so far.

        Args:
            frames: Integers, shape (time, channels, height, width), one timestep or many. A network that sees
                all timesteps at once waits until they are there.

        Raises:
            DataError: They are not frames of the network, or more timesteps than it takes.
        """
        frames = self._checked(np.asarray(frames))
        whole = self.network.timesteps
        if whole is not None:
            self._waiting.append(frames.copy())
            seen = sum(map(len, self._waiting))
            if seen + self.timesteps > whole:
                got, cure = f"{seen + self.timesteps} timesteps", "Call reset() between recordings."
                raise DataError(Problem("frames", got, f"{whole} in all", cure))
            if seen == whole:
                self._advance(np.concatenate(self._waiting))
                self._waiting = []
            return self.decision
        for start in range(0, len(frames), BLOCK):
            self._advance(frames[start : start + BLOCK])
        return self.decision

    def push(self, x: Ints, y: Ints, p: Ints, t: Ints) -> Decision:
        """Take events, sorted by time; every timestep that is over runs. The decision so far.

        Args:
            x: Columns.
            y: Rows.
            p: Channels (polarities).
            t: Microseconds since the recording began.

        Raises:
            DataError: The package does not say how events become frames, or they go back in time.
        """
        if self._binning is None:
            self._binning = Binning.of(self.network)
        for frame in self._binning.push(x, y, p, t):
            self.push_frames(frame[None])
        return self.decision

    def finish(self) -> Decision:
        """Run the timesteps that are left of a recording of which all events have been pushed."""
        if self._binning is None:
            self._binning = Binning.of(self.network)
        for frame in self._binning.finish():
            self.push_frames(frame[None])
        return self.decision

    def outputs(self, frames: Ints) -> list[Ints]:
        """Outputs of every node for frames (time, channels, height, width), as the reference gives them.

        Raises:
            DataError: They are not frames of the network.
        """
        return self._outputs(self._checked(np.asarray(frames)))

    def _checked(self, frames: Ints) -> Ints:
        sensor = self.network.sensor
        if frames.ndim != 4 or frames.shape[1:] != sensor:
            rule = f"(time, {', '.join(map(str, sensor))})"
            raise DataError(Problem("frames", f"shape {frames.shape}", rule, "Bin the events anew."))
        if frames.dtype.kind not in "iu" and not np.array_equal(frames, np.rint(frames)):
            cure = "Divide them by the network's input step and round them."
            raise DataError(Problem("frames", f"{frames.dtype} with fractions", "integers", cure))
        negative = frames.dtype.kind != "u" and bool(frames.size) and frames.min() < 0
        if negative or (frames.size and frames.max() > self.network.input_most):
            got = f"values from {frames.min()} to {frames.max()}"
            rule = f"0 to {self.network.input_most}"
            raise DataError(Problem("frames", got, rule, "Lower the network for such frames."))
        return frames.astype(np.uint8, copy=False)

    def _advance(self, frames: Ints) -> None:
        if not len(frames):
            return
        if self.engine.kernels == "c":
            wires.vote(self._run(frames)[-1], self.votes)
        else:
            self.votes += self._reference.counts(frames[:, None])[0]
        self.timesteps += len(frames)

    def _outputs(self, frames: Ints) -> list[Ints]:
        if self.engine.kernels != "c":
            return [found[:, 0] for found in self._reference.run(frames[:, None])]
        return [wires.as_integers(wire) for wire in self._run(frames)]

    def _run(self, frames: Ints) -> list[wires.Wire]:
        """Wires of all nodes."""
        last, first = self._first, wires.of_frames(frames, self.network.input_most, self._first)
        if first is not last:
            self._first, self._chain = first, None
        if self._chain is None:
            return self._one_by_one(first)
        self._chain.run()
        return self._chain.wires

    def _one_by_one(self, first: wires.Wire) -> list[wires.Wire]:
        """Run all nodes; where they are but layers and pools, the same wires take one call from now on."""
        found: list[wires.Wire] = []
        nodes: list[Prepared] = []
        for number, node in enumerate(self.network.nodes):
            before = first if node.source == INPUT else found[node.source]
            if isinstance(node, Join | Attention):
                found.append(wires.between(node, before, found))
                continue
            call = self._call(number, node, before)
            call.run(self._pool)
            found.append(call.after)
            if call.before is before and len(call.parts) == 1:
                nodes.append(call)
        self._chain = NodeChain(nodes) if len(nodes) == len(found) else None
        return found

    def _call(self, number: int, node: IntegerLayer | Pool, before: wires.Wire) -> Prepared:
        """The last call of a node again, if it reads the same wire; else a new one, that writes the same."""
        last = self._calls.get(number)
        if last is not None and last.before is before:
            return last
        spare = None if last is None else last.after
        if isinstance(node, Pool):
            sums = node.kind == "sum"
            found = prepared.pool(node, wires.as_values(before) if sums else before, spare, self.threads)
        else:
            states = self._addresses[number]
            found = prepared.layer(self.engine.plans[number], states, before, spare, self.threads)
        self._calls[number] = found
        return found


def _states(plan: LayerPlan) -> dict[str, Ints]:
    """Room for states, (rows, columns, lanes) each."""
    shape = (*plan.shape[1:], plan.lanes)
    found: dict[str, Ints] = {name: room(shape, plan.state_type) for name in plan.states}
    if plan.feeds_back:
        found["f"] = room(shape, np.int32)
    return found


def _pool(threads: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # takes as long as the package: imported where used

    return ThreadPoolExecutor(threads - 1)
