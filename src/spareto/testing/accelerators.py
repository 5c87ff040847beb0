"""What every accelerator must keep, as functions: call them from the tests of your own description or kind.

`chip` comes from `load_accelerator`, `workload` is a network that fits on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isclose
from typing import Any

from pydantic import BaseModel

from spareto import formats
from spareto.core.units import Quantity
from spareto.hardware import Chip, cost, cost_all_formats
from spareto.hardware.accelerators import parse_accelerator
from spareto.records import Workload


def quantities(value: Any, place: str = "") -> Iterator[tuple[str, Quantity]]:
    """Every number of a description, with its path."""
    if isinstance(value, Quantity):
        yield place, value
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from quantities(item, f"{place}[{index}]")
    elif isinstance(value, BaseModel):
        for key in type(value).model_fields:
            yield from quantities(getattr(value, key), f"{place}.{key}")


def check_sources(chip: Chip) -> None:
    """Every number names a source that says something."""
    found = list(quantities(chip))
    bare = [place for place, quantity in found if len(quantity.source) < 5]
    assert found, "a description without numbers"
    assert not bare, f"without a source: {', '.join(bare)}"


def check_round_trip(chip: Chip) -> None:
    """A description comes back from its own data."""
    assert parse_accelerator(chip.to_dict()) == chip


def check_energy_adds_up(chip: Chip, workload: Workload) -> None:
    """Layers, components and actions sum to the same energy, and every component is declared."""
    found = cost(workload, chip)
    shared = sum(action.energy_pj for action in found.shared)
    by_action = shared + sum(action.energy_pj for layer in found.layers for action in layer.actions)
    sums = (
        sum(layer.energy_pj for layer in found.attributed),
        sum(found.energy_by_component().values()),
        by_action,
    )
    assert all(isclose(found.energy_pj, each, rel_tol=1e-9) for each in sums), (
        f"{found.energy_pj} against {sums}"
    )
    unknown = set(found.energy_by_component()) - {part.name for part in chip.parts}
    assert not unknown, f"components nobody declared: {unknown}"


def check_layers_alone(chip: Chip, workload: Workload) -> None:
    """A layer costs the same whether or not others run too, but for the links that others' spikes cross."""
    whole = cost(workload, chip)
    for layer, expected in zip(workload.layers, whole.layers, strict=True):
        alone = workload.replace(layers=(layer,))
        within = tuple(action for action in expected.actions if action.action != "link")
        found = (expected.replace(actions=within),)
        costed = cost(alone, chip, weight_format=whole.weight_format)
        assert costed.layers == found, f"layer '{layer.name}' costs something else alone"


def check_formats(chip: Chip, workload: Workload) -> None:
    """The first and the last format alone cost what they cost among all; `best` takes the least by layer."""
    together = cost_all_formats(workload, chip)
    for one in (together[0], together[-1]):
        assert one == cost(workload, chip, weight_format=one.weight_format)
    best = cost(workload, chip, weight_format=formats.BEST)
    for place, layer in enumerate(best.layers):
        choices = {one.weight_format: one.layers[place] for one in together}
        assert layer == choices[layer.weight_format]
        assert layer.energy_pj == min(choice.energy_pj for choice in choices.values())


def check_spike_formats(chip: Chip, workload: Workload) -> None:
    """Every spike format is costed, and none takes less energy than `best`."""
    best = cost(workload, chip, spike_format=formats.BEST)
    for name in formats.on_chips():
        found = cost(workload, chip, spike_format=name)
        assert found.spike_format == name
        assert found.energy_pj >= best.energy_pj, f"spikes in '{name}' take less than the best"


def check_never_less(chip: Chip, workloads: Sequence[Workload]) -> None:
    """Each workload takes at least the energy and the time of the one before, in every weight format."""
    for costs in zip(*(cost_all_formats(each, chip) for each in workloads), strict=True):
        for numbers in ([one.energy_pj for one in costs], [one.latency_cycles for one in costs]):
            assert numbers == sorted(numbers), f"{numbers} in the format '{costs[0].weight_format}'"


def check_traffic(chip: Chip, workload: Workload) -> None:
    """Bits are moved by reads and writes, and by nothing else."""
    for layer in cost(workload, chip).layers:
        for action in layer.actions:
            moves = action.action in ("read", "write")
            assert moves == (action.bits > 0), f"{action.component} {action.action}: {action.bits} bits"
