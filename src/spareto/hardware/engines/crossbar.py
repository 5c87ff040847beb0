"""Crossbars: arrays of cells that hold the weights and multiply in place.

What is charged follows from counts: pulses on rows (DACs), cells they pass, columns converted (ADCs) and
added up, bits that buffers, interconnect and address tables move, updates of neurons, and time. An epitome
takes fewer arrays and more rounds. All of its cells stay where they are, so zero weights save nothing.

Reference:
    shafiee2016 for the structure; wang2024epim for epitomes, whose own simulator is not public.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, prod

from spareto.core.errors import CapacityError, ConfigError, Problem
from spareto.formats import Train, spike_bits
from spareto.hardware.charging.neurons import refuse_unknown, update_actions
from spareto.hardware.counting.activity import arriving_train, neuron_updates, output_train
from spareto.hardware.counting.crossbars import ArrayUse, crossbars_at, crossbars_of, pieces, use_of
from spareto.hardware.describing.chip import odd_parts
from spareto.hardware.describing.crossbar_chip import ONE_OF_EACH, CrossbarChip
from spareto.hardware.describing.supply import idle_actions
from spareto.hardware.engines._base import CostEngine, CostPlan
from spareto.hardware.products import workload_of
from spareto.records.cost import ActionCost, Cost, LayerCost
from spareto.records.workload import Layer, Tensor, Workload


class CrossbarEngine(CostEngine[CrossbarChip]):
    """Costs a workload on crossbars."""

    schema = CrossbarChip

    def problems(self, chip: CrossbarChip) -> Sequence[Problem]:
        """Components that are missing or there twice, and a state that is kept nowhere."""
        found = [*odd_parts(chip, ONE_OF_EACH, timed=("arrays",))]
        if not found and chip.neuron.state_level != chip.buffer.name:
            place = f"accelerator.{chip.neuron.name}.state_level"
            found.append(Problem(place, repr(chip.neuron.state_level), f"the buffer, '{chip.buffer.name}'"))
        return found

    def layers(
        self, workload: Workload, chip: CrossbarChip, plan: CostPlan
    ) -> Iterator[tuple[LayerCost, ...]]:
        """What every layer costs; the same in each weight format, for cells hold every weight."""
        refuse_unknown(workload)
        costs = tuple(_cost(layer, chip, plan) for layer in workload.layers)
        _check_room(workload, chip)
        for name in plan.weight_formats:
            yield tuple(cost.replace(weight_format=name) for cost in costs)

    def notes(self, workload: Workload, chip: CrossbarChip, plan: CostPlan) -> Sequence[str]:
        """Arrays in use, and sums that the converters would clip."""
        taken = sum(crossbars_of(layer, chip.arrays) for layer in workload.layers)
        found = [f"{taken} crossbars of {chip.arrays.size[0]} x {chip.arrays.size[1]} hold the weights"]
        clipped = [
            layer.name for layer in workload.layers if _needed(layer, chip) > chip.adc.resolution.amount
        ]
        if clipped:
            most = max(_needed(layer, chip) for layer in workload.layers)
            found.append(
                f"sums of {', '.join(clipped)} take up to {most} bits, the converters give "
                f"{chip.adc.resolution.amount:g}: large sums are clipped, which the accuracy does not show"
            )
        return found

    def costs(self, workload: Workload, chip: CrossbarChip, plan: CostPlan) -> tuple[Cost, ...]:
        """One cost a weight format, with the area of as many arrays as there are, or as are taken."""
        area = area_um2(workload, chip)
        return tuple(cost.replace(area_um2=area) for cost in super().costs(workload, chip, plan))

    def _products(self, workload: Workload, chip: CrossbarChip, plan: CostPlan) -> tuple[LayerCost, ...]:
        """Right operands are written into cells before every timestep."""
        found = super()._products(workload, chip, plan)
        if found and (chip.arrays.write_energy is None or chip.arrays.write_time is None):
            names = ", ".join(product.name for product in workload.products)
            rule = "a chip that says write_energy and write_time of its arrays"
            raise ConfigError(Problem(f"products {names}", "weights that change in every timestep", rule))
        layers = workload_of(workload).layers if found else ()
        return tuple(_written(cost, layer, chip) for cost, layer in zip(found, layers, strict=True))


def area_um2(workload: Workload, chip: CrossbarChip) -> float | None:
    """Silicon of the arrays with their converters, of the tiles they fill, and of the address tables.

    Where the chip does not say how many arrays it has, it has as many as the network takes.
    """
    parts = (chip.arrays, chip.dac, chip.adc, chip.buffer, chip.interconnect, chip.tables, chip.neuron)
    if any(part.area is None for part in parts):
        return None
    array, dac, adc, buffer, network, table, unit = (part.area.amount for part in parts if part.area)
    taken = sum(crossbars_of(layer, chip.arrays) for layer in workload.layers)
    count = chip.arrays.instances.amount if chip.arrays.instances else taken
    rows, columns = chip.arrays.size
    one = array + rows * dac + ceil(columns / chip.adc.columns.amount) * adc
    tiles = ceil(count / chip.buffer.arrays.amount) * buffer
    nodes = ceil(count / chip.interconnect.arrays.amount) * network
    bits = sum(use_of(layer, chip, "mean").table_bits for layer in workload.layers if layer.stores_weights)
    tables = ceil(bits / chip.tables.capacity.amount) * table
    return count * one + tiles + nodes + tables + chip.neuron.count * unit


def _cost(layer: Layer, chip: CrossbarChip, plan: CostPlan) -> LayerCost:
    """Everything a layer is charged for."""
    use = None if layer.kind == "neurons" else use_of(layer, chip, plan.statistic)
    updates = neuron_updates(layer, chip.neuron, plan.statistic)
    cycles = float(ceil((use.cycles if use else 0.0) + updates / chip.neuron.count - 1e-9))
    actions = [*(_analog(layer, use, chip) if use else _additions(layer, chip, plan))]
    actions += [*_movement(layer, use, chip, plan), *_neurons(layer, chip, plan, updates)]
    actions += idle_actions(chip.supplies, chip.clock_mhz, cycles)
    made = layer.epitome
    numbers = layer.weight_count if made is None else made.parameters
    stored = numbers * layer.weight_bits + layer.stored_bias_bits + (use.table_bits if use else 0)
    return LayerCost(
        name=layer.name,
        latency_cycles=cycles,
        stored_bits=float(stored) if layer.stores_weights else 0.0,
        actions=tuple(action for action in actions if action.count),
        cores=crossbars_of(layer, chip.arrays),
        notes=_notes(layer, chip),
    )


def _notes(layer: Layer, chip: CrossbarChip) -> tuple[str, ...]:
    made = layer.epitome
    if made is None or made.plain:
        return ()
    one_by_one = crossbars_at(layer, layer.weight_bits, chip.arrays, epitome=False)
    copied = len(made.starts) - len(made.computed)
    return (
        f"an epitome of {' x '.join(map(str, made.shape))} in {crossbars_of(layer, chip.arrays)} crossbars "
        f"instead of {one_by_one}; {made.rounds} rounds a position, {copied} of {len(made.starts)} output "
        f"blocks copied",
    )


def _analog(layer: Layer, use: ArrayUse, chip: CrossbarChip) -> Iterator[ActionCost]:
    """Rows, cells, columns and sums."""
    of, dac, arrays, adc = ActionCost.of, chip.dac, chip.arrays, chip.adc
    yield of(dac.name, "inputs", "drive", use.pulses, dac.energy.amount)
    yield of(arrays.name, "products", "conduct", use.cells, arrays.read_energy.amount)
    yield of(adc.name, "products", "convert", use.conversions, adc.energy.amount)
    yield of(adc.name, "products", "shift_add", use.conversions, adc.add_energy.amount)
    if bits := use.table_reads:
        yield of(chip.tables.name, "metadata", "read", bits, chip.tables.read_energy.amount, bits)


def _additions(layer: Layer, chip: CrossbarChip, plan: CostPlan) -> Iterator[ActionCost]:
    """Neurons that no weight feeds: what arrives is added, digitally."""
    count = layer.effectual_synops(plan.statistic)
    yield ActionCost.of(chip.adc.name, "products", "shift_add", count, chip.adc.add_energy.amount)


def _movement(layer: Layer, use: ArrayUse | None, chip: CrossbarChip, plan: CostPlan) -> Iterator[ActionCost]:
    """Inputs come over the interconnect into the buffer and are read for the rows; outputs go into it."""
    buffer, network = chip.buffer, chip.interconnect
    arriving = _bits(layer.arriving, arriving_train(layer, plan.statistic), plan)
    leaving = _bits(layer.output, output_train(layer, plan.statistic), plan)
    hops = network.mean_hops.amount * network.energy.amount
    yield ActionCost.of(network.name, "inputs", "send", arriving, hops)
    sums = use.sums * chip.accumulator_width.amount if use else 0.0
    read, write = buffer.read_energy.amount, buffer.write_energy.amount
    for tensor, action, bits, each in (
        ("inputs", "write", arriving, write),
        ("inputs", "read", use.input_bits if use else arriving, read),
        ("outputs", "write", leaving + sums, write),
        ("outputs", "read", sums, read),
    ):
        yield ActionCost.of(buffer.name, tensor, action, bits, each, bits)


def _neurons(layer: Layer, chip: CrossbarChip, plan: CostPlan, updates: float) -> Iterator[ActionCost]:
    """Arithmetic of the updates, and states read and written."""
    neuron = layer.neuron
    if neuron is None:
        return
    spikes = layer.output.nonzero(plan.statistic)
    for action, count, each in update_actions(neuron, chip.neuron, updates, spikes):
        yield ActionCost.of(chip.neuron.name, "state", action, count, each)
    bits, buffer = updates * neuron.states * neuron.state_bits, chip.buffer
    yield ActionCost.of(buffer.name, "state", "read", bits, buffer.read_energy.amount, bits)
    yield ActionCost.of(buffer.name, "state", "write", bits, buffer.write_energy.amount, bits)


def _written(cost: LayerCost, layer: Layer, chip: CrossbarChip) -> LayerCost:
    """The cost of a product with the writing of its right operand; it has its arrays for that long."""
    arrays = chip.arrays
    assert arrays.write_energy is not None, "refused without"
    assert arrays.write_time is not None, "refused without"
    cells = layer.weight_count * arrays.cells(layer.weight_bits) * arrays.signs * cost.steps
    rows = min(layer.in_channels // layer.groups * prod(layer.kernel), arrays.size[0]) * cost.steps
    written = ActionCost.of(arrays.name, "weights", "program", cells, arrays.write_energy.amount)
    cycles = cost.latency_cycles + rows * arrays.write_time.amount
    return cost.replace(actions=(*cost.actions, written), latency_cycles=cycles)


def _bits(tensor: Tensor, train: Train, plan: CostPlan) -> float:
    """Bits of all timesteps: in the spike format, or one number per element."""
    if tensor.kind == "spike" and plan.spike_format != "none":
        return spike_bits(plan.spike_format, train)
    return float(train.elements * tensor.bits)


def _needed(layer: Layer, chip: CrossbarChip) -> int:
    """Bits of the largest sum that a layer's columns may give."""
    if layer.kind == "neurons":
        return 0
    most = max(piece.rows for piece in pieces(layer, chip.arrays))
    return chip.sum_bits(min(most, chip.arrays.at_once))


def _check_room(workload: Workload, chip: CrossbarChip) -> None:
    """Refuse a network that takes more arrays than there are."""
    there = chip.arrays.instances
    taken = sum(crossbars_of(layer, chip.arrays) for layer in workload.layers)
    if there is not None and taken > there.amount:
        got, rule = (
            f"{taken} crossbars of weights",
            f"at most {there.amount:g} (over by {taken - there.amount:g})",
        )
        cure = "Use a smaller network, narrower weights, epitomes, or more arrays."
        raise CapacityError(Problem(f"{chip.name}.{chip.arrays.name}", got, rule, cure))
