"""Weights that a network multiplies with by functions, as the layers that they are."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from spareto.converting.tape import CURE, Tape, sample_shape


def weighted(tape: Tape, func: Any, args: Any, kwargs: dict[str, Any], output: Any) -> None:
    """Dense connections or a convolution whose weights are no layer's."""
    weight, bias = args[1], args[2] if len(args) > 2 else None
    ref = tape.ref(args[0])
    dense = func._schema.name.endswith("linear")
    if ref is None or tape.ref(weight) is not None or not (dense or weight.dim() == 4):
        tape.hold(output, tape.refuse(f"{func._schema.name} of these", "weights and a signal", CURE), "step")
        return
    if id(weight) not in tape.made:
        tape.made[id(weight)] = _dense(weight, bias) if dense else _conv(weight, bias, args[3:], kwargs)
        tape.computed |= {} if isinstance(weight, nn.Parameter) else {tape.place: None}
    module = tape.made[id(weight)]
    form = ref.form
    node = tape.signals.node(
        "layer", id(module), module, (ref.node,), sample_shape(output, form), tape.place + ".weight"
    )
    tape.hold(output, node, form, ref.t)


def _dense(weight: Tensor, bias: Tensor | None) -> nn.Module:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias is not None).to(weight)
    return _loaded(linear, weight, bias)


def _conv(weight: Tensor, bias: Tensor | None, rest: tuple[Any, ...], kwargs: dict[str, Any]) -> nn.Module:
    names = ("stride", "padding", "dilation")
    options: dict[str, Any] = {**dict(zip(names, rest, strict=False)), **kwargs}
    groups = rest[-1] if len(rest) in (4, 6) else options.pop("groups", 1)
    options = {
        name: value if isinstance(value, str) else tuple(value)
        for name, value in options.items()
        if name in names
    }
    outputs, inputs, height, width = weight.shape
    conv = nn.Conv2d(
        inputs * groups, outputs, (height, width), groups=groups, bias=bias is not None, **options
    )
    return _loaded(conv.to(weight), weight, bias)


def _loaded(layer: Any, weight: Tensor, bias: Tensor | None) -> nn.Module:
    """With these weights; parameters stay the network's own until they are copied: ties are seen."""
    if isinstance(weight, nn.Parameter) and (bias is None or isinstance(bias, nn.Parameter)):
        layer.weight, layer.bias = weight, bias
        return layer
    with torch.inference_mode(mode=False), torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(bias)
    return layer
