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
from spareto.records.recipe import FLOAT_BITS
from spareto.widths import declared_bits

NORMS: Final = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)
_KINDS: Final[tuple[tuple[Any, str], ...]] = (
    ((nn.RNNBase, nn.RNNCellBase), "recurrent layer: recipes compress convolution and dense layers"),
    (_ConvTransposeNd, "transposed convolution: recipes compress convolution and dense layers"),
    (nn.Conv3d, "3-d convolution: recipes compress convolutions of one and two axes"),
    ((nn.Embedding, nn.EmbeddingBag), "embedding: recipes compress convolution and dense layers"),
    (nn.Bilinear, "bilinear layer: recipes compress convolution and dense layers"),
    (nn.MultiheadAttention, "projection of attention that is no layer of its own"),
    (NORMS, "norm: fold it to spare it"),
)


@dataclass(frozen=True)
class Stored:
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


def stored_beside(network: nn.Module) -> tuple[Stored, ...]:
    """All parameters, and the statistics of norms, that `compression_report` does not count.

    Each is counted once, whatever number of modules share it. Neuron states are no part of what is stored.
    """
    seen = {id(value) for layer in synaptic_layers(network).values() for value in originals(layer)}
    found: list[Stored] = []
    for name, module in network.named_modules():
        if isinstance(module, parametrize.ParametrizationList | CompressedWeight):
            continue
        for tensor, value in _tensors(module):
            if id(value) not in seen and "parametrizations" not in name.split("."):
                seen.add(id(value))
                found.append(_stored(name, module, tensor, value))
    return (*found, *_scales(network))


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    chains: Any = module.parametrizations if parametrize.is_parametrized(module) else {}
    for tensor in [*module._parameters, *chains]:
        for value in originals(module, tensor):
            yield tensor, value
    if isinstance(module, nn.modules.batchnorm._NormBase):
        for tensor, value in module._buffers.items():
            if value is not None and value.is_floating_point():
                yield tensor, value


def _stored(name: str, module: nn.Module, tensor: str, value: Tensor) -> Stored:
    width = value.element_size() * 8
    bits = declared_bits(module, tensor) or min(width, FLOAT_BITS)
    size = value.numel()
    return Stored(f"{name}.{tensor}".lstrip("."), size, bits, -(-size * bits // 8), _what(module, tensor))


def _what(module: nn.Module, tensor: str) -> str:
    if tensor.startswith("bias") and isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)):
        quantized = compressed_weight(module, tensor)
        return "bias" if quantized is None or quantized.quantizer is None else "bias, quantized"
    kind = next((words for classes, words in _KINDS if isinstance(module, classes)), None)
    return kind or f"parameter of {type(module).__name__}"


def _scales(network: nn.Module) -> Iterator[Stored]:
    """Scales and grids of quantizers, each quantizer's together."""
    for name, module in network.named_modules():
        if isinstance(module, CompressedWeight) and module.quantizer is not None:
            values = [*module.quantizer.parameters(), *module.quantizer.buffers()]
            size = sum(value.numel() for value in values)
            layer = name.partition(".parametrizations.")[0].removeprefix("parametrizations.")
            yield Stored(layer, size, FLOAT_BITS, 4 * size, "scales of its quantizer")
