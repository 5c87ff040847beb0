"""A circuit's stages as the cost model sees them."""

from __future__ import annotations

from spareto.fpga.circuit import Circuit, Neurons
from spareto.fpga.ranges import ranges
from spareto.fpga.scatter import scattered
from spareto.fpga.verilog.arithmetic import bits_for
from spareto.fpga.verilog.stage import StageWriter
from spareto.hardware.fabric.logic import Built


def built_of(stage: Neurons) -> Built:
    """What decides a stage's size."""
    found = ranges(stage)
    return Built(
        inputs=stage.window.inputs,
        columns=stage.weights.shape[1],
        channels=stage.channels,
        positions=stage.window.positions,
        units=stage.units,
        reads=stage.reads,
        semantics=stage.semantics,
        sums_bits=bits_for(*found.sums),
        lists=scattered(stage).lists if stage.scatters else None,
        taps=0 if stage.window.plain else stage.window.taps,
        tap_bits=0 if stage.scatters else StageWriter(stage, "").tap_bits,
        back=0 if stage.feedback is None else stage.channels,
        digits=found.digits,
        scaled_bits=0 if found.scaled is None else bits_for(*found.scaled),
    )


def built(circuit: Circuit) -> list[Built]:
    """Every stage of neurons; poolings take a look-up table per output and are not counted."""
    return [built_of(stage) for stage in circuit.stages if isinstance(stage, Neurons)]
