"""Runs a network of any framework on data of any layout, and says what its answer is."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final, Self

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from spareto.core.arguments import of_kind
from spareto.core.errors import ConfigError, DataError, Problem
from spareto.frameworks import keeps_state, time_of
from spareto.observing.compiled import eagerly, refuse_scripted
from spareto.running.feeding import Feed, call, reads_parts, squeezed_layers, unmerged
from spareto.running.interface import Interface
from spareto.running.outputs import Order, order_of, pick, voted
from spareto.running.probe import Probe, Tried
from spareto.running.samples import Samples
from spareto.running.states import resetting

LOOKED_UP: Final = "argument #1 'indices'"  # what torch says of numbers that are no places in a table


class Runner:
    """One network on one set of samples.

    A network of our own zoo declares how it is run. Any other is tried out on a few samples: known neurons
    prove which axis of their input is time, and the answer to a sample is compared with that in a batch. The
    network is left as it was.

    Args:
        network: Any module.
        samples: What it is to run on; see `samples_of`.
        interface: What is stated of the network.

    Attributes:
        feed: What one call is given.
        timesteps: Timesteps of a sample; None where the network makes its own time.
        notes: What was found out, one sentence each.

    Raises:
        ConfigError: The network does not run on the samples, or it cannot be proven how; or its answer
            depends on the batch, or on the batch before.
    """

    def __init__(
        self,
        network: nn.Module,
        samples: Samples,
        interface: Interface = Interface(),  # noqa: B008 - frozen
    ) -> None:
        _refuse_unready(of_kind(network, nn.Module, "network", "a torch.nn.Module"))
        self.network, self.samples, self.interface = network, samples, interface
        self.device, self.dtype = device_of(network), dtype_of(network)
        self.timesteps = samples.timesteps
        self._squeezed: tuple[nn.Module, ...] = ()
        self._examples: tuple[Any, Any, int] | None = None
        self._order: Order | None = "sample"
        self.random = False
        if declared(network, interface) and samples.layout == "time-first":
            feed = Feed("time-batch", parts=reads_parts(network))
            self.feed, self.notes, self._reset = feed, (), lambda: None
            return
        self._find()

    def _find(self) -> None:
        probe, found = self._tried()
        self.feed, self._squeezed, self.random = found.feed, probe.squeezed, probe.random
        self._reset, told = probe.reset, probe.told
        self._examples = probe.many, probe.alone, probe.count
        if found.timesteps is not None or self.samples.layout is not None:
            self.timesteps = found.timesteps
        self.notes = (f"A call of the network takes {found.feed}.", *told)
        if self.random:
            self.notes += ("Its answer is drawn at random, so it is not checked against the batch.",)

    def _tried(self) -> tuple[Probe, Tried]:
        """A probe, and what it found; networks with embeddings are given whole numbers."""
        probe = Probe(self.network, self.samples, self.interface, self._ready)
        try:
            with eagerly():
                return probe, probe.run()
        except ConfigError as error:
            looks_up = any(isinstance(module, nn.Embedding) for module in self.network.modules())
            if not looks_up or self.samples.frames.is_floating_point() or LOOKED_UP not in str(error):
                raise
        self.dtype = torch.int64
        probe = Probe(self.network, self.samples, self.interface, self._ready)
        return probe, probe.run()

    def bound_to(self, network: nn.Module) -> Self:
        """The same way of running another network of the same build, such as a copy."""
        other = copy.copy(self)
        other.network = network
        if self.notes:
            other._reset, _ = resetting(network, self.interface)
            other._squeezed = squeezed_layers(network)
        return other

    def prepare(self, batch: Tensor) -> tuple[Tensor, ...]:
        """The arguments of each call for a batch in the layout of the data; see `run`."""
        return self.feed.arrange(self._ready(batch), time_first=self.samples.layout == "time-first")

    def reset(self) -> None:
        """Put the states that the network keeps back to their beginning."""
        self._reset()

    def run(self, batch: Tensor) -> Any:
        """The network's output for a batch, its states reset before.

        Args:
            batch: Some samples in the layout of the data, as `Samples.batch` gives them.

        Returns:
            Whatever the network returns; of one timestep per call, tensors of all calls stacked.
        """
        self._reset()
        return self.call(self.prepare(batch))

    def call(self, arguments: tuple[Tensor, ...]) -> Any:
        """The network's output for what `prepare` made; its states are as they are."""
        if not self._squeezed:
            return call(self.network, arguments, self.feed)
        with unmerged(self._squeezed, self.timesteps):
            return call(self.network, arguments, self.feed)

    def answer(self, output: Any, samples: int, *, rates: bool = False) -> Tensor:
        """The answer in an output: one number per class.

        Args:
            output: What `run` returned.
            samples: Samples of the batch.
            rates: Divide a sum over timesteps by their number, for losses that compare rates.

        Returns:
            Shape `(samples, classes)`, floating point.

        Raises:
            ConfigError: The output has other axes, several parts, or timesteps without a vote.
        """
        tensor = pick(output, self.interface.output)
        if self._examples is not None:
            many, alone, count = self._examples
            parts = pick(many, self.interface.output), pick(alone, self.interface.output)
            self._order = order_of(*parts, count, batch_first=self.feed.merged)
            self._examples = None
        if self._order is None:
            got = f"an output of shape {tuple(tensor.shape)} for {samples} samples"
            rule = "(samples, classes), or that over time"
            cure = "Let it return one number a class, or choose another part with output=."
            raise ConfigError(Problem("network", got, rule, cure))
        vote = self.interface.vote
        return voted(tensor, self._order, samples, "mean" if rates and vote == "sum" else vote)

    def check_answer(self) -> None:
        """Read the answer of the probe, if there was one, so that what is missing is told before any work.

        Raises:
            ConfigError: See `answer`.
        """
        if self._examples is not None:
            many, _, count = self._examples
            self.answer(many, count)

    def answers(self, batch: Tensor, samples: int, *, rates: bool = False) -> Tensor:
        """Run a batch and give the answer; see `run` and `answer`."""
        return self.answer(self.run(batch), samples, rates=rates)

    def batches(self, size: int) -> Iterator[tuple[slice, Tensor]]:
        """The samples in order: where each batch stands, and its frames."""
        for place in self.samples.places(size):
            yield place, self.samples.batch(place.start, place.stop)

    def _ready(self, batch: Tensor) -> Tensor:
        return batch.to(self.device, self.dtype)


def declared(network: nn.Module, interface: Interface) -> bool:
    """Whether a network's class says that it takes `(time, batch, ...)` and answers `(batch, classes)`.

    Raises:
        ConfigError: The interface states something else.
    """
    if time_of(network) != "time-batch" or keeps_state(network):
        return False
    if interface.time not in (None, "time-batch"):
        got, rule = f"'{interface.time}'", "'time-batch', which the network declares"
        raise ConfigError(Problem("time", got, rule, "Leave time out."))
    return interface.output is None and interface.vote is None and interface.reset is None


def device_of(network: nn.Module) -> torch.device:
    """Where a network's weights are; the CPU without any."""
    first = next(iter((*network.parameters(), *network.buffers())), None)
    return torch.device("cpu") if first is None else first.device


def dtype_of(network: nn.Module) -> torch.dtype:
    """The type that a network computes in: that of its first weights of floating point, else float32."""
    tensors = (*network.parameters(), *network.buffers())
    return next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float32)


def _refuse_unready(network: nn.Module) -> None:
    """Refuse a network without numbers.

    Raises:
        ConfigError: Its weights are on the meta device, or not there yet.
    """
    refuse_no_module(network)
    tensors = [*network.named_parameters(), *network.named_buffers()]
    lazy = [name for name, tensor in tensors if is_lazy(tensor)]
    if lazy:
        cure = "Run the network once on a sample."
        raise ConfigError(Problem(f"parameter '{lazy[0]}'", "no shape yet", "a weight", cure))
    if any(tensor.is_meta for _, tensor in tensors):
        cure = "Call .to_empty(device='cpu') and load its weights."
        raise ConfigError(Problem("network", "weights on the meta device", "numbers", cure))


def refuse_no_module(network: object) -> None:
    """Refuse what is no network, or no longer one of Python.

    Raises:
        ConfigError: It is a class, or something else, or TorchScript.
    """
    if isinstance(network, type) and issubclass(network, nn.Module):
        name = network.__name__
        raise ConfigError(Problem("network", f"the class {name}", "a network", f"Make one: {name}(...)."))
    if not isinstance(network, nn.Module):
        raise ConfigError(Problem("network", type(network).__name__, "a torch module"))
    refuse_scripted(network)


def check_label(highest: int, classes: int, where: str = "labels") -> None:
    """Refuse a largest label beyond the classes that a network answers with.

    Raises:
        DataError: It is.
    """
    if highest >= classes:
        got, rule = f"{highest}", f"values from 0 to {classes - 1}, the network's classes"
        raise DataError(Problem(where, got, rule, "Build the network with as many classes."))
