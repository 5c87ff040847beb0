"""Which cores a network takes, layer by layer, in the order they run; greedy, and refused if too large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf

from spareto.core.errors import CapacityError, ConfigError, Problem
from spareto.hardware.describing.event_chip import EventDriven
from spareto.hardware.placement.boxes import Slices, fan_in, live_fan_in, neuron_count, slices
from spareto.hardware.placement.routes import Span
from spareto.records.workload import Layer


@dataclass(frozen=True)
class Placed:
    """One layer on its cores.

    Args:
        layer: The layer.
        slices: How its work is cut into pieces: by neurons, and by inputs or else by the weights it would
            have unpruned at full width, so that the time does not depend on how weights are stored.
        source: Cores that the neurons it hears take.
        room: Cores it takes, for its neurons or for its weights.
    """

    layer: Layer
    slices: Slices
    source: int
    room: int


def place(layer: Layer, chip: EventDriven, stored_bits: float) -> Placed:
    """Put a layer on as few cores as hold its neurons, their inputs and its weights.

    Args:
        layer: The layer.
        chip: The chip.
        stored_bits: Its weights as stored, one copy of each kernel.
    """
    cores = chip.cores
    axons = cores.axons.amount if cores.axons else inf
    cut = slices(layer, cores.neurons.amount, axons, _parts(layer, chip))
    room, spread = cut.cores, cut.cores
    if cores.synapse_memory:
        copies = layer.plane[0] * layer.plane[1] if cores.kernels == "unrolled" else 1
        each = cores.synapse_memory.amount / copies
        room = max(room, ceil(stored_bits / each))
        if not cores.axons:
            spread = max(spread, ceil(layer.weight_count * cores.synop_width.amount / each))
    source = max(1, ceil(layer.arriving.size / cores.neurons.amount))
    return Placed(layer, cut.over(min(spread, max(chip.most_cores, cut.cores))), source, max(1, room))


def _parts(layer: Layer, chip: EventDriven) -> int:
    """Neurons of the chip that one of the layer is made of, where it has more inputs than one takes."""
    if not chip.cores.fan_in:
        return 1
    return max(1, ceil(_inputs(layer, chip) / chip.cores.fan_in.amount))


def _inputs(layer: Layer, chip: EventDriven) -> int:
    return live_fan_in(layer) if chip.cores.absent_zeros else fan_in(layer)


@dataclass(frozen=True)
class Placement:
    """A whole network on the chip.

    Args:
        layers: Its layers, in the order they run.
        cores: Cores they take together.
        chips: Chips they take together.
        one_core: Whether they all share a single core, which then does one after the other.
    """

    layers: tuple[Placed, ...]
    cores: int
    chips: int
    one_core: bool

    @classmethod
    def of(cls, placed: Sequence[Placed], chip: EventDriven) -> Placement:
        """Fill core after core, chip after chip."""
        one = _share_one_core(placed, chip)
        cores = 1 if one else sum(each.room for each in placed)
        return cls(tuple(placed), cores, max(1, ceil(cores / chip.cores.instances.amount)), one)

    def check(self, chip: EventDriven) -> None:
        """Refuse a network that is too large.

        Raises:
            CapacityError: It takes more cores than there are; says how many.
        """
        there = chip.most_cores
        if self.cores > there:
            largest = max(self.layers, key=lambda each: each.room)
            on = f" on {chip.most_chips} chips" if chip.most_chips > 1 else ""
            cure = "Use a smaller network or narrower weights."
            if len(self.layers) > 1:
                cure += f" Layer '{largest.layer.name}' takes {largest.room} of them."
            raise CapacityError(
                Problem(
                    f"{chip.name}.{chip.cores.name}",
                    f"a network of {self.cores} cores",
                    f"at most {there}{on} (over by {self.cores - there})",
                    cure,
                )
            )


def spans(placed: Sequence[Placed], chip: EventDriven) -> list[Span]:
    """First core of each layer and the core behind its last, over all chips in a row.

    Layers are as large as their work is cut for, so that routes do not depend on how weights are stored; what
    is beyond the last core shares it.
    """
    found, first, last = list[Span](), 0, chip.most_cores
    for each in placed:
        behind = first + each.slices.cores
        found.append((min(first, last - 1), min(behind, last)))
        first = behind
    return found


def refuse_wide(layers: Sequence[Layer], chip: EventDriven) -> None:
    """Refuse neurons with more inputs than a core or a neuron takes, where the chip cannot split them.

    Raises:
        ConfigError: Lists every such layer, and by how much it is too wide.
    """
    if chip.wide_neurons == "split":
        return
    wide = [(layer, *found) for layer in layers if (found := _too_wide(layer, chip))]
    if wide:
        raise ConfigError(
            Problem(
                f"layer '{layer.name}'",
                f"a fan-in of {inputs}",
                f"at most {most} on '{chip.name}' (over by {inputs - most})",
                "Use more channel groups or a smaller kernel.",
            )
            for layer, inputs, most in wide
        )


def _too_wide(layer: Layer, chip: EventDriven) -> tuple[int, int] | None:
    """Inputs of a neuron and the limit they exceed by most: a core's, or a neuron's; None if they fit."""
    limits = [(fan_in(layer), chip.cores.axons), (_inputs(layer, chip), chip.cores.fan_in)]
    over = [(inputs, int(most.amount)) for inputs, most in limits if most and inputs > most.amount]
    return max(over, key=lambda each: each[0] - each[1], default=None)


def _share_one_core(placed: Sequence[Placed], chip: EventDriven) -> bool:
    """Whether a chip of a single core holds all layers at once."""
    if chip.cores.instances.amount > 1 or any(each.room > 1 for each in placed):
        return False
    return sum(neuron_count(each.layer) for each in placed) <= chip.cores.neurons.amount
