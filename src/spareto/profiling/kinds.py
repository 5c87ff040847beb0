"""Which modules cost something, which are free and why; a module in neither table is refused."""

from __future__ import annotations

from torch import nn

from spareto.core.errors import ConfigError, Problem
from spareto.neurons import SpikingNeuron
from spareto.records import FreeLayer

COUNTED = (nn.Conv2d, nn.Linear)

FREE: dict[type[nn.Module], str] = {
    nn.BatchNorm1d: "folded into each neuron's threshold and bias",
    nn.BatchNorm2d: "folded into each channel's threshold and bias",
    nn.MaxPool2d: "an OR of spikes on their way to the next layer",
    nn.Flatten: "no operation",
    nn.Dropout: "absent at inference",
    nn.Identity: "no operation",
}


def free_layers(network: nn.Module) -> tuple[FreeLayer, ...]:
    """The layers that cost nothing, each with the reason.

    Raises:
        ConfigError: Layers that are neither counted nor known to be free; all are listed.
    """
    free: list[FreeLayer] = []
    unknown: list[Problem] = []
    for name, module in network.named_modules():
        if not _is_leaf(name, module) or isinstance(module, (*COUNTED, SpikingNeuron)):
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


def _is_leaf(name: str, module: nn.Module) -> bool:
    return next(module.children(), None) is None and "parametrizations" not in name.split(".")
