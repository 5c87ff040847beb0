"""Networks that learn by local rules, as data: neurons, inhibition, learning, number format, coding."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from spareto.core.config import Record, Rule, contradiction
from spareto.core.errors import Problem

MOST_BITS: Final = 21
"""Integer and fraction bits of a format: float32 rounds such numbers exactly."""
_FORMAT: Final = re.compile(r"Q(\d{1,2})\.(\d{1,2})")

Potential = Annotated[
    float, Field(ge=-1000, le=1000, strict=True), Rule("a potential in mV, from -1000 to 1000")
]
Strength = Annotated[float, Field(ge=0, le=1000, strict=True), Rule("mV of at least 0, at most 1000")]
Time = Annotated[float, Field(gt=0, le=1e9, strict=True), Rule("milliseconds above 0, at most 1e9")]
Rate = Annotated[float, Field(ge=0, le=1, strict=True), Rule("a number from 0 to 1")]
Steps = Annotated[int, Field(ge=0, le=10_000, strict=True), Rule("an integer from 0 to 10,000")]
Frequency = Annotated[float, Field(gt=0, le=1e6, strict=True), Rule("a frequency above 0 Hz, at most 1e6")]


def _parts(text: str) -> tuple[int, int]:
    found = _FORMAT.fullmatch(text)
    integer, fraction = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= integer + fraction <= MOST_BITS:
        raise ValueError("a format")
    return integer, fraction


def _format(text: str) -> str:
    _parts(text)
    return text


Format = Annotated[
    str, AfterValidator(_format), Rule(f"a format Qi.f such as Q1.7, with i + f from 1 to {MOST_BITS}")
]


class FixedPoint(Record):
    """Numbers Qi.f: i integer bits and f fraction bits, rounded to the nearest, halves to even, saturated.

    Args:
        weights: Format of the weights, without a sign.
        states: Format of potentials, threshold offsets and traces, with a sign beside i and f.
    """

    weights: Format = "Q0.8"
    states: Format = "Q7.8"

    @model_validator(mode="after")
    def _holds_traces(self) -> Self:
        if _parts(self.states)[0] < 1:
            rule = "at least one integer bit, for a trace is 1 after a spike"
            raise contradiction([Problem(".states", self.states, rule)])
        return self

    @property
    def weight_bits(self) -> int:
        """Bits of a stored weight."""
        return sum(_parts(self.weights))

    @property
    def state_bits(self) -> int:
        """Bits of a stored state, the sign among them."""
        return 1 + sum(_parts(self.states))

    def step(self, what: Literal["weights", "states"]) -> float:
        """Distance of two neighbouring numbers, 2^-f."""
        return 2.0 ** -_parts(getattr(self, what))[1]

    def highest(self, what: Literal["weights", "states"]) -> float:
        """The largest number, 2^i − 2^-f."""
        return 2.0 ** _parts(getattr(self, what))[0] - self.step(what)


class Excitatory(Record):
    """Leaky neurons whose threshold rises with every spike of theirs.

    Args:
        rest_mv: Where the potential decays to, and begins.
        reset_mv: Where it is after a spike.
        threshold_mv: At or above it, plus the neuron's own offset, it spikes.
        tau_ms: Time constant of the potential.
        refractory_ms: How long no input reaches a neuron after its spike.
        offset_mv: What a spike adds to the neuron's offset.
        offset_tau_ms: Time constant of the offset.
        one_spike: Of all that cross their threshold in one timestep, only the one that does by most sends a
            spike; all are reset.
    """

    rest_mv: Potential = -65.0
    reset_mv: Potential = -60.0
    threshold_mv: Potential = -52.0
    tau_ms: Time = 100.0
    refractory_ms: Steps = 5
    offset_mv: Strength = 0.05
    offset_tau_ms: Time = 1e7
    one_spike: Annotated[bool, Field(strict=True), Rule("true or false")] = True


class Population(Record):
    """An inhibitory neuron beside each excitatory one, which inhibits all the others.

    Args:
        strength_mv: What a spike of an inhibitory neuron takes from every excitatory one but its own.
        excitation_mv: What a spike of an excitatory neuron adds to its inhibitory one.
        rest_mv: As of excitatory neurons, and so are the others.
        reset_mv: See there.
        threshold_mv: See there.
        tau_ms: See there.
        refractory_ms: See there.
    """

    kind: Literal["population"] = "population"
    strength_mv: Strength = 17.5
    excitation_mv: Strength = 22.5
    rest_mv: Potential = -60.0
    reset_mv: Potential = -45.0
    threshold_mv: Potential = -40.0
    tau_ms: Time = 10.0
    refractory_ms: Steps = 2


class Lateral(Record):
    """Excitatory neurons inhibit each other directly.

    Args:
        strength_mv: What a spike takes from every other neuron.
    """

    kind: Literal["lateral"] = "lateral"
    strength_mv: Strength = 17.5


class Learning(Record):
    """When weights change, and by how much. They stay from 0 to 1.

    Without a window, a pre-synaptic spike takes `pre_rate` × the post-synaptic trace, and a post-synaptic one
    adds `post_rate` × the pre-synaptic trace. With one, weights change once a window: those of a neuron that
    spiked in it grow by k × `post_rate` × the pre-synaptic trace, those of the others lose `pre_rate` × it,
    all or only of those that have spiked for this sample; k = ceil(most spikes of a neuron in this sample so
    far / `spike_threshold`).

    Args:
        pre_rate: Rate of depression.
        post_rate: Rate of potentiation.
        trace_ms: Time constant of the traces; a spike sets them to 1.
        window_ms: Timesteps of a window; 0 for changes at every spike.
        spike_threshold: See above; 0 for k = 1.
        depresses: With a window: `silent` neurons, all that did not spike in it, or of these only the
            `active` ones, which have spiked for this sample.
        norm_share: After each sample the weights of a neuron that changed are scaled to this sum a pixel;
            0 for no such rule.
    """

    pre_rate: Rate = 1e-4
    post_rate: Rate = 1e-2
    trace_ms: Time = 20.0
    window_ms: Steps = 0
    spike_threshold: Steps = 0
    depresses: Literal["silent", "active"] = "silent"
    norm_share: Rate = 0.1


class Coding(Record):
    """How an image becomes spikes: one chance per pixel and timestep of 1 ms.

    Args:
        duration_ms: Timesteps an image is shown.
        frequency_hz: Mean spikes per second of the brightest pixel, 255.
        size: Images are scaled to so many rows and columns, by linear interpolation; None leaves them.
    """

    duration_ms: Annotated[
        int, Field(ge=1, le=10_000, strict=True), Rule("a whole number of milliseconds from 1 to 10,000")
    ] = 250
    frequency_hz: Annotated[
        float, Field(gt=0, le=1000, strict=True), Rule("a frequency above 0 Hz, at most 1000: one a timestep")
    ] = 128.0
    size: (
        Annotated[int, Field(ge=1, le=256, strict=True), Rule("pixels, an integer from 1 to 256")] | None
    ) = 28


class PlasticityPlan(Record):
    """A network of one layer that learns without labels.

    Args:
        about: What it is, in a sentence.
        excitatory: The neurons that learn.
        inhibition: How they keep each other silent.
        learning: When and how weights change.
        coding: How an image becomes spikes.
        fixed_point: Formats of the numbers; None for float32.

    Reference:
        diehl2015b (the network); putra2020 (lateral inhibition, windows, potentiation factor, formats).
    """

    about: str = ""
    excitatory: Excitatory = Excitatory()
    inhibition: Annotated[Population | Lateral, Field(discriminator="kind")] = Population()
    learning: Learning = Learning()
    coding: Coding = Coding()
    fixed_point: FixedPoint | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        window, duration = self.learning.window_ms, self.coding.duration_ms
        problems: list[Problem] = []
        if window and duration % window:
            rule = f"a divisor of duration_ms, {duration}: a window ends with the sample at the latest"
            problems.append(Problem(".learning.window_ms", str(window), rule))
        if self.learning.spike_threshold and not window:
            rule = "0 where window_ms is 0: the factor belongs to windows"
            problems.append(Problem(".learning.spike_threshold", str(self.learning.spike_threshold), rule))
        if self.fixed_point is not None:
            problems += self._beyond(self.fixed_point)
        if problems:
            raise contradiction(problems)
        return self

    def _beyond(self, formats: FixedPoint) -> list[Problem]:
        """Potentials that the format of states cannot hold."""
        high, low = formats.highest("states"), -formats.highest("states") - formats.step("states")
        parts: list[tuple[str, Any]] = [("excitatory", self.excitatory), ("inhibition", self.inhibition)]
        held = [
            (f".{name}.{key}", value)
            for name, part in parts
            for key, value in part.to_dict().items()
            if key in ("rest_mv", "reset_mv", "threshold_mv")
        ]
        rule = f"from {low:g} to {high:g}, which {formats.states} holds"
        return [Problem(where, f"{value:g}", rule) for where, value in held if not low <= value <= high]
