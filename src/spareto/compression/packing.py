"""Compressed weights as they are stored: codes of a few bits and masks of one, in place of floats.

What a network computes with is unchanged to the bit. The floats that were rounded are left out, so a packed
network can be used and not trained on; checkpoints of trainings keep them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spareto.compression.parametrization import CompressedWeight, widened
from spareto.observing import in_mode
from spareto.quantizers import Quantizer
from spareto.widths import AssembledWeight

CODES: Final = "codes"
LIVE: Final = "live"
MASK: Final = "mask_bits"


def pack(network: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A compressed network's state dict with its weights packed.

    For a weight `layer.parametrizations.weight`, `codes` (bits, packed) or `live` (the values that a mask
    keeps) takes the place of `original`, and `mask_bits` that of the mask.

    Args:
        network: The compressed network.
        state: Its state dict.
    """
    packed = dict(state)
    for name, chain, part in _compressions(network):
        original = packed.get(f"{name}.original")
        if original is None:
            continue
        with torch.no_grad():
            masked = original if part.mask is None else original * part.mask
            if part.quantizer is not None and _first_alone(chain):
                source = original if part.order == "quantize_then_mask" else masked
                codes = part.quantizer.encode(widened(source))
                if _same(part, original, _decoded(part, codes, original)):
                    packed[f"{name}.{CODES}"] = _bits_of(codes, part.quantizer)
                    del packed[f"{name}.original"]
            elif part.mask is not None and _first_alone(chain):
                packed[f"{name}.{LIVE}"] = original[part.mask != 0].clone()
                del packed[f"{name}.original"]
        if part.mask is not None:
            del packed[f"{name}.0.mask"]
            packed[f"{name}.{MASK}"] = _packed(part.mask.detach().cpu().numpy().reshape(-1) != 0)
    return packed


def unpack(network: nn.Module, packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict that `pack` was given, with the weights that codes stand for as originals.

    Args:
        network: Compressed by the same recipe; its quantizers take their scales from `packed`.
        packed: What `pack` gave, or a state dict, which stays as it is.
    """
    state = dict(packed)
    for name, _, part in _compressions(network):
        original: Tensor = network.get_submodule(name).original  # pyright: ignore[reportAssignmentType]
        if (bits := state.pop(f"{name}.{MASK}", None)) is not None:
            kept = torch.from_numpy(_unpacked(bits, original.numel(), 1)).reshape(original.shape)
            state[f"{name}.0.mask"] = kept.to(original.dtype)
        if (live := state.pop(f"{name}.{LIVE}", None)) is not None:
            whole = torch.zeros(original.shape, dtype=live.dtype)
            whole[state[f"{name}.0.mask"] != 0] = live
            state[f"{name}.original"] = whole
        if (codes := state.pop(f"{name}.{CODES}", None)) is not None and part.quantizer is not None:
            prefix = f"{name}.0.quantizer."
            scales = {key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)}
            part.quantizer.load_state_dict(scales)
            numbers = numbers_of(codes, original.numel(), part.quantizer)
            whole = torch.from_numpy(numbers).reshape(original.shape).to(torch.int32)
            state[f"{name}.original"] = _decoded(part, whole, original)
    return state


def names_of(packed: Mapping[str, Tensor]) -> frozenset[str]:
    """Names of the state dict that was packed."""
    spelled = {CODES: "original", LIVE: "original", MASK: "0.mask"}
    ours = {key: key.rpartition(".") for key in packed if ".parametrizations." in key}
    names = {key: f"{owner}.{spelled.get(end, end)}" for key, (owner, _, end) in ours.items()}
    return frozenset(names.get(key, key) for key in packed)


def most_numbers(packed: Mapping[str, Tensor]) -> int:
    """The most numbers that a packed state dict can stand for."""
    packs = tuple(f".{end}" for end in (CODES, MASK))
    return sum(value.numel() * (8 if key.endswith(packs) else 1) for key, value in packed.items())


def _compressions(network: nn.Module) -> Iterator[tuple[str, Any, CompressedWeight]]:
    """Name of the chain `layer.parametrizations.weight`, the chain, and our part at its beginning."""
    for name, chain in network.named_modules(remove_duplicate=False):
        first: Any = chain[0] if isinstance(chain, parametrize.ParametrizationList) else None
        if isinstance(first, CompressedWeight):
            yield name, chain, first


def _first_alone(chain: Any) -> bool:
    """Whether nothing behind our part changes numbers: an epitome only puts them in their places."""
    return all(isinstance(part, AssembledWeight) for part in list(chain)[1:])


def _decoded(part: CompressedWeight, codes: Tensor, original: Tensor) -> Tensor:
    assert part.quantizer is not None
    with torch.no_grad():
        return part.quantizer.standing_for(codes).to(original.dtype).expand(original.shape).contiguous()


def _same(part: CompressedWeight, one: Tensor, other: Tensor) -> bool:
    """Whether both give the same weight in evaluation."""
    with in_mode(part, training=False):
        return torch.equal(part(one), part(other))


def _spacing(quantizer: Quantizer) -> tuple[int, int]:
    """The smallest code, and the gap between neighbours: the two codes of one bit may be −1 and 1."""
    low, high = quantizer.code_range
    return low, max(1, (high - low) // ((1 << quantizer.bits) - 1))


def numbers_of(packed: Tensor, count: int, quantizer: Quantizer) -> Any:
    """Codes as integers, shape `(count,)`, of packed ones.

    Raises:
        RuntimeError: They are not as many.
    """
    low, gap = _spacing(quantizer)
    return _unpacked(packed, count, quantizer.bits) * gap + low


def packed_numbers(codes: Tensor, quantizer: Quantizer) -> Tensor:
    """Codes packed into as many bits as they take.

    Raises:
        ValueError: A number is none of the quantizer's codes.
    """
    low, high = quantizer.code_range
    if codes.is_floating_point() or (
        codes.numel() and not low <= int(codes.min()) <= int(codes.max()) <= high
    ):
        raise ValueError(f"codes beyond {low} to {high}")
    return _bits_of(codes, quantizer)


def _bits_of(codes: Tensor, quantizer: Quantizer) -> Tensor:
    low, gap = _spacing(quantizer)
    numbers = (codes.cpu().numpy().reshape(-1).astype(np.int64) - low) // gap
    return _packed((numbers[:, None] >> np.arange(quantizer.bits)) & 1)


def _packed(bits: Any) -> Tensor:
    return torch.from_numpy(np.packbits(np.asarray(bits, dtype=bool)))


def _unpacked(packed: Tensor, count: int, width: int) -> Any:
    if packed.dtype != torch.uint8 or packed.numel() != -(-count * width // 8):
        raise RuntimeError(f"\n{packed.numel()} bytes for {count} numbers of {width} bits")
    bits = np.unpackbits(packed.cpu().numpy(), count=count * width).reshape(count, width).astype(np.int64)
    return bits @ (1 << np.arange(width, dtype=np.int64))
