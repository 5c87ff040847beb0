"""What a neuron's timestep means on hardware, as data: golden model, generator and cost model read it.

    v      stored potential, `neuron_bits` wide
    leak   v − (v >> leak_shift): a share of 1 − 2^−leak_shift is kept; none without a shift
    order  `integrate`: leak, add the inputs, compare, reset.  The spikes belong to the same timestep.
           `fire`:      compare what the last timestep left, reset, leak, then add the inputs.

Other tools mean different things by the same words; each of them is a preset.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal, get_args

from spareto.core.errors import ConfigError, Problem, UnknownName, did_you_mean, one_of

Comparison = Literal[">", ">="]
Order = Literal["integrate", "fire"]
Reset = Literal["subtract", "fixed"]
Rounding = Literal["floor", "truncate", "even"]
Saturation = Literal["each", "once"]
_WORDS: Final[dict[str, tuple[Any, ...]]] = {
    "comparison": get_args(Comparison),
    "order": get_args(Order),
    "reset": get_args(Reset),
    "rounding": get_args(Rounding),
    "saturation": get_args(Saturation),
}
WIDEST: Final = 32
"""Bits of a stored number, at most."""


@dataclass(frozen=True)
class Semantics:
    """Every choice that decides a bit.

    Args:
        comparison: A neuron fires above its threshold (`>`), or also at it (`>=`).
        order: See above.
        reset: A spike takes an amount off (`subtract`), or puts the potential to a value (`fixed`).
        reset_late: The reset of a spike comes with the next timestep's leak and inputs; order `integrate`.
        firing_leaks: Whether a neuron that fires also leaks in that timestep; order `fire`.
        leak_shift: See above; None for neurons that do not leak.
        current_shift: The same for the synaptic current of a second-order neuron; None where it does not
            leak, and for first order.
        second_order: Inputs enter a current, which enters the potential at the end of the timestep.
        rounding: Of the leak's shift, and of what is stored where `digits` are taken off.
        saturation: Whether the potential saturates after `each` addition of a weight, or `once`.
        digits: Binary digits that a timestep computes with beyond those that are stored.
        weight_bits: Width of a weight.
        neuron_bits: Width of a stored state, its sign included.
        inhibition_bits: Width of a recurrent weight.

    Raises:
        ConfigError: The choices contradict each other.
    """

    comparison: Comparison = ">="
    order: Order = "integrate"
    reset: Reset = "subtract"
    reset_late: bool = False
    firing_leaks: bool = True
    leak_shift: int | None = None
    current_shift: int | None = None
    second_order: bool = False
    rounding: Rounding = "floor"
    saturation: Saturation = "once"
    digits: int = 0
    weight_bits: int = 8
    neuron_bits: int = 16
    inhibition_bits: int = 8

    def __post_init__(self) -> None:
        if problems := [*self._single(), *self._together()]:
            raise ConfigError(problems)

    def _single(self) -> list[Problem]:
        found = [
            Problem(f"semantics.{name}", repr(getattr(self, name)), one_of(map(repr, known)))
            for name, known in _WORDS.items()
            if getattr(self, name) not in known
        ]
        for name in ("weight_bits", "inhibition_bits", "neuron_bits"):
            least, width = 1 if name != "neuron_bits" else 2, getattr(self, name)
            if not least <= width <= WIDEST:
                found.append(Problem(f"semantics.{name}", repr(width), f"{least} to {WIDEST} bits"))
        for name in ("leak_shift", "current_shift"):
            shift = getattr(self, name)
            if shift is not None and not 0 <= shift <= WIDEST:
                found.append(Problem(f"semantics.{name}", repr(shift), f"0 to {WIDEST}, or none"))
        if not 0 <= self.digits <= WIDEST:
            found.append(Problem("semantics.digits", repr(self.digits), f"0 to {WIDEST}"))
        return found

    def _together(self) -> list[Problem]:
        found: list[Problem] = []
        if self.order == "fire" and self.reset_late:
            found.append(Problem("semantics.reset_late", "true", "false where a timestep begins with firing"))
        if self.order == "integrate" and not self.firing_leaks:
            rule = "true where the leak comes before the comparison"
            found.append(Problem("semantics.firing_leaks", "false", rule))
        if self.saturation == "each" and self.digits:
            rule = "'once' where a timestep has digits of its own"
            found.append(Problem("semantics.saturation", "'each'", rule))
        if self.order == "fire" and self.digits:
            found.append(
                Problem("semantics.digits", str(self.digits), "0 where a timestep begins with firing")
            )
        if self.current_shift is not None and not self.second_order:
            found.append(Problem("semantics.current_shift", str(self.current_shift), "none for first order"))
        return found

    @property
    def lowest(self) -> int:
        """Smallest number of `neuron_bits`."""
        return -(1 << (self.neuron_bits - 1))

    @property
    def highest(self) -> int:
        """Largest number of `neuron_bits`."""
        return (1 << (self.neuron_bits - 1)) - 1


PRESETS: Final = {
    "spareto": Semantics(rounding="even"),
    "spiker": Semantics(comparison=">", order="fire", firing_leaks=False, saturation="each"),
    "hls4ml": Semantics(),
    "snntorch": Semantics(comparison=">", reset_late=True, rounding="truncate"),
}
"""What our own integer networks, Spiker, hls4ml and snnTorch mean by a timestep.

hls4ml multiplies by any β and lets numbers wrap around; snnTorch computes in floats. Here both keep a share
of 1 − 2^−s and saturate.
"""


def preset(name: str, **changes: Any) -> Semantics:
    """A preset, with choices of one's own.

    Raises:
        UnknownName: No such preset.
        ConfigError: An unknown choice, or choices that contradict each other.

    >>> preset("spiker", neuron_bits=6).lowest
    -32
    """
    if name not in PRESETS:
        known = tuple(PRESETS)
        raise UnknownName(Problem("semantics", repr(name), one_of(known), did_you_mean(name, known)))
    choices = [field.name for field in fields(Semantics)]
    if unknown := [choice for choice in changes if choice not in choices]:
        raise ConfigError(
            Problem(
                f"semantics.{choice}", "an unknown choice", one_of(choices), did_you_mean(choice, choices)
            )
            for choice in unknown
        )
    return replace(PRESETS[name], **changes)


def leak_shift(share: float, place: str) -> int | None:
    """The shift s of a share of 1 − 2^−s that is kept over a timestep; None for a share of 1.

    Raises:
        ConfigError: It is no such share; names the nearest that are.

    >>> leak_shift(0.9375, "neuron")
    4
    """
    if share == 1.0:
        return None
    for shift in range(WIDEST):
        if share == 1.0 - 2.0**-shift:
            return shift
    shares = [1.0 - 2.0**-shift for shift in range(11)] + [1.0]
    below, above = (
        max((s for s in shares if s < share), default=0.0),
        min((s for s in shares if s > share), default=1.0),
    )
    rule = "1 − 2^−s, which takes a shift and no multiplier"
    cure = f"Train it with a share of {below:g} or {above:g}."
    raise ConfigError(Problem(place, f"a share of {share:.6g} that is kept", rule, cure))
