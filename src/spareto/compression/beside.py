"""What a network stores beside the weights of its convolution and dense layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd
from torch.nn.utils import parametrize

from spareto.compression.layers import synaptic_layers
from spareto.compression.parametrization import CompressedWeight, compressed_weight
from spareto.compression.tensors import originals
from spareto.frameworks import state_names
from spareto.records.recipe import FLOAT_BITS
from spareto.widths import declared_bits

NORMS: Final = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)
_KINDS: Final[tuple[tuple[Any, str], ...]] = (
    ((nn.RNNBase, nn.RNNCellBase), "recurrent layer: recipes compress convolution and dense layers"),
    (_ConvTransposeNd, "transposed convolution: recipes compress convolution and dense layers"),
    (nn.Conv3d, "3-d convolution: recipes compress convolutions of one and two axes"),
    ((nn.Embedding, nn.EmbeddingBag), "embedding: recipes compress convolution and dense layers"),
    (nn.Bilinear, "bilinear layer: recipes compress convolution and dense layers"),
    (nn.MultiheadAttention, "attention projection: recipes compress its output layer, not this weight"),
    (NORMS, "norm"),
)


@dataclass(frozen=True)
class StoredBeside:
    """One tensor, or the tensors of one module, that a recipe does not compress.

    Args:
        name: Dotted name.
        values: How many numbers.
        bits: Width of one; 32 means floating point.
        bytes: All of them, rounded up.
        what: What it is, and why it stays.
    """

    name: str
    values: int
    bits: int
    bytes: int
    what: str


def stored_beside(network: nn.Module) -> tuple[StoredBeside, ...]:
    """All numbers that `compression_report` does not count: parameters, statistics of norms, constants.

    Each is counted once, whatever number of modules share it. Neuron states are no part of what is stored.
    """
    states = state_names(network)
    seen = {id(value) for layer in synaptic_layers(network).values() for value in originals(layer)}
    found: dict[tuple[str, str, int], list[tuple[str, int]]] = {}
    for name, module in network.named_modules():
        if isinstance(module, parametrize.ParametrizationList) or "parametrizations" in name.split("."):
            continue
        for tensor, value in _tensors(module):
            if id(value) not in seen and f"{name}.{tensor}".lstrip(".") not in states:
                seen.add(id(value))
                bits = declared_bits(module, tensor) or min(value.element_size() * 8, FLOAT_BITS)
                found.setdefault((name, _what(module, tensor), bits), []).append((tensor, value.numel()))
    return (*(_together(*key, parts) for key, parts in found.items()), *_scales(network))


def _together(module: str, what: str, bits: int, parts: list[tuple[str, int]]) -> StoredBeside:
    """Tensors of one module and kind as one entry."""
    size = sum(values for _, values in parts)
    name = module if len(parts) > 1 else f"{module}.{parts[0][0]}".lstrip(".")
    return StoredBeside(name, size, bits, -(-size * bits // 8), what)


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    chains: Any = module.parametrizations if parametrize.is_parametrized(module) else {}
    for tensor in [*module._parameters, *chains]:
        for value in originals(module, tensor):
            yield tensor, value
    for tensor, value in module._buffers.items():
        if value is None or tensor in module._non_persistent_buffers_set:
            continue
        if value.is_floating_point() and not _belongs_to_weight(module, tensor):
            yield tensor, value


def _belongs_to_weight(module: nn.Module, buffer: str) -> bool:
    """Whether a buffer is part of an older parametrization: the mask or the vectors of `weight_orig`."""
    return f"{buffer.rpartition('_')[0]}_orig" in module._parameters


def _what(module: nn.Module, tensor: str) -> str:
    if tensor.startswith("bias") and isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)):
        quantized = compressed_weight(module, tensor)
        return "bias" if quantized is None or quantized.quantizer is None else "bias, quantized"
    kind = next((words for classes, words in _KINDS if isinstance(module, classes)), None)
    return (
        kind or f"{'parameters' if tensor in module._parameters else 'constants'} of {type(module).__name__}"
    )


def _scales(network: nn.Module) -> Iterator[StoredBeside]:
    """Scales and grids of quantizers, each quantizer's together."""
    for name, module in network.named_modules():
        if isinstance(module, CompressedWeight) and module.quantizer is not None:
            values = [*module.quantizer.parameters(), *module.quantizer.buffers()]
            size = sum(value.numel() for value in values)
            layer = name.partition(".parametrizations.")[0].removeprefix("parametrizations.")
            yield StoredBeside(layer, size, FLOAT_BITS, 4 * size, "scales of its quantizer")
