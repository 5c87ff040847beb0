"""The quantizing step."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn
from typing_extensions import override

from spareto.compression.fold import fold_as_stored, fold_in_place
from spareto.compression.layers import all_names, synaptic_layers
from spareto.compression.neurons import round_parameters, store_membranes
from spareto.compression.parametrization import attach, incoming, refuse_twice, widened
from spareto.compression.steps._base import Step, StepContext
from spareto.compression.tensors import is_frozen
from spareto.core.errors import ConfigError, Problem
from spareto.quantizers import Quantizer, registry
from spareto.records import LayerBits, QuantizeStep
from spareto.widths import assembled

BIAS_QUANTIZER = END_QUANTIZER = "max_range"


class Quantize(Step):
    """Give every layer its own quantizer, started from the layer's live weights."""

    @override
    def apply(self, layers: Mapping[str, nn.Module], plan: QuantizeStep, context: StepContext) -> None:
        refuse_twice(layers, lambda c: c.quantizer is not None, "a quantizer", "weights without one")
        names = {name: all_names(context.network, name) for name in layers}
        _refuse_unmatched(names, plan, context.where)
        ends = _ends(context.network)
        quantizers = {
            name: _quantizer(names[name], plan, context.where, any(layer is end for end in ends))
            for name, layer in layers.items()
        }
        if plan.fold_batch_norm and context.stored is not None:
            fold_as_stored(context.network, context.stored)
        elif plan.fold_batch_norm:
            fold_in_place(context.network, context.run, context.where)
        for name, layer in layers.items():
            compression = attach(layer, context.order, network=context.network)
            live = None if compression.mask is None else compression.mask != 0
            compression.quantizer = _started(quantizers[name], layer, "weight", live)
            if plan.bias_bits is not None and layer.bias is not None:
                _quantize_bias(layer, plan.bias_bits, context)
        if plan.neuron_bits is not None:
            round_parameters(context.network, plan.neuron_bits, context.where)
        if plan.membrane is not None:
            store_membranes(context.network, plan.membrane, context.where)


def _ends(network: nn.Module) -> list[nn.Module]:
    """The first and the last layer with weights, in order of definition."""
    layers = list(synaptic_layers(network).values())
    return [*layers[:1], *layers[-1:]]


def _quantizer(names: list[str], plan: QuantizeStep, where: str, end: bool = False) -> Quantizer:
    """The quantizer of a layer, or of all the layers that share one weight."""
    own = [next((bits for bits in plan.layer_bits if fnmatchcase(name, bits.layers)), None) for name in names]
    if any(each != own[0] for each in own):
        rule, cure = "one width for the layers that share a weight", "Give them the same, or none."
        raise ConfigError(Problem(f"{where}.layer_bits", f"several for {', '.join(names)}", rule, cure))
    if own[0] is None and end and plan.end_bits is not None:
        return registry.make(END_QUANTIZER, f"{where}.end_bits", bits=plan.end_bits)
    chosen = own[0] or LayerBits(layers="*", bits=plan.bits)
    return registry.make(
        chosen.quantizer or plan.quantizer,
        f"{where}.options",
        bits=chosen.bits,
        granularity=plan.granularity,
        rounding=plan.rounding,
        **({} if chosen.quantizer else plan.options),
    )


def _started(quantizer: Quantizer, layer: nn.Module, tensor: str, live: Tensor | None = None) -> Quantizer:
    """A quantizer that fits a layer's tensor now; where that is frozen, so are its scales."""
    part = assembled(layer, tensor)
    if part is not None:
        quantizer.weigh(torch.from_numpy(part.epitome.uses()))
    quantizer.start(widened(incoming(layer, tensor)), live)
    if is_frozen(layer, tensor):
        quantizer.requires_grad_(False)
    return quantizer.train(layer.training)


def _quantize_bias(layer: nn.Module, bits: int, context: StepContext) -> None:
    compression = attach(layer, context.order, "bias", context.network)
    if compression.quantizer is None:  # a bias that several layers share has one quantizer
        live = None if compression.mask is None else compression.mask != 0
        compression.quantizer = _started(registry.make(BIAS_QUANTIZER, bits=bits), layer, "bias", live)


def _refuse_unmatched(names: Mapping[str, list[str]], plan: QuantizeStep, where: str) -> None:
    rule, cure = "a pattern that matches a touched layer", f"They are {', '.join(names)}."
    known = [name for group in names.values() for name in group]
    ConfigError.if_any(
        Problem(f"{where}.layer_bits[{index}].layers", repr(own.layers), rule, cure)
        for index, own in enumerate(plan.layer_bits)
        if not any(fnmatchcase(name, own.layers) for name in known)
    )
