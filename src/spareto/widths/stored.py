"""How many bits a stored weight takes, and how that is known."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spareto.records.recipe import FLOAT_BITS
from spareto.widths.levels import EVIDENCE, Levels, levels_of

TERNARY: Final = 3
TELLING: Final = 4  # fewer values of a channel lie on some grid anyway
_KEPT: Final = "_spareto_stored"
_NARROW: Final = {torch.float16: 16, torch.bfloat16: 16}
_PRECISION: Final = {torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8}


@dataclass(frozen=True)
class _Known:
    """A width that was declared before the quantizer was baked into the weights."""

    bits: int
    fingerprint: int


def stored_bits(layer: nn.Module, tensor: str = "weight") -> tuple[int, str]:
    """Width of one stored value of a layer's tensor, and how it is known.

    A quantizer declares it, and baking carries it along as long as the values stay what they were. Otherwise
    it is found from the values: they lie on `2^b` equidistant levels of the tensor or of each output channel,
    or are `2^b` values that occur again and again. What shows none of these is stored as it is.

    Args:
        layer: Any module.
        tensor: Name of its parameter.

    Example:
        >>> import torch
        >>> layer = torch.nn.Linear(20, 4)
        >>> layer.weight.data = 0.1 * torch.randint(-3, 4, (4, 20))
        >>> stored_bits(layer)
        (3, 'found: 7 equidistant levels')
    """
    bits = declared_bits(layer, tensor)
    if bits is not None:
        carried = not parametrize.is_parametrized(layer, tensor)
        return bits, "carried along from its quantizer" if carried else "declared by its quantizer"
    value = value_in_use(layer, tensor)
    return found_bits(value) or float_bits(value.dtype)


def declared_bits(layer: nn.Module, tensor: str = "weight") -> int | None:
    """The width that a parametrization declares as `weight_bits`, or one that baking carried along."""
    if parametrize.is_parametrized(layer, tensor):
        chains: Any = layer.parametrizations
        widths = [bits for part in chains[tensor] if (bits := getattr(part, "weight_bits", None)) is not None]
        return widths[-1] if widths and widths[-1] < FLOAT_BITS else None
    known: _Known | None = vars(layer).get(_KEPT, {}).get(tensor)
    if known is None or known.fingerprint != fingerprint_of(getattr(layer, tensor)):
        return None
    return known.bits


def remember_bits(layer: nn.Module, bits: int, tensor: str = "weight") -> None:
    """Let a layer tell the width its plain values were quantized to, as long as they stay what they are."""
    vars(layer)[_KEPT] = {
        **vars(layer).get(_KEPT, {}),
        tensor: _Known(bits, fingerprint_of(getattr(layer, tensor))),
    }


def found_bits(value: Tensor) -> tuple[int, str] | None:
    """The width found from the values alone, or None: steps before tables, the tensor before its channels."""
    precision = _PRECISION.get(value.dtype, 2.0**-24)
    values = value.detach().cpu().double().numpy()
    whole = levels_of(values.ravel(), precision)
    if whole is not None and whole.evidence < EVIDENCE:
        whole = None
    if whole is None or not whole.equidistant:
        widest = _of_channels(values, precision)
        if widest is not None and (whole is None or widest.bits < whole.bits):
            return widest.bits, f"found: at most {_counted(widest)} a channel"
    return None if whole is None else (whole.bits, f"found: {_counted(whole)}")


def float_bits(dtype: torch.dtype) -> tuple[int, str]:
    """What a value of a floating-point type takes; double precision is costed as single."""
    if dtype in _NARROW:
        return _NARROW[dtype], f"stored as {str(dtype).removeprefix('torch.')}"
    if dtype == torch.float64:
        return FLOAT_BITS, "no levels found: float64, taken as 32-bit floating point"
    return FLOAT_BITS, "no levels found: floating point"


def value_in_use(layer: nn.Module, tensor: str = "weight") -> Tensor:
    """The value that a layer computes with in evaluation, without any trace left in the layer.

    Parametrizations and the hooks of torch's older ones are applied; power iterations stand still.
    """
    with torch.no_grad(), _still(layer, tensor):
        for hook in layer._forward_pre_hooks.values():
            if getattr(hook, "_tensor_name", getattr(hook, "name", None)) == tensor:
                return _hooked(hook, layer)
        return getattr(layer, tensor).detach()


class _still:  # noqa: N801 - used like a function
    """Evaluation mode for the parametrizations of one tensor that quantize nothing: no power iterations."""

    def __init__(self, layer: nn.Module, tensor: str) -> None:
        chains: Any = layer.parametrizations if parametrize.is_parametrized(layer, tensor) else {}
        parts = chains[tensor] if chains else ()
        self.parts = [part for part in parts if part.training and not hasattr(part, "weight_bits")]

    def __enter__(self) -> None:
        for part in self.parts:
            part.eval()

    def __exit__(self, *_: object) -> None:
        for part in self.parts:
            part.train()


def _hooked(hook: Any, layer: nn.Module) -> Tensor:
    if hasattr(hook, "compute_weight"):  # spectral and weight norm
        spectral = hasattr(hook, "n_power_iterations")
        return (
            hook.compute_weight(layer, do_power_iteration=False) if spectral else hook.compute_weight(layer)
        )
    return hook.apply_mask(layer)


def _of_channels(values: np.ndarray[Any, np.dtype[np.float64]], precision: float) -> Levels | None:
    """The widest of the grids that each output channel has for itself; None where one channel shows none."""
    if values.ndim < 2 or len(values) < 2:
        return None
    grids: list[Levels] = []
    for row in values.reshape(len(values), -1):
        if np.count_nonzero(row) >= TELLING:
            grid = levels_of(row, precision)
            if grid is None or not (grid.equidistant or grid.levels <= TERNARY):
                return None  # larger tables, one a channel, nobody stores
            grids.append(grid)
    if not grids or sum(grid.evidence for grid in grids) < EVIDENCE * len(grids):
        return None
    return max(grids, key=lambda grid: (grid.bits, grid.levels))


def _counted(grid: Levels) -> str:
    return f"{grid.levels} {'equidistant levels' if grid.equidistant else 'values'}"


def fingerprint_of(value: Tensor) -> int:
    """Of the values in single precision, so that a network in double precision is still known."""
    return zlib.crc32(value.detach().cpu().float().contiguous().numpy().tobytes())
