"""Find out, on a few samples, how a network takes its input and where its answer lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any, Final

import torch
from torch import Tensor, nn

from spareto.core.errors import ConfigError, Problem, SparetoError
from spareto.frameworks import time_of
from spareto.observing.restoring import undisturbed
from spareto.running.feeding import Feed, call, squeezed_layers, unmerged
from spareto.running.interface import NEVER, Interface
from spareto.running.outputs import Order, leaves, order_of, over_samples
from spareto.running.proving import Seen, outer_neurons, watching_neurons
from spareto.running.samples import LAYOUT_CURE, Samples
from spareto.running.states import (
    SPOILED,
    Reset,
    left_behind,
    marks,
    reaches,
    refuse_kept,
    resetting,
    same,
    spoiled,
)

FEW: Final = 7
TIME_CURE: Final = 'Say time="calls", "time-batch" or "batch-time".'
REPEAT_CURE: Final = "Samples without time are repeated by frames.expand(timesteps, *frames.shape)."
SAMPLE: Final = Feed("sample")


@dataclass
class Tried:
    """One way to feed the network, tried out.

    Args:
        feed: The way.
        timesteps: Of the data, if fed so; None for samples without time.
        output: What the network returned.
        error: What it raised.
        seen: What its first neurons were given.
        proven: Whether these prove the way right, or wrong; None without known neurons.
        leaves_state: Whether modules other than known ones kept tensors from it.
    """

    feed: Feed
    timesteps: int | None
    output: Any = None
    error: str = ""
    seen: Seen = field(default_factory=Seen)
    proven: bool | None = None
    leaves_state: bool = False


class Probe:
    """Tries a network out on a few samples; everything is as before afterwards.

    Args:
        network: The network.
        samples: What it is to run on.
        interface: What is stated of it.
        ready: Puts frames on the network's device, in its type.

    Attributes:
        reset: Puts the network's states back.
        told: What is said of that.
        random: Whether each call draws other numbers.
        many, alone, count: Outputs for so many samples, and for the first of them.
    """

    def __init__(
        self,
        network: nn.Module,
        samples: Samples,
        interface: Interface,
        ready: Callable[[Tensor], Tensor],
    ) -> None:
        self.network, self.samples, self.interface = network, samples, interface
        self.ready = ready
        self.squeezed = squeezed_layers(network)
        self.count = _apart(samples)
        self.reset: Reset = lambda: None
        self.told: tuple[str, ...] = ()
        self.random = False
        self.alone: Any = None
        self.many: Any = None

    def run(self) -> Tried:
        """The one way to feed the network.

        Raises:
            ConfigError: There is none, or more than one; or an answer depends on the rest of the batch, or on
                the batch before.
        """
        with undisturbed(self.network, training=False), torch.no_grad():
            self.reset, self.told = resetting(self.network, self.interface)
            found = self._choose()
            self.many = found.output
            self._compare(found)
            if found.leaves_state and self.interface.reset != NEVER:
                self._refuse_carried(found)
        return found

    def _frames(self, count: int, first: int = 0) -> Tensor:
        """So many samples, each another one as far as there are any."""
        chosen = [(first + index) % self.samples.count for index in range(count)]
        return self.ready(self.samples.chosen(chosen))

    def again(self, feed: Feed, timesteps: int | None, frames: Tensor, seed: int = 0) -> Any:
        """The output for some frames, with fresh states and the same random numbers."""
        with undisturbed(self.network):
            return self._once(feed, timesteps, frames, seed)

    def _once(self, feed: Feed, timesteps: int | None, frames: Tensor, seed: int = 0) -> Any:
        torch.manual_seed(seed)
        self.reset()
        arguments = feed.arrange(frames, time_first=self.samples.layout == "time-first")
        with unmerged(self.squeezed, timesteps):
            return call(self.network, arguments, feed)

    # --- which way

    def _choose(self) -> Tried:
        tried: list[Tried] = []
        for feed, timesteps in self._ways():
            tried.append(self._try(feed, timesteps))
            if tried[-1].proven and self.samples.layout is not None:
                return tried[-1]
        proven = [way for way in tried if way.proven]
        if len(proven) == 1:
            return proven[0]
        if proven:
            raise _ask(proven, self.samples, "layout", LAYOUT_CURE)
        possible = [way for way in tried if not way.error and way.proven is None and self._fits(way)]
        if len(possible) > 1:
            possible = [way for way in possible if self._grows(way)] or possible
        if len(possible) == 1 or (possible and self.interface.time is not None):
            return possible[0]
        if len(possible) > 1:
            raise _ask(possible, self.samples, "time", TIME_CURE)
        stated = [way for way in tried if not way.error and self.interface.time is not None]
        if stated:
            return stated[0]
        raise _none(tried, self.samples, self.count)

    def _ways(self) -> Iterator[tuple[Feed, int | None]]:
        """The ways to try, the likeliest first."""
        merged = bool(self.squeezed)
        layout, shape = self.samples.layout, self.samples.frames.shape
        if layout == "static" or (layout is None and self.interface.time is None):
            yield SAMPLE, None
        steps = self.samples.timesteps if layout is not None else (shape[1] if len(shape) > 2 else None)
        if layout == "static" or steps is None:
            return
        _refuse_steps(self.network, steps)
        ways = [Feed("time-batch"), Feed("batch-time"), Feed("calls")]
        if any(facts.axes == "batch-time" for _, _, facts in outer_neurons(self.network)):
            ways = [*([Feed("batch-time", merged=True)] if merged else []), ways[1], ways[0], ways[2]]
        if self.interface.time is not None:
            ways = [way for way in ways if way.name == self.interface.time]
        elif layout is None:
            ways = [way for way in ways if way != Feed("batch-time")]  # the same as a sample, tried before
        declared = time_of(self.network)
        for way in ways:
            if declared is None or way.name == declared:
                yield way, steps

    def _try(self, feed: Feed, timesteps: int | None) -> Tried:
        tried = Tried(feed, timesteps)
        with undisturbed(self.network), watching_neurons(self.network) as tried.seen:
            before = marks(self.network)
            try:
                tried.output = self._once(feed, timesteps, self._frames(self.count))
                tried.leaves_state = bool(left_behind(self.network, before))
            except SparetoError as error:
                tried.error = str(error)
            except Exception as error:  # whatever the network says to such an input
                tried.error = f"{type(error).__name__}: {shorten(str(error), 160, placeholder=' ...')}"
        if tried.seen.facts is not None and not tried.error:
            steps = tried.seen.steps(self.count, one_a_call=feed.name == "calls")
            tried.proven = steps is not None and (timesteps is None or steps % timesteps == 0)
            if tried.proven and self.samples.layout is None and feed == SAMPLE:
                tried.feed, tried.timesteps = self._timed(steps)
        return tried

    def _timed(self, steps: int | None) -> tuple[Feed, int | None]:
        """What samples are whose second axis is as long as the neurons ran: samples over time."""
        shape = self.samples.frames.shape
        over_time = len(shape) > 2 and steps == shape[1] > 1
        return (Feed("batch-time"), steps) if over_time else (SAMPLE, None)

    def _fits(self, way: Tried) -> bool:
        """Whether some part of the output has an axis with the samples."""
        return any(
            (leaf.dim() > 0 and leaf.shape[0] == self.count)
            or (leaf.dim() > 1 and leaf.shape[1] == self.count)
            or (way.feed.merged and leaf.dim() > 0 and leaf.shape[0] % self.count == 0)
            for leaf in leaves(way.output)
        )

    def _grows(self, way: Tried) -> bool:
        """Whether some part of the output is longer for more samples."""
        try:
            alone = self.again(way.feed, way.timesteps, self._frames(1))
        except Exception:  # it does not even run on one
            return False
        pairs = zip(leaves(way.output), leaves(alone), strict=False)
        return any(
            order_of(many, one, self.count, batch_first=way.feed.merged) is not None for many, one in pairs
        )

    # --- does the answer depend on anything else

    def _compare(self, found: Tried) -> None:
        """Refuse an answer that depends on the other samples of the batch, or on their number."""
        try:
            self.alone = self.again(found.feed, found.timesteps, self._frames(1))
        except Exception as error:
            got = f"{type(error).__name__}: {shorten(str(error), 160, placeholder=' ...')}"
            rule = f"a network that runs on one sample as on {self.count}"
            raise ConfigError(Problem("network", got, rule)) from None
        alone = list(leaves(self.alone))
        firsts = self._first(self.many, alone)
        if same(firsts, self._own(alone)):
            return
        frames = self._frames(self.count)
        if not same(firsts, self._first(self.again(found.feed, found.timesteps, frames), alone)):
            return  # a state that is carried over is told of as such
        if not same(firsts, self._first(self.again(found.feed, found.timesteps, frames, seed=1), alone)):
            self.random = True  # each call draws other numbers, so that calls cannot be compared
            return
        order = torch.tensor([0, *range(self.count - 1, 0, -1)], device=frames.device)
        turned = frames.index_select(self.samples.axis, order)
        others = self._first(self.again(found.feed, found.timesteps, turned), alone)
        if not same(firsts, others) or not _near(firsts, self._own(alone)):
            raise _depends(self.count)

    def _first(self, output: Any, alone: list[Tensor]) -> list[Tensor]:
        """The first sample's share of every part in which samples have a place."""
        orders = self._orders(alone)
        return [
            over_samples(part, order, self.count)[0]
            for part, order in zip(leaves(output), orders, strict=False)
            if order is not None
        ]

    def _own(self, alone: list[Tensor]) -> list[Tensor]:
        """The same parts as the sample has them alone."""
        return [
            over_samples(part, order, 1)[0]
            for part, order in zip(alone, self._orders(alone), strict=False)
            if order is not None
        ]

    def _orders(self, alone: list[Tensor]) -> list[Order | None]:
        return [order_of(many, one, self.count) for many, one in zip(leaves(self.many), alone, strict=False)]

    def _refuse_carried(self, found: Tried) -> None:
        """Refuse a state that changes the answer of the batch behind."""
        frames = self._frames(self.count)
        expected = list(leaves(self.many))

        def again() -> list[Tensor]:
            return list(leaves(self._once(found.feed, found.timesteps, frames)))

        for spoil in (None, *SPOILED):
            with undisturbed(self.network):
                before = marks(self.network)
                again()
                left = left_behind(self.network, before)
                try:
                    carried = (
                        reaches(left, again)
                        if spoil is None
                        else not same(expected, spoiled(left, spoil, again))
                    )
                except Exception:  # a state that cannot be used twice
                    carried = True
                if carried:
                    refuse_kept(left, self.interface.reset)


def _apart(samples: Samples) -> int:
    """A number of samples that no axis of a sample is as long as."""
    taken = set(samples.frames.shape[:1] + samples.frames.shape[2:])
    if samples.axis == 0:
        taken = set(samples.frames.shape[1:])
    steps = {samples.timesteps, samples.frames.shape[1] if samples.layout is None else None}
    free = [count for count in range(2, FEW) if count not in taken]
    return free[0] if free else next(count for count in range(2, FEW) if count not in steps)


def _refuse_steps(network: nn.Module, steps: int) -> None:
    """Refuse data of another number of timesteps than layers were built for.

    Raises:
        ConfigError: Names them.
    """
    problems = [
        Problem(f"layer '{name}'", f"data of {steps} timesteps", f"{facts.steps}, which it was built for")
        for name, _, facts in outer_neurons(network)
        if facts.steps not in (None, steps)
    ]
    if problems:
        raise ConfigError(problems)


def _near(one: list[Tensor], other: list[Tensor]) -> bool:
    """Whether two answers differ by no more than spikes that rounding moved."""
    pairs = zip(one, other, strict=True)
    return all(
        a.shape == b.shape and float((a - b).norm()) <= 0.25 * float(a.norm() + b.norm()) for a, b in pairs
    )


def _depends(count: int) -> ConfigError:
    got = f"an answer that is another in a batch of {count} than for the sample alone"
    rule, cure = "the same answer, whatever else is in the batch", "Look for statistics taken over the batch."
    return ConfigError(Problem("network", got, rule, cure))


def _ask(possible: list[Tried], samples: Samples, where: str, cure: str) -> ConfigError:
    ways = " and ".join(str(way.feed) for way in possible)
    got = f"a network that takes {ways}, for frames of shape {tuple(samples.frames.shape)}"
    return ConfigError(Problem(where, got, "one way to run through time", cure))


def _none(tried: list[Tried], samples: Samples, count: int) -> ConfigError:
    ways: dict[str, list[str]] = {}
    for way in tried:
        ways.setdefault(_said(way, count), []).append(str(way.feed))
    said = "; ".join(f"{' or '.join(feeds)}: {what}" for what, feeds in ways.items())
    rule = "a network that runs on these frames and gives one answer a sample"
    static = all(way.feed == SAMPLE for way in tried)
    cure = f"Check the shapes. {REPEAT_CURE if static else TIME_CURE}"
    got = f"frames of shape {tuple(samples.frames.shape)}, given as {said}"
    return ConfigError(Problem("network", got, rule, cure))


def _said(way: Tried, count: int) -> str:
    if way.error:
        return way.error
    if way.proven is False:
        return f"{way.seen.told()}, which is not {count} samples a timestep"
    shapes = ", ".join(str(tuple(leaf.shape)) for leaf in leaves(way.output)) or "nothing"
    return f"the output is {shapes} for {count} samples"
