"""Cut the channels with the smallest scales until a budget holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from spareto.compression.copies import Module
from spareto.compression.following import Followed, follow
from spareto.compression.runs import Run, bound
from spareto.compression.shrinking.channels import cut_channels, norms_of
from spareto.compression.widening.net2wider import hidden_layers
from spareto.core.errors import ConfigError, Problem
from spareto.observing import undisturbed

Measure = Callable[[nn.Module], float]
"""What a network takes: bit operations, picojoules."""


def scales_of(network: nn.Module, seen: Followed) -> dict[str, Tensor]:
    """What each hidden channel is worth, by the layer's name: its batch norm's scale by its layer's mean.

    Scales are magnitudes. They are compared within a layer: what a layer makes of a large input needs no
    large scale, and compared as they are, one layer can lose nearly all of its channels to another.

    Raises:
        ConfigError: A hidden layer has no batch norm with scales; every one is named.

    Reference:
        liu2017 (network slimming).
    """
    found: dict[str, Tensor] = {}
    problems: list[Problem] = []
    for name in hidden_layers(network, seen):
        scale = torch.full((seen.size[name],), -1.0)
        for norm, places, channel in norms_of(name, seen):
            weight = getattr(norm, "weight", None)
            if weight is not None:
                own = weight.detach().cpu()[places].abs().float()
                scale.scatter_reduce_(0, channel, own, "amax")
        if bool((scale < 0).any()):
            rule, cure = "a batch norm with a scale for each channel", "Build the network with batch norms."
            problems.append(Problem(f"layer '{name}'", "no batch norm behind it", rule, cure))
        found[name] = scale / scale.mean().clamp_min(torch.finfo(scale.dtype).tiny)
    ConfigError.if_any(problems)
    return found


def scale_names(network: nn.Module, run: Run) -> list[str]:
    """Names of the batch norms whose scales say what hidden channels are worth."""
    seen = _follow(network, run)
    norms = {id(norm) for name in hidden_layers(network, seen) for norm, *_ in norms_of(name, seen)}
    return [name for name, module in network.named_modules() if id(module) in norms]


def cut_to(network: Module, seen: Followed, scales: Mapping[str, Tensor], count: int) -> Module:
    """A copy without the `count` channels of the smallest scales; each layer keeps its largest.

    Of equal scales the earlier layer's, then the lower channel goes first.
    """
    ranked = sorted(
        (float(scale), place, channel, name)
        for place, (name, layer) in enumerate(scales.items())
        for channel, scale in enumerate(layer)
        if channel != int(layer.argmax())
    )
    keep = {name: torch.ones(len(layer), dtype=torch.bool) for name, layer in scales.items()}
    for _, _, channel, name in ranked[:count]:
        keep[name][channel] = False
    return cut_channels(network, seen, {name: kept for name, kept in keep.items() if not kept.all()})


def squeeze(network: Module, run: Run, measure: Measure, at_most: float) -> Module:
    """A copy that lost as few channels as it takes to hold a budget, those of the smallest scales first.

    How many that is is found by halving, for what less channels take is less: a few dozen networks are made
    and measured, none is trained.

    Args:
        network: Left untouched; compressed or not.
        run: Frames, or a function that runs a network on some and returns its answer.
        measure: What a network takes.
        at_most: The budget.

    Raises:
        ConfigError: A hidden layer has no batch norm, channels cannot be cut, or one channel a layer still
            takes more than the budget.
    """
    if measure(network) <= at_most:
        return cut_channels(network, _follow(network, run), {})
    seen = _follow(network, run)
    scales = scales_of(network, seen)
    few, many = 0, sum(len(layer) - 1 for layer in scales.values())
    smallest = cut_to(network, seen, scales, many)
    if (least := measure(smallest)) > at_most:
        got, rule = f"{at_most:,.6g}", f"at least {least:,.6g}, what one channel a hidden layer takes"
        raise ConfigError(Problem("plan.budget.at_most", got, rule, "Allow more, or use a smaller network."))
    while many - few > 1:
        middle = (few + many) // 2
        cut = cut_to(network, seen, scales, middle)
        if measure(cut) <= at_most:
            many, smallest = middle, cut
        else:
            few = middle
    return smallest


def _follow(network: nn.Module, run: Run) -> Followed:
    with undisturbed(network, training=False):
        return follow(network, bound(run, network))
