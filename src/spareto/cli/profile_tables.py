"""What `spareto profile` prints beside the tables of `spareto cost`."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from spareto.cli.cost_tables import readable_energy
from spareto.records.cost import ActionCost, Cost
from spareto.records.workload import Workload

PARTS = ("weights", "spikes in", "spikes out", "neurons", "other")
_PART_OF = {
    "weights": "weights",
    "metadata": "weights",
    "inputs": "spikes in",
    "outputs": "spikes out",
    "state": "neurons",
}


def print_workload(workload: Workload, accuracy: float | None) -> None:
    """The network in two lines: what ran on what, and how much of it was right."""
    console = Console(highlight=False)
    ran = f"{workload.samples:,} samples, {workload.timesteps} timesteps"
    console.print(f"{workload.network} on {workload.dataset}: {ran}", markup=False)
    if accuracy is not None:
        console.print(f"accuracy {accuracy:.2%}")


def print_parts(costs: Sequence[Cost]) -> None:
    """Energy of an inference by what it is spent on, one line an accelerator, least energy first."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("energy per inference", overflow="fold")
    table.add_column("all", justify="right", no_wrap=True)
    for part in ("sums", *PARTS):
        table.add_column(part, justify="right")
    for cost in sorted(costs, key=lambda one: one.energy_pj):
        parts = energy_by_part(cost)
        total = cost.energy_pj or 1.0
        shares = [f"{100 * parts[part] / total:.1f} %" for part in ("sums", *PARTS)]
        table.add_row(cost.accelerator, readable_energy(cost.energy_pj), *shares)
    Console().print(table)


def energy_by_part(cost: Cost) -> dict[str, float]:
    """Energy in picojoules by what it is spent on.

    `sums` are the synaptic operations; the others are what is moved or kept: weights with their metadata,
    spikes or activations into and out of layers, neurons with their states.
    """
    parts: dict[str, float] = {part: 0.0 for part in ("sums", *PARTS)}  # noqa: C420 - keeps the type
    for layer in cost.layers:
        for action in layer.actions:
            parts[_part(action)] += action.energy_pj
    return parts


def _part(action: ActionCost) -> str:
    if action.tensor == "products" or "accumulate" in action.action or action.action == "multiply":
        return "sums"
    return _PART_OF.get(action.tensor, "other")
