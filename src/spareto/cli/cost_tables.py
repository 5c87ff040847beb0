"""What `spareto cost` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table

from spareto import hardware
from spareto.cli.console import Console, framed
from spareto.core.amounts import duration, energy, memory
from spareto.core.errors import Problem
from spareto.hardware.mapping.search import FoundMapping
from spareto.records.cost import Cost
from spareto.records.workload import Workload


def print_cost(network: Workload, cost: Cost) -> None:
    """One cost by layer, by component, and the metrics beside it."""
    console = Console()
    console.print(_layer_table(cost))
    console.print(_component_table(cost))
    console.print(_metrics_table(network, cost))
    for note in (*cost.notes, *(f"{layer.name}: {note}" for layer in cost.layers for note in layer.notes)):
        console.print(f"note: {note}.")


def print_comparison(
    costs: Sequence[Cost], refused: Mapping[str, Sequence[Problem]], kinds: Mapping[str, str]
) -> None:
    """Many costs, least energy first, and the accelerators that cannot run the network, with the reason.

    Args:
        costs: What is compared.
        refused: Accelerator to why it cannot run the network.
        kinds: Accelerator to its kind; accelerators of one kind stand together, for numbers of different
            kinds are modelled differently.
    """
    console = Console()
    if costs:
        console.print(_comparison(costs, kinds))
    for name, problems in refused.items():
        for problem in problems:
            console.print(f"{name} cannot run it: {problem.where}: {problem.got}, {problem.rule}")


def print_mapper(accelerator: str, found: Mapping[str, FoundMapping]) -> None:
    """What the mapper did, layer by layer."""
    table = framed([f"mapper, {accelerator}"], ["above bound", "evaluated", "did not fit"])
    for name, best in found.items():
        table.add_row(
            name, f"{100 * best.gap:.0f} %", f"{best.evaluated:,}", f"{sum(best.rejected.values()):,}"
        )
    Console().print(table)


def _comparison(costs: Sequence[Cost], kinds: Mapping[str, str]) -> Table:
    """Accelerators by name, formats by name, or both; energy by time where there is room for it."""
    several = len({one.accelerator for one in costs}) > 1
    formats = not several or len({one.weight_format for one in costs}) > 1
    words = [*(["accelerator"] if several else []), *(["format"] if formats else [])]
    with_product = not (several and formats)
    table = framed(words, ["energy", "time", *(["energy x time"] if with_product else []), "stored"])
    found = sorted({kinds[one.accelerator] for one in costs})
    for kind in found:
        if len(found) > 1:
            table.add_section()
            table.add_row(f"{kind.replace('_', ' ')}:")
        same = [one for one in costs if kinds[one.accelerator] == kind]
        for one in sorted(same, key=lambda cost: cost.energy_pj):
            table.add_row(
                *([one.accelerator] if several else []),
                *([one.weight_format] if formats else []),
                energy(one.energy_pj),
                duration(one.latency_us) if one.latency_us else f"{one.latency_cycles:,.0f} cycles",
                *([_product(one)] if with_product else []),
                memory(one.footprint_bits),
            )
    return table


def _product(cost: Cost) -> str:
    return "-" if cost.latency_us is None else f"{cost.energy_pj * cost.latency_us * 1e-18:.2e} Js"


def _layer_table(cost: Cost) -> Table:
    own = len({layer.weight_format for layer in cost.layers}) > 1
    table = framed(
        [f"layer ({cost.weight_format})"], ["energy", "cycles", "stored", *(["format"] if own else [])]
    )
    for layer in cost.layers:
        numbers = _numbers(layer.energy_pj, layer.latency_cycles, layer.stored_bits)
        table.add_row(layer.name, *numbers, *([layer.weight_format] if own else []))
    for action in cost.shared:
        table.add_row(action.component, energy(action.energy_pj), "", "")
    table.add_section()
    table.add_row("all", *_numbers(cost.energy_pj, cost.latency_cycles, cost.footprint_bits))
    return table


def _component_table(cost: Cost) -> Table:
    table = framed(["component"], ["energy", "share"])
    total = cost.energy_pj or 1.0
    for component, used_pj in cost.energy_by_component().items():
        table.add_row(component, energy(used_pj), f"{100 * used_pj / total:.1f} %")
    return table


def _metrics_table(network: Workload, cost: Cost) -> Table:
    found = hardware.metrics(network, cost)
    table = framed(["per inference"], [""])
    table.add_row("time", duration(cost.latency_us))
    for name, value in _pipeline_rows(cost):
        table.add_row(name, value)
    table.add_row("effective accumulates", f"{found.effective_acs:,.0f}")
    table.add_row("effective multiply-accumulates", f"{found.effective_macs:,.0f}")
    table.add_row("dense synaptic operations", f"{found.dense_synops:,.0f}")
    table.add_row("bit operations", f"{found.bit_operations:,.0f}")
    table.add_row("energy an effective operation", energy(found.energy_per_effective_synop_pj))
    table.add_row("spikes", f"{found.spikes:,.0f}")
    table.add_row("zero weights", f"{100 * found.connection_sparsity:.1f} %")
    table.add_row("silent neuron updates", f"{100 * found.activation_sparsity:.1f} %")
    for level, moved in found.memory_traffic_bytes.items():
        table.add_row(f"{level} traffic", f"{moved:,.0f} B")
    return table


def _pipeline_rows(cost: Cost) -> Iterator[tuple[str, str]]:
    """Where layers work at the same time: the pace, who sets it, how much of the cores' time is waiting."""
    if not cost.pipeline or cost.step_cycles is None:
        return
    busy = [layer.latency_cycles / layer.steps for layer in cost.layers]
    yield "cycles of a timestep", f"{cost.step_cycles:,.0f}"
    if not cost.pipeline.buffers:
        yield "cycles of its barrier", f"{cost.pipeline.barrier_cycles:,.0f}"
    yield "slowest layer", cost.layers[busy.index(max(busy))].name
    yield "cycles between inferences", f"{cost.interval_cycles:,.0f}"
    if cost.fps is not None and cost.fps_per_watt is not None:
        yield "inferences a second", f"{cost.fps:,.0f}"
        yield "inferences a second and watt", f"{cost.fps_per_watt:,.0f}"
    for name, used in cost.resources.items():
        yield name, f"{used:,.0f}"
    cores = sum(layer.cores for layer in cost.layers)
    if not cores:
        return
    worked = sum(each * layer.cores for each, layer in zip(busy, cost.layers, strict=True))
    yield "cores", f"{cores:,}"
    yield "cores wait", f"{100 * (1 - worked / (cores * cost.step_cycles)):.1f} % of the time"


def _numbers(energy_pj: float, cycles: float, bits: float) -> tuple[str, str, str]:
    return energy(energy_pj), f"{cycles:,.0f}", memory(bits)
