"""How many times fewer crossbars a network takes, by narrower weights and by epitomes apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from spareto.hardware.counting.crossbars import crossbars
from spareto.hardware.describing.crossbar_chip import Arrays
from spareto.records import Epitome, EpitomeStep
from spareto.reproduction.epim.network import Shape

FLOAT_BITS = 32


@dataclass(frozen=True)
class Factors:
    """Crossbars of a network before and after; the two factors multiply to the whole one.

    Args:
        floats: Of its weights at 32 bits.
        narrow: Of its weights at the width asked for.
        epitomes: Of its epitomes at that width.
    """

    floats: int
    narrow: int
    epitomes: int

    @property
    def by_bits(self) -> float:
        """What narrower weights alone save."""
        return self.floats / self.narrow

    @property
    def by_epitomes(self) -> float:
        """What epitomes save beside."""
        return self.narrow / self.epitomes

    @property
    def together(self) -> float:
        """Both: what one ratio alone would say."""
        return self.floats / self.epitomes


def factors(shapes: Iterable[Shape], arrays: Arrays, bits: int, step: EpitomeStep | None = None) -> Factors:
    """Count the crossbars of a network.

    Args:
        shapes: Its layers.
        arrays: The crossbars.
        bits: Width of a stored number.
        step: How its weights are made of epitomes; None leaves them.
    """
    found = [0, 0, 0]
    for shape in shapes:
        plain = prod(shape.weight[1:]), shape.weight[0]
        made = Epitome.within(shape.weight, step, step).shape if step else shape.weight
        for place, (size, width) in enumerate(
            ((plain, FLOAT_BITS), (plain, bits), ((prod(made[1:]), made[0]), bits))
        ):
            found[place] += crossbars(*size, width, arrays)
    return Factors(*found)
