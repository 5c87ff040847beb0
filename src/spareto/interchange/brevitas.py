"""Brevitas models as input: their quantized weights become our codes, to the bit."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn

from spareto.compression.copies import copy_of
from spareto.compression.parametrization import attach
from spareto.converting.layers import torch_class
from spareto.core.errors import ConfigError, Problem
from spareto.observing import in_mode
from spareto.quantizers import Quantizer, registry
from spareto.widths import remember_bits

_LAYERS: Final = (nn.Linear, nn.Conv1d, nn.Conv2d)
_ACTIVATIONS: Final = ("input_quant", "output_quant", "act_quant")


def is_brevitas(model: nn.Module) -> bool:
    """Whether layers of Brevitas are in a model."""
    return any(type(module).__module__.startswith("brevitas.") for module in model.modules())


def plain(model: nn.Module) -> nn.Module:
    """A copy of a model with torch's layers in place of Brevitas', their weights quantized by ours.

    Codes, scales and zero points are those of Brevitas; where one of our quantizers computes the very same
    numbers, it stands on the layer, and goes on in training. Elsewhere the numbers stand there as they are.

    Args:
        model: A model; it is left as it was.

    Raises:
        ConfigError: Something other than weights and biases is quantized, or a layer has no counterpart; all
            of it is named.
    """
    found, problems = copy_of(model), list[Problem]()
    for name, layer in list(found.named_modules()):
        if not type(layer).__module__.startswith("brevitas.nn") or "." in type(layer).__module__[12:]:
            continue
        base, active = torch_class(layer), _quantizes_activations(layer)
        if active and (active != "act_quant" or base is None or not issubclass(base, _LAYERS)):
            cure = "Leave it out: neurons emit spikes, which need no rounding."
            problems.append(Problem(f"'{name}'.{active}", "a quantizer of activations", "none", cure))
        elif base in _LAYERS:
            holder, _, last = name.rpartition(".")
            try:
                made = _layer(layer, base)
            except (RuntimeError, TypeError, ValueError) as error:  # those of Brevitas
                got = f"numbers that Brevitas does not give ({' '.join(str(error).split())[:80]})"
                rule, cure = "integer weights, and a bias that needs no input", "Quantize them otherwise."
                problems.append(Problem(f"'{name}'", got, rule, cure))
                continue
            setattr(found.get_submodule(holder), last, made)
        elif base is nn.Identity or type(layer).__name__ in ("QuantIdentity", "QuantDropout"):
            holder, _, last = name.rpartition(".")
            setattr(found.get_submodule(holder), last, nn.Identity() if base is None else nn.Dropout(layer.p))  # type: ignore[arg-type]
        elif type(layer).__name__.startswith("Quant") and base is None:
            rule, cure = "QuantLinear, QuantConv1d or QuantConv2d", "Use a layer of torch instead."
            problems.append(Problem(f"'{name}'", type(layer).__name__, rule, cure))
    if problems:
        raise ConfigError(problems)
    return found.train(model.training)


def _quantizes_activations(layer: Any) -> str:
    for name in _ACTIVATIONS:
        proxy = getattr(layer, name, None)
        if proxy is not None and getattr(proxy, "is_quant_enabled", False):
            return name
    return ""


@torch.no_grad()
def _layer(layer: Any, base: Any) -> nn.Module:
    """A layer of torch with the same numbers."""
    training = layer.training
    with in_mode(layer, training=False):
        return _made(layer, base, training)


def _made(layer: Any, base: Any, training: bool) -> nn.Module:
    bias = None if layer.bias is None else _bias(layer)
    made = _bare(layer, base, bias is not None)
    weight = layer.quant_weight() if layer.weight_quant.is_quant_enabled else None
    values = layer.weight.detach() if weight is None else weight.value.detach()
    made.weight = nn.Parameter(values.clone().contiguous())
    if bias is not None:
        made.bias = nn.Parameter(bias.clone())
    made.train(training)
    if weight is not None:
        if not hasattr(weight, "bit_width"):
            raise ValueError(f"{type(weight).__name__} has no integers")
        bits = int(weight.bit_width)
        quantizer = _quantizer(weight, values, bits)
        if quantizer is not None:
            attach(made, "quantize_then_mask").quantizer = quantizer.train(training)
        elif bits <= 16:
            remember_bits(made, bits)
    return made


def _bare(layer: Any, base: Any, bias: bool) -> Any:
    if base is nn.Linear:
        return nn.Linear(layer.in_features, layer.out_features, bias)
    names = ("stride", "padding", "dilation", "groups", "padding_mode")
    given = {name: getattr(layer, name) for name in names}
    return base(layer.in_channels, layer.out_channels, layer.kernel_size, bias=bias, **given)


def _bias(layer: Any) -> Tensor:
    if layer.bias_quant.is_quant_enabled:
        found = layer.quant_bias()
        return (found.value if hasattr(found, "value") else found).detach()
    return layer.bias.detach()


def _quantizer(weight: Any, values: Tensor, bits: int) -> Quantizer | None:
    """Ours with their scale, if it gives their numbers to the bit."""
    scale, zero = weight.scale.detach().float(), weight.zero_point.detach().float()
    scale = (
        scale.reshape(-1, *[1] * (values.dim() - 1))
        if scale.numel() > 1
        else scale.reshape([1] * values.dim())
    )
    granularity = "per_channel" if scale.numel() > 1 else "per_tensor"
    for name, tensors in _candidates(scale, zero, bool(weight.signed), bits):
        if bits not in registry.get(name).bits_supported:
            continue
        made: Any = registry.make(name, bits=bits, granularity=granularity)
        made.start(values)
        for tensor, value in tensors.items():
            present = getattr(made, tensor)
            setattr(made, tensor, nn.Parameter(value) if isinstance(present, nn.Parameter) else value)
        made.eval()
        if torch.equal(made.decode(made.encode(values)), values):
            return made
    return None


def _candidates(scale: Tensor, zero: Tensor, signed: bool, bits: int) -> list[tuple[str, dict[str, Tensor]]]:
    if bool((zero != 0).any()) or not signed:
        shifted = (
            zero.reshape(-1, *[1] * (scale.dim() - 1))
            if zero.numel() > 1
            else zero.reshape([1] * scale.dim())
        )
        return [("asymmetric", {"scale": scale, "zero_point": shifted + (2 ** (bits - 1) if signed else 0)})]
    ours = [("max_range", {"scale": scale}), ("lsq", {"step": scale})]
    return [*ours, ("sign", {"log_scale": scale.log()})]
