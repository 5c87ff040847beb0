"""What every accelerator description says, whatever its kind."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, Protocol

from spareto.core.config import Record
from spareto.core.units import Frequency, Node, Volts


class Evidence(Record):
    """What the numbers of a description rest on, in a few words each.

    Args:
        measured: What was measured on silicon: `power at three rates`; empty if nothing was.
        modelled: What follows from a model, a simulation or another chip.
    """

    measured: str = ""
    modelled: str = ""


class Component(Protocol):
    """A part of a chip; its numbers are quantities with unit and source."""

    @property
    def name(self) -> str: ...  # noqa: D102


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

    @property
    @abstractmethod
    def parts(self) -> Sequence[Component]:
        """Its components."""

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
