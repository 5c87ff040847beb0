"""The cycle model of a circuit's stages."""

from __future__ import annotations

from spareto.fpga.circuit import Circuit, Neurons
from spareto.fpga.circuit import Stage as AnyStage
from spareto.fpga.ranges import ranges
from spareto.hardware.fabric.timing import Stage


def timing_of(stage: AnyStage) -> Stage:
    """What decides a stage's cycles."""
    if not isinstance(stage, Neurons):
        return Stage("pooling")
    return Stage(
        "neurons",
        stage.reads,
        taps=stage.window.taps,
        back=0 if stage.feedback is None else stage.outputs,
        passes=stage.passes,
        loads=int(stage.loads),
        digits=ranges(stage).digits,
        lists=(1 if stage.window.plain else 2) if stage.scatters else 0,
    )


def timings(circuit: Circuit) -> list[Stage]:
    """Of every stage, in order."""
    return [timing_of(stage) for stage in circuit.stages]
