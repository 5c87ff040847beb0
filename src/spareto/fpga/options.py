"""What may be chosen of a design, beside the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, get_args

from spareto.core.errors import ConfigError, Problem, did_you_mean, one_of
from spareto.fpga.circuit import Inputs
from spareto.integer.semantics import PRESETS

Stream = Literal["words", "rate"]
Wrapper = Literal["axis", "serial"]


@dataclass(frozen=True)
class Options:
    """Choices of a design.

    Args:
        semantics: A preset: spareto, spiker, hls4ml or snntorch.
        neuron_bits: Width of a stored state; None takes what the network was lowered with, and under other
            semantics than `spareto` two bits more than the largest threshold needs.
        inhibition_bits: Width of a recurrent weight; None takes what the weights need.
        ratio: Neurons of a unit, for every layer or of each, by its name or in order: 1 computes all of a
            layer's channels at the same time.
        inputs: How a layer reads its inputs, for every layer or of each: `scan`, `event` or `compressed`.
        word_bits: Bits of a word of the input stream.
        count_bits: Bits of the counter of each class.
        stream: Frames as `words`, or images whose pixels become spikes by chance on the chip (`rate`).
        seed: Of the rate encoder's shift register.
        timesteps: Of an image, with `rate`; of a recording, with the serial wrapper.
        images: File of images (.npy, uint8) for the testbench, with `rate`.
        wrappers: Further top modules: `axis` (AXI-Stream), `serial` (UART).
        recordings: Recordings of the package's vectors in the testbench; None for all.

    Raises:
        ConfigError: A choice that does not exist.
    """

    semantics: str = "spareto"
    neuron_bits: int | None = None
    inhibition_bits: int | None = None
    ratio: int | tuple[int, ...] | dict[str, int] = 1
    inputs: Inputs | tuple[Inputs, ...] | dict[str, Inputs] = "scan"
    word_bits: int = 32
    count_bits: int = 16
    stream: Stream = "words"
    seed: int = 5
    timesteps: int = 100
    images: str | None = None
    wrappers: tuple[Wrapper, ...] = ()
    recordings: int | None = None

    def __post_init__(self) -> None:
        ConfigError.if_any([*self._words(), *self._numbers(), *self._files()])

    def _words(self) -> list[Problem]:
        found: list[Problem] = []
        asked: list[tuple[str, Any, tuple[Any, ...]]] = [
            ("semantics", self.semantics, tuple(PRESETS)),
            ("stream", self.stream, get_args(Stream)),
            *(("inputs", word, get_args(Inputs)) for word in _values(self.inputs)),
            *(("wrappers", word, get_args(Wrapper)) for word in _values(self.wrappers)),
        ]
        for name, word, known in asked:
            if word not in known:
                found.append(Problem(f"design.{name}", repr(word), one_of(known), did_you_mean(word, known)))
        return found

    def _files(self) -> list[Problem]:
        if self.images is None:
            return []
        if type(self.images) is not str or not self.images:
            return [Problem("design.images", repr(self.images), "the path of a .npy file")]
        if self.stream != "rate":
            cure = "Leave images out, or choose stream: rate."
            return [Problem("design.images", f"a file, with stream: {self.stream}", "none", cure)]
        return []

    def _numbers(self) -> list[Problem]:
        limits: list[tuple[str, Any, int, int]] = [
            ("neuron_bits", self.neuron_bits, 2, 32),
            ("inhibition_bits", self.inhibition_bits, 1, 32),
            ("word_bits", self.word_bits, 1, 1024),
            ("count_bits", self.count_bits, 2, 32),
            ("seed", self.seed, 1, (1 << 16) - 1),
            ("timesteps", self.timesteps, 1, 1 << 16),
            ("recordings", self.recordings, 1, 1 << 16),
            *(("ratio", value, 1, 1 << 20) for value in _values(self.ratio)),
        ]
        return [
            Problem(f"design.{name}", repr(value), f"a whole number from {least} to {most}")
            for name, value, least, most in limits
            if value is not None and not (type(value) is int and least <= value <= most)
        ]

    def check_layers(self, layers: Sequence[str]) -> None:
        """Refuse a choice for a layer that the network does not have.

        Raises:
            ConfigError: There is one.
        """
        ConfigError.if_any(
            Problem(f"design.{what}", f"layer {name!r}", one_of(layers), did_you_mean(name, layers))
            for what, chosen in (("ratio", self.ratio), ("inputs", self.inputs))
            if isinstance(chosen, dict)
            for name in chosen
            if name not in layers
        )

    def of(self, what: Literal["ratio", "inputs"], number: int, name: str, count: int) -> Any:
        """A layer's own choice.

        Raises:
            ConfigError: The list is of another length than there are layers.
        """
        chosen = getattr(self, what)
        if isinstance(chosen, dict):
            return chosen.get(name, Options.__dataclass_fields__[what].default)
        if isinstance(chosen, tuple):
            if len(chosen) != count:
                rule = f"one, or {count}: one for each layer"
                raise ConfigError(Problem(f"design.{what}", f"{len(chosen)} entries", rule))
            return chosen[number]
        return chosen


def _values(chosen: Any) -> list[Any]:
    if isinstance(chosen, dict):
        return list(chosen.values())
    return list(chosen) if isinstance(chosen, tuple) else [chosen]


NAMES: Final = tuple(f.name for f in fields(Options))


def options_of(said: Mapping[str, Any]) -> Options:
    """Options out of a mapping, as a file or command line gives it.

    Raises:
        ConfigError: An unknown option, or a value that does not exist.
    """
    if unknown := [name for name in said if name not in NAMES]:
        raise ConfigError(
            Problem(f"design.{name}", "an unknown option", one_of(NAMES), did_you_mean(name, NAMES))
            for name in unknown
        )
    given: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in said.items()}
    if isinstance(wrapper := given.get("wrappers"), str):
        given["wrappers"] = (wrapper,)
    return Options(**given)
