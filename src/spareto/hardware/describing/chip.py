"""What every accelerator description says, whatever its kind."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeVar, cast

from spareto.core.config import Record
from spareto.core.errors import Problem
from spareto.core.units import Frequency, Node, Volts

PartT = TypeVar("PartT")


class Evidence(Record):
    """What the numbers of a description rest on, in a few words each.

    Args:
        measured: What was measured on silicon: `power at three rates`; empty if nothing was.
        modelled: What follows from a model, a simulation or another chip.
    """

    measured: str = ""
    modelled: str = ""


class ChipPart(Record):
    """A component of a chip; its numbers are quantities with unit and source.

    Args:
        kind: Which component it is.
        name: Its own on the chip.
        about: What it is, in a few words.
    """

    kind: Any
    name: str
    about: str = ""


def one_part(kind: type[PartT], about: str) -> PartT:
    """A property of a chip: its one component of a class.

    Args:
        kind: The class.
        about: What the component is.
    """
    return cast(PartT, property(lambda chip: _all(chip, kind)[0], doc=about))


def part_if_any(kind: type[PartT], about: str) -> PartT | None:
    """As `one_part`, of a component that a chip may have; None where it has none."""
    return cast(PartT, property(lambda chip: next(iter(_all(chip, kind)), None), doc=about))


def parts_of(kind: type[PartT], about: str) -> tuple[PartT, ...]:
    """As `one_part`, of all components of a class."""
    return cast("tuple[PartT, ...]", property(lambda chip: _all(chip, kind), doc=about))


def _all(chip: Chip, kind: type[PartT]) -> tuple[PartT, ...]:
    return tuple(part for part in chip.components if isinstance(part, kind))


class Chip(Record):
    """An accelerator of any kind; each kind is a subclass beside its cost engine in `hardware/engines/`.

    Args:
        version: Version of this format.
        kind: Kind of accelerator: name of the engine that costs it.
        name: Its name, that of its file.
        about: What it models.
        technology: Process node of the energies.
        voltage: Supply voltage of the energies; None where the source does not say.
        clock: Clock frequency, which turns cycles into time; None where only cycles are known.
        spike_format: How spikes are stored and sent where the chip does not hold them plainly.
        evidence: What was measured on the real chip and what is modelled.
        components: Its parts; which ones a chip has, its kind says.
    """

    version: Literal[1] = 1
    kind: Any
    name: str
    about: str
    technology: Node
    voltage: Volts | None = None
    clock: Frequency | None = None
    spike_format: str = "none"
    evidence: Evidence | None = None
    components: Any

    @property
    def parts(self) -> Sequence[ChipPart]:
        """Its components."""
        return self.components

    @property
    @abstractmethod
    def memory_bits(self) -> float:
        """Bits of all memories of a stated size."""

    @property
    @abstractmethod
    def peak_ops_per_cycle(self) -> float:
        """Synaptic operations a cycle if nothing waits."""

    @property
    @abstractmethod
    def principle(self) -> str:
        """How it works, in one line."""

    @property
    def clock_mhz(self) -> float | None:
        """Clock frequency, MHz."""
        return self.clock.amount if self.clock else None


def odd_parts(
    chip: Chip, one: Sequence[str], at_most_one: Sequence[str] = (), timed: Sequence[str] = ()
) -> Iterator[Problem]:
    """Parts that are missing, too many or called the same, and a clock that is missing.

    Args:
        chip: The description.
        one: Kinds of which there is exactly one part.
        at_most_one: Kinds of which there is one at most.
        timed: Kinds of parts that need a clock, to turn cycles into time.
    """
    where, kinds = "accelerator.components", [part.kind for part in chip.parts]
    for kind in (*one, *at_most_one):
        count, rule = kinds.count(kind), "exactly one" if kind in one else "at most one"
        if count > 1 or (count == 0 and kind in one):
            yield Problem(where, f"{count} of kind '{kind}'", rule)
    names = [part.name for part in chip.parts]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem(where, f"two called '{name}'", "different names")
    if chip.clock is None and set(timed) & set(kinds):
        yield Problem("accelerator.clock", "nothing", "a clock, to turn cycles into time")
