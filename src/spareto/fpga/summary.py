"""Everything that is known of a folder of exported Verilog, as one page of text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from spareto.core.artifacts import write_text
from spareto.fpga.folder import Design, read_design
from spareto.fpga.simulation import Simulation
from spareto.fpga.synthesis import SizeEstimate
from spareto.fpga.timing_report import Timing

PJ_PER_LUT_CYCLE: Final = 0.236
"""Energy of a look-up table and cycle, everything included: Spiker+ (carpegna2024) gives 180 mW for 7,612
logic cells at 100 MHz, itself an estimate of the vendor's tool."""

CLOCK_MHZ: Final = 100.0


def energy_uj(luts: int, cycles: float) -> float:
    """A labelled estimate of the energy of some cycles, µJ: no measurement of a board."""
    return luts * cycles * PJ_PER_LUT_CYCLE * 1e-6


def report(
    folder: Path, simulation: Simulation | None, sizes: list[SizeEstimate], timings: list[Timing]
) -> dict[str, Any]:
    """Write `report.md` into the folder; the same as data.

    Args:
        folder: Of exported Verilog.
        simulation: What a simulator found; None where it did not run.
        sizes: What yosys counts, of some families.
        timings: What place-and-route found, of some families.
    """
    record = read_design(folder)
    write_text(folder / "report.md", "\n".join(_lines(record, simulation, sizes, timings)) + "\n")
    return {
        "stages": list(record.stages),
        "simulation": None if simulation is None else asdict(simulation),
        "estimates": [asdict(size) for size in sizes],
        "timings": [asdict(timing) for timing in timings],
    }


def _lines(
    record: Design, simulation: Simulation | None, sizes: list[SizeEstimate], timings: list[Timing]
) -> Iterator[str]:
    yield "# " + str(record.facts.get("network", "A spiking network in Verilog"))
    yield ""
    yield "| stage | neurons | at a time | cycles of a silent timestep |"
    yield "|---|---:|---:|---:|"
    for stage in record.stages:
        yield f"| {stage['name']} | {stage['outputs']} | {stage.get('units', '')} | {stage['silent']} |"
    yield ""
    each = None
    if simulation is not None and simulation.cycles is not None:
        each = simulation.cycles / simulation.recordings
        same = "as the model says" if simulation.cycles == simulation.predicted else "NOT as the model says"
        yield f"{simulation.simulator}: {simulation.said}. {each:,.0f} cycles a recording, {same}:"
        yield f"{each / CLOCK_MHZ:,.1f} µs at {CLOCK_MHZ:g} MHz."
    elif record.model is not None:
        each = record.model["total"] / record.model["recordings"]
        yield f"{each:,.0f} cycles a recording by the cycle model; not simulated."
    for size in sizes:
        yield ""
        yield (
            f"{size.family}, {size.tool} estimate: {size.luts:,} LUTs ({size.lut_rams:,} of memories), "
            f"{size.registers:,} registers, {size.block_rams:g} block RAMs, {size.dsps} DSPs, "
            f"{size.latches} latches."
        )
        if each is not None and size.family == "xc7":
            told = "an estimate from a published design's power, not measured"
            yield f"Energy of a recording: {energy_uj(size.luts, each):.3g} µJ ({told})."
    for timing in timings:
        used = ", ".join(f"{n:,} of {of:,} {kind}" for kind, (n, of) in sorted(timing.used.items()))
        yield ""
        yield f"{timing.family}, placed and routed: {timing.fmax_mhz:.1f} MHz; {used}."
