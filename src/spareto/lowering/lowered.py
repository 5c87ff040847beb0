"""Lower a network: its layers one after the other, then the proof that nothing overflows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn

from spareto.compression.copies import copy_of
from spareto.core.arguments import of_kind, whole
from spareto.core.errors import ConfigError, Problem
from spareto.core.text import shown
from spareto.integer import Bounds, IntegerNetwork
from spareto.integer.checks import check
from spareto.integer.network import INPUT
from spareto.lowering.walking import NodeOutput, Scale, Walk
from spareto.networks import Network

MOST_SIDE: Final = 1 << 24
"""Channels, rows, columns or classes that a network may have."""


@dataclass(frozen=True, eq=False)
class Lowered:
    """A network in integers, and how it came to be.

    Args:
        network: The integers.
        bounds: Of each node, proven.
        scales: Of each layer, by the node's number: what was rounded.
    """

    network: IntegerNetwork
    bounds: list[Bounds]
    scales: dict[int, Scale]


@torch.no_grad()
def lower(
    network: nn.Module,
    *,
    sensor: tuple[int, int, int] | None = None,
    classes: int | None = None,
    state_bits: int | None = None,
    input_most: int = 1,
    input_step: float = 1.0,
    facts: dict[str, Any] | None = None,
) -> Lowered:
    """Turn a compressed network of Spareto's layers into integers.

    Args:
        network: A network of `spareto.networks`, or an `nn.Sequential` of Spareto's layers that ends in dense
            ones; its weights have been quantized. It is left as it was.
        sensor: Channels, height, width of a frame; a network of ours knows it, and takes no other.
        classes: Number of classes; a network of ours knows it, and takes no other.
        state_bits: 16 or 32, the width of membrane potentials; left out, 16 where that is proven to lose
            nothing.
        input_most: Largest integer of a frame: 1 for binary frames, 255 for counts or grey values.
        input_step: What one unit of a frame is to the network: 1 for events, 1/255 for grey values.
        facts: What to remember beside.

    Returns:
        The integer network, with bounds.

    Raises:
        ConfigError: A layer has no integers; names it and says what to do. Or an argument is out of range, or
            not what the network knows.

    Example:
        >>> import spareto
        >>> network = spareto.networks.registry.make("conv", sensor=(2, 8, 8), classes=3)
        >>> small = spareto.compress(network, spareto.recipes.quantize(bits=4))
        >>> len(spareto.lower(small).network.nodes)
        5
    """
    _check_options(state_bits, input_most, input_step)
    _check_sizes(sensor, classes)
    if isinstance(network, Network):
        channels, height, width = network.sensor
        _refuse_other("sensor", sensor, (channels, height, width))
        _refuse_other("classes", classes, network.classes)
        sensor, classes = (channels, height, width), network.classes
    if sensor is None or classes is None:
        rule = "sensor and classes, for the network does not know them"
        raise ConfigError(Problem("lower", "none", rule, "Pass sensor=(channels, height, width), classes=."))
    walk = Walk(state_bits)
    wire = walk.module(copy_of(network).eval(), "", NodeOutput(INPUT, sensor, input_most, input_step))
    _check_vote(wire, classes)
    timesteps = network.timesteps if isinstance(network, Network) else _timesteps(network)
    lowered = IntegerNetwork(
        sensor, classes, tuple(walk.nodes), input_most, input_step, timesteps, dict(facts or {})
    )
    return Lowered(lowered, check(lowered), walk.scales)


def _timesteps(network: nn.Module) -> int | None:
    return next((t for m in network.modules() if (t := getattr(m, "timesteps", None)) is not None), None)


def _check_options(state_bits: int | None, input_most: int, input_step: float) -> None:
    problems: list[Problem] = []
    if state_bits not in (None, 16, 32):
        problems.append(Problem("state_bits", repr(state_bits), "16 or 32, or None"))
    if type(input_most) is not int or not 1 <= input_most <= 255:
        problems.append(Problem("input_most", repr(input_most), "an integer from 1 to 255"))
    if not isinstance(input_step, int | float) or not 0 < input_step < float("inf"):
        problems.append(Problem("input_step", repr(input_step), "a number above 0"))
    if problems:
        raise ConfigError(problems)


def _check_sizes(sensor: Any, classes: Any) -> None:
    if sensor is not None:
        rule = "three integers: channels, height, width"
        if len(of_kind(sensor, (tuple, list), "sensor", rule)) != 3:
            raise ConfigError(Problem("sensor", shown(tuple(sensor)), rule))
        for side in sensor:
            whole(side, "sensor", 1, MOST_SIDE)
    if classes is not None:
        whole(classes, "classes", 1, MOST_SIDE)


def _refuse_other(name: str, given: Any, known: Any) -> None:
    if given is not None and (tuple(given) if name == "sensor" else given) != known:
        raise ConfigError(Problem(name, shown(given), f"{known}, as the network has it", "Leave it out."))


def _check_vote(wire: NodeOutput, classes: int) -> None:
    channels, height, width = wire.shape
    if wire.source == INPUT or (height, width) != (1, 1) or channels % classes:
        rule = f"one pixel, and a multiple of {classes} channels"
        cure = "End it with a SpikingDense of classes times voters."
        raise ConfigError(Problem("the network's output", f"shape {wire.shape}", rule, cure))
