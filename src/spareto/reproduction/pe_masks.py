"""Layers whose real masks and measured cycles were published: the `pe-masks` files."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from spareto.core.artifacts import there
from spareto.core.errors import DataError, Problem

_PARTS = ("inputs", "inputs_shape_EFC", "weights", "weights_shape_MC", "measured_cycles")


def reproduce_pe_masks(path: str | Path) -> list[dict[str, Any]]:
    """Count the cycles of one processing element for every layer of a file, beside the measured ones.

    A cycle is a non-zero input that meets a non-zero weight of its channel.

    Args:
        path: An `.npz` with, for each layer L: `L_inputs`, `L_weights` (bits packed by `numpy.packbits`),
            `L_inputs_shape_EFC`, `L_weights_shape_MC` and `L_measured_cycles`.

    Raises:
        DataError: The file is missing, damaged or lacks an array.
    """
    arrays = _read(Path(path))
    layers = sorted({name.split("_", 1)[0] for name in arrays})
    missing = [f"{layer}_{part}" for layer in layers for part in _PARTS if f"{layer}_{part}" not in arrays]
    if missing or not layers:
        got = "no array " + ", ".join(missing or ["at all"])
        raise DataError(Problem(str(path), got, f"LAYER_PART for every layer, parts {', '.join(_PARTS)}"))
    return [_row(layer, {part: arrays[f"{layer}_{part}"] for part in _PARTS}) for layer in layers]


def effectual_pairs(inputs: npt.NDArray[np.bool_], weights: npt.NDArray[np.bool_]) -> int:
    """Pairs of a non-zero input and a non-zero weight of the same channel; channels are the last axis."""
    live_inputs = inputs.reshape(-1, inputs.shape[-1]).sum(axis=0, dtype=np.int64)
    live_weights = weights.reshape(-1, weights.shape[-1]).sum(axis=0, dtype=np.int64)
    return int(live_inputs @ live_weights)


def _row(layer: str, parts: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    inputs = _unpack(parts["inputs"], parts["inputs_shape_EFC"])
    weights = _unpack(parts["weights"], parts["weights_shape_MC"])
    ours, expected = effectual_pairs(inputs, weights), int(parts["measured_cycles"])
    return {
        "layer": layer,
        "component": "pe",
        "quantity": "cycles",
        "ours": ours,
        "expected": expected,
        "relative_error": ours / expected - 1.0 if expected else None,
        "input_density": float(inputs.mean()),
        "weight_density": float(weights.mean()),
    }


def _unpack(packed: npt.NDArray[np.uint8], shape: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    size = tuple(int(length) for length in shape)
    return np.unpackbits(packed, count=int(np.prod(size))).astype(np.bool_).reshape(size)


def _read(path: Path) -> dict[str, npt.NDArray[Any]]:
    if not there(path):
        raise DataError(Problem(str(path), "no such file", "an .npz file with masks", "Check the path."))
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, BadZipFile) as error:
        raise DataError(Problem(str(path), f"a damaged file ({error})", "an .npz file with masks")) from None
