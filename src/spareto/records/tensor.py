"""What enters or leaves a layer over one inference."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Literal

from pydantic import Field, model_validator

from spareto.core.bounds import Amount, Positive
from spareto.core.config import Record
from spareto.core.errors import Problem
from spareto.records.agreement import Statistic, at_most, each_at_most, ordered, require, same
from spareto.records.packed import Numbers


class Tensor(Record):
    """A layer's input or output over one inference: all timesteps of one sample.

    Args:
        shape: Channels, height, width of one timestep; `(features, 1, 1)` for a dense layer.
        kind: `spike` if every element is 0 or 1, else `analog`.
        bits: Width of one element on the accelerator; 1 for spikes.
        nonzero_mean: Non-zero elements per inference, mean over the samples.
        nonzero_max: The same, for the sample that has most of them in this tensor.
        nonzero_per_timestep: Mean non-zero elements of each timestep; sums to `nonzero_mean`.
        nonzero_by_channel: Mean non-zero elements of each timestep and channel, shape (T, C).
        awake_mean: Elements that are not zero at some timestep, mean over the samples; the others are
            silent. None if it was not counted.
        awake_max: The same, for the sample that has most of them.
        stored_bits: Bits the spikes of an inference take in a storage format, by its name: mean over the
            samples, and the largest. Only formats whose size the counts above do not settle, and only if it
            was measured.
        awake_windows: Elements of all timesteps that lie in a window of 1, 2, ... T timesteps in which their
            neuron is not silent: mean over the samples, and the largest. Empty if it was not counted.
    """

    shape: tuple[Positive, Positive, Positive]
    kind: Literal["spike", "analog"]
    bits: Positive
    nonzero_mean: Amount
    nonzero_max: Amount
    nonzero_per_timestep: tuple[Amount, ...] = ()
    nonzero_by_channel: Numbers | None = None
    awake_mean: Amount | None = None
    awake_max: Amount | None = None
    stored_bits: dict[str, tuple[Amount, Amount]] = Field(default_factory=dict[str, tuple[Amount, Amount]])
    awake_windows: tuple[tuple[Amount, Amount], ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Tensor:
        return require(self, _problems(self))

    @property
    def size(self) -> int:
        """Elements of one timestep."""
        return prod(self.shape)

    def nonzero(self, statistic: Statistic = "mean") -> float:
        """Non-zero elements per inference."""
        return self.nonzero_mean if statistic == "mean" else self.nonzero_max

    def awake(self, statistic: Statistic = "mean") -> float | None:
        """Elements that are not zero at some timestep, if they were counted."""
        return self.awake_mean if statistic == "mean" else self.awake_max

    def stored(self, statistic: Statistic = "mean") -> dict[str, float]:
        """Bits of an inference in each format they were measured in."""
        return {name: bits[0 if statistic == "mean" else 1] for name, bits in self.stored_bits.items()}

    def in_windows(self, window: int, statistic: Statistic = "mean") -> float | None:
        """Elements in windows of that many timesteps that are not silent, if they were counted."""
        if not 1 <= window <= len(self.awake_windows):
            return None
        return self.awake_windows[window - 1][0 if statistic == "mean" else 1]


def _problems(tensor: Tensor) -> Iterator[Problem]:
    """Contradictions within one tensor."""
    if tensor.kind == "spike" and tensor.bits != 1:
        yield Problem(".bits", f"{tensor.bits} bits a spike", "1, or kind 'analog'")
    yield from ordered("nonzero", tensor.nonzero_mean, tensor.nonzero_max)
    yield from ordered("awake", tensor.awake_mean, tensor.awake_max)
    for name, (mean, largest) in tensor.stored_bits.items():
        yield from ordered(f"stored_bits.{name}", mean, largest)
    for place, (mean, largest) in enumerate(tensor.awake_windows):
        yield from ordered(f"awake_windows[{place}]", mean, largest)
    yield from at_most(".awake_max", tensor.awake_max, tensor.size, "elements")
    yield from at_most(".awake_mean", tensor.awake_mean, tensor.nonzero_mean, "non-zero elements")
    if tensor.nonzero_per_timestep:
        yield from same(".nonzero_per_timestep", sum(tensor.nonzero_per_timestep), tensor.nonzero_mean)
        yield from each_at_most(".nonzero_per_timestep", tensor.nonzero_per_timestep, tensor.size)
    if tensor.nonzero_by_channel:
        yield from same(".nonzero_by_channel", tensor.nonzero_by_channel.total, tensor.nonzero_mean)
    if tensor.awake_windows:
        yield from same(".awake_windows[0]", tensor.awake_windows[0][0], tensor.nonzero_mean)


def run_problems(tensor: Tensor, timesteps: int, where: str) -> Iterator[Problem]:
    """Contradictions between a tensor and the timesteps it runs for."""
    yield from at_most(
        f"{where}.nonzero_max",
        tensor.nonzero_max,
        tensor.size * timesteps,
        f"{tensor.size} elements x {timesteps} timesteps",
    )
    for statistic in ("mean", "max"):
        yield from _awake_problems(tensor, timesteps, statistic, where)
    for name, given in (
        ("nonzero_per_timestep", len(tensor.nonzero_per_timestep)),
        ("awake_windows", len(tensor.awake_windows)),
    ):
        if given and given != timesteps:
            yield Problem(f"{where}.{name}", f"{given} entries", f"one for each of {timesteps} timesteps")
    if (by_channel := tensor.nonzero_by_channel) and by_channel.shape != (timesteps, tensor.shape[0]):
        rule = f"shape (T, C) = {(timesteps, tensor.shape[0])}"
        yield Problem(f"{where}.nonzero_by_channel", f"shape {by_channel.shape}", rule)
    elif by_channel:
        plane = tensor.shape[1] * tensor.shape[2]
        most = float(by_channel.array().max())
        yield from at_most(f"{where}.nonzero_by_channel", most, plane, "elements of a channel")


def _awake_problems(tensor: Tensor, timesteps: int, statistic: Statistic, where: str) -> Iterator[Problem]:
    """What is not zero lies in elements that are awake, and those in windows that are not silent."""
    nonzero, awake = tensor.nonzero(statistic), tensor.awake(statistic)
    whole = tensor.size * timesteps
    if awake is not None:
        whole = awake * timesteps
        told = f"{awake:.12g} elements that are awake x {timesteps} timesteps"
        yield from at_most(f"{where}.nonzero_{statistic}", nonzero, whole, told)
    for place in range(len(tensor.awake_windows)):
        at, held = f"{where}.awake_windows[{place}]", tensor.in_windows(place + 1, statistic)
        most = min(whole, nonzero * (place + 1))
        yield from at_most(at, held, most, f"of {nonzero:.12g} elements that are not zero")
        if held is not None and statistic == "mean" and held < nonzero * (1 - 1e-6):
            yield Problem(at, f"{held:.12g}", f"at least the {nonzero:.12g} elements that are not zero")
