"""Batch norms folded into the layers before them, as an accelerator runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from spareto.compression.checks import refuse_unfit
from spareto.compression.copies import Module, copy_of
from spareto.compression.layers import SYNAPTIC, synaptic_layers
from spareto.compression.parametrization import compressed_weight
from spareto.compression.tensors import original
from spareto.core.errors import ConfigError, Problem
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
Run = Callable[[nn.Module], Any]
"""Runs a network on some data, resetting its state first where it has any."""


def fold_batch_norm(network: Module, run: Run | None = None) -> Module:
    """A copy whose batch norms are part of the weights and biases; in evaluation it computes the same.

    A batch norm belongs to the layer right before it in an `nn.Sequential`, or to the one whose output it was
    given when `run` ran the network. An `nn.Identity` takes its place, so that names stay.

    Args:
        network: Left untouched.
        run: Runs a network on a sample or two; needed where batch norms are not in an `nn.Sequential`.

    Returns:
        The copy.

    Raises:
        ConfigError: Batch norms that cannot be folded; all are named.

    Reference:
        jacob2018, section 3.2.
    """
    refuse_unfit(network)
    folded = copy_of(network)
    fold_in_place(folded, run, "network")
    return folded


def fold_in_place(network: nn.Module, run: Run | None, where: str) -> None:
    """As `fold_batch_norm`, on the network itself; `where` asked for it, for error messages."""
    names = {module: name for name, module in network.named_modules()}
    norms = [module for module in names if isinstance(module, NORMS)]
    pairs = dict(_neighbours(network))
    if run is not None and any(norm not in pairs for norm in norms):
        pairs |= {norm: layer for norm, layer in _observed(network, run).items() if norm not in pairs}
    problems = [_problem(names, norm, pairs.get(norm), run) for norm in norms]
    problems += _shared(names, pairs)
    if refused := [problem for problem in problems if problem is not None]:
        raise ConfigError(refused)
    if not norms:
        rule, cure = "a network with batch norms", "Leave the folding out."
        raise ConfigError(Problem(f"{where}.fold_batch_norm", "no batch norm", rule, cure))
    with torch.no_grad():
        for norm in norms:
            _fold(pairs[norm], norm)
            parent, _, child = names[norm].rpartition(".")
            setattr(network.get_submodule(parent), child, nn.Identity())


def _neighbours(network: nn.Module) -> Iterator[tuple[nn.Module, nn.Module]]:
    for module in network.modules():
        if isinstance(module, nn.Sequential | SpikingBlock | SpikingDense):
            for before, after in pairwise(module.children()):
                if isinstance(before, (*SYNAPTIC,)) and isinstance(after, NORMS):
                    yield after, before


def _observed(network: nn.Module, run: Run) -> dict[nn.Module, nn.Module]:
    """Each batch norm and the one layer whose output it was given, however often it ran."""
    made: list[tuple[Tensor, nn.Module]] = []  # holds the tensors, so that identity means something
    givers: dict[nn.Module, set[nn.Module | None]] = {}

    def leave(layer: nn.Module, _: Any, output: Tensor) -> None:
        made.append((output, layer))

    def enter(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        giver = next((layer for output, layer in reversed(made) if output is inputs[0]), None)
        givers.setdefault(norm, set()).add(giver)

    handles = [layer.register_forward_hook(leave) for layer in synaptic_layers(network).values()]
    handles += [
        norm.register_forward_pre_hook(enter) for norm in network.modules() if isinstance(norm, NORMS)
    ]
    training = {module: module.training for module in network.modules()}
    try:
        with torch.no_grad():
            run(network.eval())
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in training.items():
            module.training = mode
    only = {norm: next(iter(found)) for norm, found in givers.items() if len(found) == 1}
    return {norm: layer for norm, layer in only.items() if layer is not None}


def _problem(
    names: dict[nn.Module, str], norm: nn.Module, layer: nn.Module | None, run: Run | None
) -> Problem | None:
    place = f"batch norm '{names[norm]}'"
    if layer is None:
        rule = "a convolution or dense layer whose output it takes"
        cure = "Fold it by hand." if run is not None else "Give `run`, so that the network shows its order."
        return Problem(place, "none before it", rule, cure)
    if getattr(norm, "running_var", None) is None:
        rule, cure = "running statistics", "Only these are constants that can be folded."
        return Problem(place, "statistics of each batch", rule, cure)
    compression = compressed_weight(layer)
    if compression is not None and compression.quantizer is not None:
        rule, cure = "weights without one", "Fold first, then quantize."
        return Problem(f"layer '{names[layer]}'", "a quantizer", rule, cure)
    return None


def _shared(names: dict[nn.Module, str], pairs: dict[nn.Module, nn.Module]) -> Iterator[Problem]:
    """Layers that feed several batch norms have no one factor to take."""
    for layer in set(pairs.values()):
        fed = [names[norm] for norm, giver in pairs.items() if giver is layer]
        if len(fed) > 1:
            cure = "Fold them by hand."
            yield Problem(f"layer '{names[layer]}'", f"batch norms {', '.join(fed)}", "one behind it", cure)


def _fold(layer: nn.Module, norm: Any) -> None:
    deviation = (norm.running_var.double() + norm.eps).sqrt()
    factor = (1.0 if norm.weight is None else norm.weight.double()) / deviation
    shift = 0.0 if norm.bias is None else norm.bias.double()
    weight, bias = original(layer, "weight"), original(layer, "bias")
    before = torch.zeros_like(deviation) if bias is None else bias.double()
    after = shift + (before - norm.running_mean.double()) * factor
    weight.copy_(weight.double() * factor.view(-1, *[1] * (weight.dim() - 1)))
    if bias is None:
        layer.bias = nn.Parameter(after.to(weight.dtype))
    else:
        bias.copy_(after)
