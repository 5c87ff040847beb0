"""QONNX: the integers of a lowered network, for FPGA tool chains."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from torch import nn
from typing_extensions import override

from spareto.converting.network import ConvertedNetwork
from spareto.core.artifacts import canonical_json, replacing
from spareto.core.errors import ConfigError, Problem
from spareto.core.extras import imported
from spareto.core.text import shown
from spareto.integer.network import IntegerLayer
from spareto.interchange.formats._base import ExportedFile, FileFormat
from spareto.interchange.qonnx.graph import OnnxGraph
from spareto.interchange.qonnx.step import StepGraph
from spareto.lowering import lower
from spareto.networks import Network


class Qonnx(FileFormat):
    """One timestep of a network in integers: weights behind `Quant` nodes, neurons in 64-bit integers."""

    options: ClassVar[tuple[str, ...]] = (
        "sensor",
        "classes",
        "state_bits",
        "input_most",
        "input_step",
        "batch",
    )

    @override
    def write(
        self,
        network: nn.Module,
        path: Path,
        *,
        sensor: tuple[int, int, int] | None = None,
        classes: int | None = None,
        state_bits: int | None = None,
        input_most: int = 1,
        input_step: float = 1.0,
        batch: int = 1,
        **options: Any,
    ) -> ExportedFile:
        cure = "Install it: pip install 'spareto[qonnx]'."
        onnx = imported("onnx", "QONNX", "no package 'onnx'", "'onnx'", cure)
        if isinstance(batch, bool) or not isinstance(batch, int) or not 1 <= batch <= 1 << 16:
            raise ConfigError(
                Problem("batch", shown(batch), "samples of every tensor, from 1", "Leave it out.")
            )
        chain = network.sequential() if isinstance(network, ConvertedNetwork) else network
        if classes is None and not isinstance(network, Network):
            last = [m for m in chain.modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1:]
            classes = int(last[0].weight.shape[0]) if last else None
        lowered = lower(chain.eval(), sensor=sensor, classes=classes, state_bits=state_bits,
                        input_most=input_most, input_step=input_step)  # fmt: skip
        graph = OnnxGraph(onnx)
        StepGraph(graph, lowered.network, lowered.bounds, batch).build()
        layers = {n: node for n, node in enumerate(lowered.network.nodes) if isinstance(node, IntegerLayer)}
        starts = {f"state.{n}.v": node.neuron.start for n, node in layers.items() if node.neuron.start}
        facts = {"starts": starts, "input_step": input_step, "classes": lowered.network.classes}
        model = graph.model("timestep", {"spareto": canonical_json(facts)})
        onnx.checker.check_model(_without_quant(onnx, model))
        with replacing(path) as temporary:
            temporary.write_bytes(model.SerializeToString())
        notes = ("The graph is one timestep: hand every 'next.N.x' back as 'state.N.x'; states start at 0",)
        told = f", {', '.join(f'{name} at {value}' for name, value in starts.items())}." if starts else "."
        return ExportedFile(path, (notes[0] + told,))


def _without_quant(onnx: Any, model: Any) -> Any:
    """The model with identities for `Quant`, which the checker of plain ONNX does not know."""
    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    for node in twin.graph.node:
        if node.op_type == "Quant":
            node.op_type, node.domain = "Identity", ""
            del node.input[1:]
            del node.attribute[:]
    return twin
