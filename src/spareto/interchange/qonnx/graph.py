"""An ONNX graph as it grows: every tensor's type and shape is known, and written down."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

OPSET: Final = 17
QUANT: Final = "qonnx.custom_op.general"
"""Domain of QONNX's quantizers."""

FLOAT: Final = 1
INT64: Final = 7
_NUMPY: Final = {FLOAT: np.float32, INT64: np.int64}
Value = tuple[str, tuple[int, ...], int]
"""A tensor: its name, shape and ONNX type."""


class OnnxGraph:
    """Nodes, constants and tensors so far.

    Args:
        onnx: The package.
    """

    def __init__(self, onnx: Any) -> None:
        self._onnx = onnx
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._values: dict[str, Value] = {}
        self._widths: dict[str, str] = {}
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []

    def given(self, name: str, shape: tuple[int, ...], kind: int) -> Value:
        """An input of the graph."""
        self.inputs.append((name, shape, kind))
        return self.inputs[-1]

    def constant(self, value: Any, kind: int = INT64) -> Value:
        """Numbers; equal ones are one tensor."""
        array = np.asarray(value, _NUMPY[kind])
        key = f"constant_{len(self._constants)}"
        for name, present in self._constants.items():
            if (
                present.dtype == array.dtype
                and np.array_equal(present, array)
                and present.shape == array.shape
            ):
                key = name
        self._constants[key] = array
        return key, array.shape, kind

    def node(
        self, op: str, given: list[Value], shape: tuple[int, ...], kind: int, **attributes: Any
    ) -> Value:
        """A node's output."""
        name = f"{op.lower()}_{len(self._nodes)}"
        made = self._onnx.helper.make_node(
            op, [each[0] for each in given], [name], name=f"node_{name}", **attributes
        )
        self._nodes.append(made)
        self._values[name] = (name, shape, kind)
        return self._values[name]

    def each(self, op: str, *given: Value | int, kind: int | None = None) -> Value:
        """An operator element by element; numbers are constants."""
        values = [self.constant(value) if isinstance(value, int) else value for value in given]
        shape = np.broadcast_shapes(*(value[1] for value in values))
        return self.node(op, values, shape, values[0][2] if kind is None else kind)

    def cast(self, value: Value, kind: int) -> Value:
        """The same numbers as another type."""
        return value if value[2] == kind else self.node("Cast", [value], value[1], kind, to=kind)

    def width(self, value: Value, datatype: str) -> None:
        """Note which numbers a tensor holds, as QONNX's tools do: `INT4`."""
        self._widths[value[0]] = datatype

    def renamed(self, value: Value, name: str) -> Value:
        """An output of the graph under a name of its own."""
        made = self._onnx.helper.make_node("Identity", [value[0]], [name], name=f"node_{name}")
        self._nodes.append(made)
        self.outputs.append((name, value[1], value[2]))
        return self.outputs[-1]

    def model(self, name: str, facts: dict[str, str]) -> Any:
        """The whole model."""
        helper, onnx = self._onnx.helper, self._onnx

        def info(value: Value) -> Any:
            return helper.make_tensor_value_info(value[0], value[2], value[1])

        constants = [onnx.numpy_helper.from_array(value, key) for key, value in self._constants.items()]
        graph = helper.make_graph(self._nodes, name, [info(each) for each in self.inputs],
                                  [info(each) for each in self.outputs], constants,
                                  value_info=[info(each) for each in self._values.values()])  # fmt: skip
        for tensor, datatype in self._widths.items():
            note = onnx.TensorAnnotation(tensor_name=tensor)
            note.quant_parameter_tensor_names.append(
                onnx.StringStringEntryProto(key="finn_datatype", value=datatype)
            )
            graph.quantization_annotation.append(note)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(QUANT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="spareto", ir_version=8)
        helper.set_model_props(model, facts)
        return model
