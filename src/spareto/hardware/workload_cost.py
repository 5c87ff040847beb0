"""The cost of a workload on an accelerator, in one or all weight formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, get_args

from spareto import formats
from spareto.core.arguments import of_kind, word
from spareto.core.errors import CapacityError
from spareto.hardware import engines
from spareto.hardware.accelerators import AnyChip, chip_of
from spareto.hardware.batch import batched, per_inference
from spareto.hardware.charging import neurons
from spareto.hardware.describing.accelerator import Accelerator
from spareto.hardware.engines import CostPlan, Lanes, Nests
from spareto.hardware.mapping.search import FoundMapping, Objective, search
from spareto.records.cost import Cost, cheapest
from spareto.records.workload import Statistic, Workload

BEST: Final = formats.BEST
CHEAPEST: Final = formats.CHEAPEST


def cost(
    workload: Workload,
    accelerator: AnyChip,
    *,
    weight_format: str = CHEAPEST,
    spike_format: str | None = None,
    statistic: Statistic = "mean",
    mappings: Nests | None = None,
    lanes: Lanes = "mean",
    batch: int = 1,
) -> Cost:
    """Energy, cycles and stored bits of one inference.

    Args:
        workload: The measured network.
        accelerator: The chip: a name, a YAML file, or what `load_accelerator` gives.
        weight_format: How weights are stored: a name of `formats.registry`; `cheapest` for the one of
            `formats.USUAL` in which the network fits and takes the least energy, as a study counts it; or
            `best` for the one that takes the least energy in each layer. The cost says which it is.
        spike_format: How spikes are stored where the accelerator compresses them; a name of
            `formats.registry`, or `best` for the smallest; None takes the accelerator's own.
        statistic: Charge the mean or the maximum spiking activity.
        mappings: Mappings to use, by layer name, from `find_mappings`; a layer left out gets the fixed one.
        lanes: Whether the units of an array are equally busy (`mean`), or wait for the busiest (`largest`),
            by the real mask and the spikes that reach each weight.
        batch: Inferences that follow each other and share what is loaded once; the cost is that of one.

    Raises:
        UnknownName: No such weight format, spike format, statistic or lanes; a mapping of no layer there is.
        ConfigError: The workload holds a neuron whose cost is unknown; every such layer is listed.
        CapacityError: A layer does not fit; says which memory overflows by how much.
    """
    options: dict[str, Any] = {
        "spike_format": spike_format,
        "statistic": statistic,
        "mappings": mappings,
        "lanes": lanes,
        "batch": batch,
    }
    if weight_format == BEST:
        return best_by_layer(cost_all_formats(workload, accelerator, **options))
    if weight_format == CHEAPEST:
        return cheapest(_fitting(workload, accelerator, options))
    return cost_all_formats(workload, accelerator, weight_formats=(weight_format,), **options)[0]


def _fitting(workload: Workload, accelerator: AnyChip, options: Mapping[str, Any]) -> tuple[Cost, ...]:
    """The cost in each of the usual formats that the accelerator has room for; refused if that is none."""
    try:
        return cost_all_formats(workload, accelerator, weight_formats=formats.USUAL, **options)
    except CapacityError as error:
        found: list[Cost] = []
        for name in formats.USUAL:
            with suppress(CapacityError):
                found += cost_all_formats(workload, accelerator, weight_formats=(name,), **options)
        if not found:
            raise error from None
        return tuple(found)


def cost_all_formats(
    workload: Workload,
    accelerator: AnyChip,
    *,
    weight_formats: Sequence[str] | None = None,
    spike_format: str | None = None,
    statistic: Statistic = "mean",
    mappings: Nests | None = None,
    lanes: Lanes = "mean",
    batch: int = 1,
) -> tuple[Cost, ...]:
    """The cost in every weight format; mapping and access counts are shared.

    Args:
        workload: The measured network.
        accelerator: As in `cost`.
        weight_formats: Names of `formats.registry`; None takes all that accelerators have.
        spike_format: As in `cost`.
        statistic: As in `cost`.
        mappings: As in `cost`.
        lanes: As in `cost`.
        batch: As in `cost`.

    Raises:
        UnknownName: As in `cost`.
        ConfigError: The workload holds a neuron whose cost is unknown.
        CapacityError: A layer does not fit.
    """
    names = formats.on_chips() if weight_formats is None else tuple(weight_formats)
    known_words(statistic, lanes=lanes)
    of_kind(workload, Workload, "workload", "what spareto.profile measured", "Write Workload.load(path).")
    chip = chip_of(accelerator)
    layers = [layer.name for layer in workload.layers]
    for name in mappings or ():
        word(name, "mappings", layers)
    plan = CostPlan(
        weight_formats={name: formats.registry.make(name) for name in names},
        spike_format=word(
            spike_format or chip.spike_format, "spike format", (*formats.registry.names(), BEST)
        ),
        statistic=statistic,
        mappings=mappings or {},
        lanes=lanes,
    )
    engine = engines.registry.make(chip.kind)
    found = engine.costs(batched(workload, batch), chip, plan)
    return tuple(per_inference(each, batch) for each in found)


def best_by_layer(costs: Sequence[Cost]) -> Cost:
    """Each layer in the weight format that takes the least energy, the smallest of equals.

    Args:
        costs: Costs of one workload on one accelerator that differ in the weight format.
    """
    layers = zip(*(one.layers for one in costs), strict=True)
    chosen = tuple(min(choices, key=lambda layer: (layer.energy_pj, layer.stored_bits)) for choices in layers)
    return costs[0].replace(weight_format=BEST, layers=chosen)


def find_mappings(
    workload: Workload,
    accelerator: AnyChip,
    *,
    weight_format: str = CHEAPEST,
    statistic: Statistic = "mean",
    objective: Objective = "energy",
) -> dict[str, FoundMapping]:
    """The best mapping the mapper finds for each layer, with its gap to the lower bound.

    Pass the nests on to `cost` to freeze them over a sweep of bits, sparsities and formats. Kinds of
    accelerators that are not arrays have no mappings, and none is found for them. With `cheapest` or `best`,
    each layer is searched in the format that `cost` chooses for it under the fixed mapping.

    Raises:
        ConfigError: The workload holds a neuron whose cost is unknown.
        CapacityError: A layer does not fit.
    """
    known_words(statistic, objective=objective)
    neurons.refuse_unknown(workload)
    chip = chip_of(accelerator)
    if not isinstance(chip, Accelerator):
        return {}
    options: dict[str, Any] = {"statistic": statistic, "objective": objective}
    if weight_format in (CHEAPEST, BEST):
        chosen = cost(workload, chip, weight_format=weight_format, statistic=statistic)
        named = {layer.name: layer.weight_format for layer in chosen.layers}
    else:
        named = dict.fromkeys((layer.name for layer in workload.layers), weight_format)
    made = {name: formats.registry.make(name) for name in named.values()}
    return {layer.name: search(layer, chip, made[named[layer.name]], **options) for layer in workload.layers}


def known_words(*statistics: Statistic, lanes: Lanes = "mean", objective: Objective | None = None) -> None:
    """Refuse words that would be taken for others.

    Raises:
        UnknownName: No such statistic, lanes or objective.
    """
    for statistic in statistics:
        word(statistic, "statistic", get_args(Statistic))
    word(lanes, "lanes", get_args(Lanes))
    word(objective or "energy", "objective", get_args(Objective))
