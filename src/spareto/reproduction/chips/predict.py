"""What the model says of a row: dynamic and total energy of an inference, and the power they come to."""

from __future__ import annotations

from dataclasses import dataclass

from spareto.hardware.accelerators import described, parse_accelerator
from spareto.hardware.accelerators.scaling import scaled
from spareto.hardware.describing.chip import Chip
from spareto.hardware.describing.estimates import overridden
from spareto.hardware.describing.event_chip import EventDriven
from spareto.hardware.workload_cost import cost
from spareto.records.cost import Cost
from spareto.reproduction.chips.network import workload_of
from spareto.reproduction.chips.rows import ChipRow, Quantity


@dataclass(frozen=True)
class Prediction:
    """Ours for one row.

    Args:
        dynamic_uj: Energy of what an inference does.
        idle_mw: Power of the idle point.
        seconds: Time of an inference: as the measurement set it, else the model's own.
        own_seconds: The model's own.
    """

    dynamic_uj: float
    idle_mw: float
    seconds: float
    own_seconds: float

    def value(self, quantity: Quantity) -> float:
        """One of the quantities a row may hold."""
        if quantity == "time_us":
            return self.own_seconds * 1e6
        energy = self.dynamic_uj
        if quantity.startswith("total"):
            energy += self.idle_mw * 1e3 * self.seconds
        return energy if quantity.endswith("_uj") else energy / self.seconds * 1e-3


def predict(row: ChipRow) -> Prediction | None:
    """Run a row's network on the accelerator that models its chip; None if the row cannot be run.

    Raises:
        ConfigError: The row names numbers or parts that are not there.
        CapacityError: The network does not fit.
    """
    if row.chip is None or row.network is None:
        return None
    chip = _chip(row)
    found = cost(workload_of(row.network, row.id), chip, weight_format=row.weight_format)
    own = found.interval_cycles / (chip.clock_mhz or 1.0) * 1e-6
    static = _static_mw(chip, found, only_used=row.only_used_cores)
    supplies = [supply.name for supply in chip.supplies] if isinstance(chip, EventDriven) else []
    energies = found.energy_by_component()
    dynamic = sum(pj for name, pj in energies.items() if name not in (*supplies, *row.leave_out)) * 1e-6
    return Prediction(
        dynamic_uj=dynamic * row.alike + row.outside_uj,
        idle_mw=row.idle_mw if row.idle_mw is not None else static * row.alike,
        seconds=row.inference_us * 1e-6 if row.inference_us else own,
        own_seconds=own,
    )


def _chip(row: ChipRow) -> Chip:
    data = described(row.chip or "")
    chip = parse_accelerator(overridden(data, row.overrides, "overrides") if row.overrides else data)
    return scaled(chip, node_nm=row.node, volts=row.volts) if row.node or row.volts else chip


def _static_mw(chip: Chip, found: Cost, *, only_used: bool) -> float:
    """Leakage and clock of the chips in use; of the used cores alone where the publication counts so."""
    if not isinstance(chip, EventDriven) or not chip.clock_mhz:
        return 0.0
    each = sum(supply.pj_per_cycle(chip.clock_mhz) for supply in chip.supplies) * chip.clock_mhz * 1e-3
    cores = sum(layer.cores for layer in found.layers) / chip.cores.instances.amount
    return each * (cores if only_used else max(1, -int(-cores // 1)))
