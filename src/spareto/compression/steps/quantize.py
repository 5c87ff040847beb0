"""The quantizing step."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from spareto.compression.parametrization import attach, compressed_weight, original_weight
from spareto.compression.steps._base import Setting, Step
from spareto.core.errors import ConfigError, Problem
from spareto.quantizers import registry
from spareto.records import QuantizeStep


class Quantize(Step):
    """Give every layer its own quantizer, started from the layer's live weights."""

    def apply(self, layers: Mapping[str, nn.Module], plan: QuantizeStep, setting: Setting) -> None:
        """See `Step.apply`."""
        _refuse_twice(layers)
        for layer in layers.values():
            weight = original_weight(layer).detach()
            compression = attach(layer, setting.order)
            live = None if compression.mask is None else compression.mask != 0
            quantizer = registry.make(plan.quantizer, bits=plan.bits, granularity=plan.granularity)
            quantizer.start(weight, live)
            compression.quantizer = quantizer.train(layer.training)


def _refuse_twice(layers: Mapping[str, nn.Module]) -> None:
    twice = [
        name
        for name, layer in layers.items()
        if (c := compressed_weight(layer)) is not None and c.quantizer is not None
    ]
    if twice:
        cure = "Start from the uncompressed network."
        raise ConfigError(Problem(f"layers {', '.join(twice)}", "a quantizer", "weights without one", cure))
