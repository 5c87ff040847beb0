"""A convolution over timesteps as a loop problem: its dimensions and what its tensors cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from spareto.records.workload import Layer

Dim = Literal["T", "N", "G", "M", "C", "P", "Q", "R", "S"]
TensorName = Literal["weights", "inputs", "outputs"]
Count = npt.NDArray[np.int64]  # one entry a mapping
Extents = Mapping[Dim, Count]

DIMS: Final[tuple[Dim, ...]] = ("T", "N", "G", "M", "C", "P", "Q", "R", "S")
TENSORS: Final[tuple[TensorName, ...]] = ("weights", "inputs", "outputs")
RELEVANT: Final[dict[TensorName, frozenset[Dim]]] = {
    "weights": frozenset({"G", "M", "C", "R", "S"}),
    "inputs": frozenset({"T", "N", "G", "C", "P", "Q", "R", "S"}),
    "outputs": frozenset({"T", "N", "G", "M", "P", "Q"}),
}
_WINDOWS: Final[dict[Dim, tuple[Dim, Dim, int]]] = {
    "P": ("P", "R", 0),
    "R": ("P", "R", 0),
    "Q": ("Q", "S", 1),
    "S": ("Q", "S", 1),
}


@dataclass(frozen=True)
class LoopProblem:
    """The loops of one synaptic layer (of one group of it, unless G is among them).

    Args:
        dims: Iterations of each loop: T timesteps, N samples, G channel groups, M outputs and C inputs of a
            group, P x Q output pixels, R x S kernel.
        stride: Vertical, horizontal.
        gaps: Whether input rows that a stride longer than the kernel passes over are left where they are
            (`skipped`), or come with the block they lie in (`fetched`).
    """

    dims: Mapping[Dim, int]
    stride: tuple[int, int] = (1, 1)
    gaps: Literal["skipped", "fetched"] = "skipped"

    @classmethod
    def of(cls, layer: Layer) -> LoopProblem:
        """The problem of one channel group of a layer, one sample."""
        height, width = layer.plane
        return cls(
            {
                "T": layer.timesteps,
                "N": 1,
                "M": layer.out_channels // layer.groups,
                "C": layer.in_channels // layer.groups,
                "P": height,
                "Q": width,
                "R": layer.kernel[0],
                "S": layer.kernel[1],
            },
            layer.stride,
        )

    def tile(self, tensor: TensorName, extents: Extents) -> Count:
        """Elements of a tensor that a block of `extents` iterations touches."""
        size = np.ones(1, np.int64)
        for dim in DIMS:
            if dim in RELEVANT[tensor] and not self.slides(tensor, dim):
                size = size * extents[dim]
        if tensor == "inputs":
            size = size * self._rows(extents["P"], extents["R"], 0)
            size = size * self._rows(extents["Q"], extents["S"], 1)
        return size

    @staticmethod
    def slides(tensor: TensorName, dim: Dim) -> bool:
        """Whether neighbouring blocks along a dimension can share elements."""
        return tensor == "inputs" and dim in _WINDOWS

    def advance(self, extents: Extents, dim: Dim, step: Count) -> Count:
        """Inputs a block does not share with the block before it, `step` iterations back along `dim`."""
        size = self.tile("inputs", extents)
        outer, inner, axis = _WINDOWS[dim]
        window, kernel = extents[outer], extents[inner]
        rows, stride = self._rows(window, kernel, axis), self.stride[axis]
        shift = step * stride if dim == outer else step
        if self.gaps == "fetched":
            return size // rows * np.minimum(rows, shift)
        return size // rows * _fresh(window, kernel, stride, shift)

    def _rows(self, window: Count, kernel: Count, axis: int) -> Count:
        """Input rows under `window` outputs of a `kernel`-row filter."""
        if self.gaps == "fetched":
            return kernel + (window - 1) * self.stride[axis]
        return _touched(window, kernel, self.stride[axis])


def _touched(window: Count, kernel: Count, stride: int) -> Count:
    """Distinct input rows under `window` outputs of a `kernel`-row filter."""
    return kernel + (window - 1) * np.minimum(stride, kernel)


def _fresh(window: Count, kernel: Count, stride: int, shift: Count) -> Count:
    """Input rows not yet touched when the whole window moves on by `shift` rows.

    Where the filter is no shorter than the stride the rows are one block; where it is shorter they are a
    comb of `window` teeth, and a moved tooth can meet two old ones.
    """
    rows = _touched(window, kernel, stride)
    block = np.minimum(rows, shift)
    overlap = np.zeros_like(rows)
    for tooth in (shift // stride, shift // stride + 1):
        meets = np.maximum(0, kernel - np.abs(shift - tooth * stride))
        overlap = overlap + meets * np.maximum(0, window - tooth)
    return np.where(kernel >= stride, block, rows - overlap)
