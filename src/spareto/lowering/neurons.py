"""A neuron's real coefficients as integers of one fixed point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from torch import nn

from spareto.core.errors import ConfigError, Problem
from spareto.integer.network import Adaptation, Current, IntegerNeuron
from spareto.kernels.dynamics import Dynamics
from spareto.neurons import SpikingNeuron
from spareto.neurons._storing import StoringNeuron
from spareto.neurons.multi_spike import MultiSpike
from spareto.neurons.quantized_state import QuantizedState
from spareto.neurons.recurrent import Recurrent

WIDE: Final = 30
"""Binary digits of wide numbers that 32 bits hold, the sign and one digit of room aside."""

FEWEST: Final = 18
"""Binary digits behind the point of wide numbers, at least; sums that leave fewer take 64 bits."""

COARSEST: Final = 9
"""Binary digits that a 16-bit state has, at least, below the firing threshold; else it takes 32 bits."""

REACH: Final = 32.0
"""Thresholds at which a potential saturates that could otherwise fall without end."""

GAIN_DIGITS: Final = 8


@dataclass(frozen=True)
class Found:
    """What a neuron module holds, whatever wraps what.

    Args:
        dynamics: Its coefficients.
        feedback: Its recurrent connections.
        stored: Bits and `v_max` of a state that is quantized in training, too.
        counts: None for spikes; else the most a neuron may fire at once, 0 for no limit.
        spike: What one spike is to the recurrent connections: less than 1 where a stored one saturates.
    """

    dynamics: Dynamics
    feedback: nn.Linear | None = None
    stored: tuple[int, float] | None = None
    counts: int | None = None
    spike: float = 1.0


def found_in(neuron: SpikingNeuron, name: str) -> Found:
    """Look through the wrappers of a neuron.

    Raises:
        ConfigError: It is none of the family, or its parts cannot stand together in integers.
    """
    if isinstance(neuron, QuantizedState):
        inner = found_in(neuron.neuron, name)
        if inner.stored is not None or (inner.feedback is not None and inner.counts is not None):
            rule = "one quantized state, around spikes"
            raise ConfigError(Problem(f"neuron '{name}'", "wrappers inside each other", rule, "Use fewer."))
        most = 2 ** (neuron.bits - 1) - 1
        step = neuron.v_max / (most + 1)
        spike = min(most, round(1.0 / step)) * step
        return Found(inner.dynamics, inner.feedback, (neuron.bits, neuron.v_max), inner.counts, spike)
    if isinstance(neuron, StoringNeuron):
        got, rule = (
            f"a state stored over a {getattr(neuron, 'range', '')} range".replace("  ", " "),
            "a range that is a power of two",
        )
        cure = "Train with neuron 'quantized_state', in a recipe membrane range 'fixed'."
        raise ConfigError(Problem(f"neuron '{name}'", got, rule, cure))
    if isinstance(neuron, Recurrent):
        inner = found_in(neuron.neuron, name)
        return Found(inner.dynamics, neuron.linear, inner.stored, inner.counts)
    if isinstance(neuron, MultiSpike):
        return Found(neuron.neuron.dynamics(), counts=neuron.most or 0)
    dynamics = neuron.dynamics()
    if dynamics is None:
        got, rule = type(neuron).__name__, "a neuron of the family in spareto.neurons"
        raise ConfigError(Problem(f"neuron '{name}'", got, rule, "Only these have integers."))
    return Found(dynamics)


@dataclass(frozen=True)
class Point:
    """Where the point lies: `fraction` digits of stored states, `shift` more of wide numbers."""

    bits: int
    fraction: int
    shift: int
    most: int

    @property
    def wide(self) -> float:
        """Wide units of 1."""
        return math.ldexp(1.0, self.fraction + self.shift)


def place(found: Found, drive: float, state_bits: int | None) -> Point:
    """Choose the fixed point of a layer's neurons.

    Args:
        found: The neurons.
        drive: Largest magnitude of a current that the synapses can give, its gain included.
        state_bits: Width of a stored state; None takes 16 bits where these are proven to be enough.
    """
    d = found.dynamics
    beta, threshold = abs(float(d.beta)), max(abs(d.v_threshold), 1e-9)
    if d.alpha is not None:
        drive = drive / max(1.0 - abs(float(d.alpha)), 1e-3)
    pull = drive + abs(float(d.bias)) + abs(d.drop) + abs(d.delayed_drop) + d.drop_theta * threshold
    unbounded = REACH * max(threshold, 1.0)
    reach = max(pull / (1.0 - beta) if beta < 1.0 else unbounded, abs(d.v_start), threshold)
    reach = max(reach, _adaptation(d)) * 1.01
    if found.stored is not None:
        bits, v_max = found.stored
        fraction, reach = bits - 1 - round(math.log2(v_max)), v_max
        total = max(_digits(beta * reach, pull, threshold, found), fraction + 4)
        return Point(bits, fraction, total - fraction, 2 ** (bits - 1) - 1)
    if state_bits == 16 or (state_bits is None and _room(reach, threshold) >= COARSEST):
        reach = min(reach, 2.0 ** (15 - COARSEST) * threshold)
        bits, most_digits = 16, 15 - math.ceil(math.log2(reach))
    else:
        bits, most_digits = 32, 31 - math.ceil(math.log2(reach)) - 1
    total = _digits(beta * reach, pull, threshold, found)
    shift = max(min(12, total // 2), total - most_digits)
    fraction = total - shift
    most = min(2 ** (bits - 1) - 1, math.ceil(math.ldexp(reach, fraction)) + 2)
    return Point(bits, fraction, shift, most)


def _adaptation(d: Dynamics) -> float:
    """Largest adaptation of a neuron that fires at every timestep."""
    if d.adapt_decay is None:
        return 0.0
    return 1.0 / max(1.0 - d.adapt_decay, 1.0 / REACH)


def _room(reach: float, threshold: float) -> float:
    """Binary digits of the threshold in a 16-bit state that holds `reach`."""
    return 15 - math.ceil(math.log2(reach)) + math.log2(threshold)


def _digits(kept: float, pull: float, threshold: float, found: Found) -> int:
    """Binary digits behind the point that wide numbers have room for in 32 bits."""
    d = found.dynamics
    level = threshold + abs(d.adapt_scale) * _adaptation(d)
    counts = max(found.counts or 1, 1)
    widest = 2.0 * (kept + pull + counts * level) + level
    return max(FEWEST, WIDE - math.ceil(math.log2(widest)))


def integer_neuron(found: Found, point: Point, counts: int | None) -> IntegerNeuron:
    """The coefficients in units of a fixed point; every one is rounded once, to the nearest."""
    d, shift = found.dynamics, point.shift

    def share(value: Any) -> int:
        return round(math.ldexp(float(value), shift))

    def wide(value: Any) -> int:
        return round(float(value) * point.wide)

    current = adaptation = None
    if d.alpha is not None:
        gain, digits = _gain(found)
        current = Current(share(d.alpha), gain, digits)
    if d.adapt_decay is not None:
        adaptation = Adaptation(share(d.adapt_decay), share(d.adapt_scale), wide(1.0))
    return IntegerNeuron(
        bits=point.bits,
        fraction=point.fraction,
        shift=shift,
        most=point.most,
        decay=share(d.beta),
        leak=wide(d.bias),
        threshold=wide(d.v_threshold),
        strict=d.strict,
        keep=bool(d.keep),
        drop=wide(d.drop),
        drop_threshold=bool(d.drop_theta),
        delayed=None if d.delayed_keep is None else bool(d.delayed_keep),
        delayed_drop=wide(d.delayed_drop),
        start=max(-point.most, min(point.most, round(math.ldexp(d.v_start, point.fraction)))),
        current=current,
        adaptation=adaptation,
        counts=counts,
    )


def folded_gain(found: Found) -> float:
    """The factor of currents that goes into multipliers: all of it, but where it follows a stored current."""
    return 1.0 if _gain_stands(found) else float(found.dynamics.gain)


def _gain_stands(found: Found) -> bool:
    """A current that training stores is not scaled before it is stored."""
    return found.dynamics.alpha is not None and found.stored is not None


def _gain(found: Found) -> tuple[int, int]:
    if not _gain_stands(found):
        return 1, 0
    gain = float(found.dynamics.gain)
    for digits in range(GAIN_DIGITS):
        if math.ldexp(gain, digits).is_integer():
            return int(math.ldexp(gain, digits)), digits
    return round(math.ldexp(gain, GAIN_DIGITS)), GAIN_DIGITS


def multiplier(
    step: npt.NDArray[np.float64], factor: npt.NDArray[np.float64], found: Found, point: Point, unit: float
) -> npt.NDArray[np.int64]:
    """Of each channel's sums: the scale of its codes, of its inputs, batch norm and gain in wide units."""
    real = step * factor * (folded_gain(found) * unit * point.wide)
    return np.rint(real).astype(np.int64)
