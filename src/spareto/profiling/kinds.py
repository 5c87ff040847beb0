"""Which modules cost something, which are free and why; a module in neither table is refused."""

from __future__ import annotations

from torch import nn

from spareto.core.errors import ConfigError, Problem
from spareto.layers.residual import Residual
from spareto.layers.tcja import TCJA
from spareto.neurons import SpikingNeuron
from spareto.records import FreeLayer

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
COUNTED = (*CONVOLUTIONS, nn.Linear)

_AVERAGE = "a count of spikes on their way; its factor is folded into the next layer's weights"

FREE: dict[type[nn.Module], str] = {
    nn.BatchNorm1d: "folded into each neuron's threshold and bias",
    nn.BatchNorm2d: "folded into each channel's threshold and bias",
    nn.MaxPool2d: "an OR of spikes on their way to the next layer",
    nn.AvgPool2d: _AVERAGE,
    nn.AdaptiveAvgPool2d: _AVERAGE,
    Residual: "sums or gates of single elements on their way to the next layer; its parts are counted",
    TCJA: "means, sigmoid and products of single elements; its convolutions are counted",
    nn.Flatten: "no operation",
    nn.Dropout: "absent at inference",
    nn.Identity: "no operation",
    nn.Sequential: "no operation",  # only an empty one is a leaf
}

PARTS_COUNTED = (Residual, TCJA)
SHORTCUT = "one addition a non-zero value, to a potential that is updated anyway"


def free_layers(network: nn.Module) -> tuple[FreeLayer, ...]:
    """The layers that cost nothing, each with the reason.

    Raises:
        ConfigError: Layers that are neither counted nor known to be free; all are listed.
    """
    free: list[FreeLayer] = []
    unknown: list[Problem] = []
    for name, module in network.named_modules():
        if isinstance(module, CONVOLUTIONS):
            unknown += _unsupported(name, module)
        is_known = type(module) in PARTS_COUNTED or _is_leaf(name, module)
        if not is_known or isinstance(module, (*COUNTED, SpikingNeuron)):
            continue
        kind = type(module).__name__
        if type(module) in FREE:
            free.append(FreeLayer(name=name, kind=kind, why=FREE[type(module)]))
        else:
            cure = "It would be costed as nothing; replace it, or file an issue."
            unknown.append(Problem(f"layer '{name}'", kind, "a layer the profiler can count", cure))
    if unknown:
        raise ConfigError(unknown)
    return tuple(free)


def _unsupported(name: str, conv: nn.Conv1d | nn.Conv2d) -> list[Problem]:
    """What a workload cannot say about a convolution."""
    problems: list[Problem] = []
    if isinstance(conv.padding, str) or conv.padding_mode != "zeros":
        got = f"padding {conv.padding!r} of {conv.padding_mode}"
        cure = "Write the padding as a number."
        problems.append(Problem(f"layer '{name}'", got, "a number of rows and columns of zeros", cure))
    if any(step != 1 for step in conv.dilation):
        problems.append(Problem(f"layer '{name}'", f"dilation {conv.dilation}", "a dilation of 1"))
    return problems


def _is_leaf(name: str, module: nn.Module) -> bool:
    return next(module.children(), None) is None and "parametrizations" not in name.split(".")
