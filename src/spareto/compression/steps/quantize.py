"""The quantizing step."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from torch import nn

from spareto.compression.fold import fold_in_place
from spareto.compression.neurons import round_parameters, store_membranes
from spareto.compression.parametrization import attach, compressed_weight, original
from spareto.compression.steps._base import Setting, Step
from spareto.core.errors import ConfigError, Problem
from spareto.quantizers import Quantizer, registry
from spareto.records import LayerBits, QuantizeStep

BIAS_QUANTIZER = "max_range"


class Quantize(Step):
    """Give every layer its own quantizer, started from the layer's live weights."""

    def apply(self, layers: Mapping[str, nn.Module], plan: QuantizeStep, setting: Setting) -> None:
        """See `Step.apply`."""
        _refuse_twice(layers)
        _refuse_unmatched(layers, plan, setting.where)
        quantizers = {name: _quantizer(name, plan, setting.where) for name in layers}
        if plan.fold_batch_norm:
            fold_in_place(setting.network, setting.calibration, setting.where)
        for name, layer in layers.items():
            compression = attach(layer, setting.order)
            live = None if compression.mask is None else compression.mask != 0
            quantizers[name].start(original(layer, "weight").detach(), live)
            compression.quantizer = quantizers[name].train(layer.training)
            if plan.bias_bits is not None and layer.bias is not None:
                _quantize_bias(layer, plan.bias_bits, setting)
        if plan.neuron_bits is not None:
            round_parameters(setting.network, plan.neuron_bits, setting.where)
        if plan.membrane is not None:
            store_membranes(setting.network, plan.membrane, setting.where)


def _quantizer(layer: str, plan: QuantizeStep, where: str) -> Quantizer:
    own = next((bits for bits in plan.layer_bits if fnmatchcase(layer, bits.layers)), None)
    own = own or LayerBits(layers="*", bits=plan.bits)
    return registry.make(
        own.quantizer or plan.quantizer,
        f"{where}.options",
        bits=own.bits,
        granularity=plan.granularity,
        rounding=plan.rounding,
        **({} if own.quantizer else plan.options),
    )


def _quantize_bias(layer: nn.Module, bits: int, setting: Setting) -> None:
    quantizer = registry.make(BIAS_QUANTIZER, bits=bits)
    quantizer.start(original(layer, "bias").detach())
    attach(layer, setting.order, "bias").quantizer = quantizer.train(layer.training)


def _refuse_twice(layers: Mapping[str, nn.Module]) -> None:
    twice = [
        name
        for name, layer in layers.items()
        if (c := compressed_weight(layer)) is not None and c.quantizer is not None
    ]
    if twice:
        cure = "Start from the uncompressed network."
        raise ConfigError(Problem(f"layers {', '.join(twice)}", "a quantizer", "weights without one", cure))


def _refuse_unmatched(layers: Mapping[str, nn.Module], plan: QuantizeStep, where: str) -> None:
    rule, cure = "a pattern that matches a touched layer", f"They are {', '.join(layers)}."
    problems = [
        Problem(f"{where}.layer_bits[{index}].layers", repr(own.layers), rule, cure)
        for index, own in enumerate(plan.layer_bits)
        if not any(fnmatchcase(name, own.layers) for name in layers)
    ]
    if problems:
        raise ConfigError(problems)
