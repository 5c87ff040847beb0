"""Batch norms folded into the layers before them, as an accelerator runs them."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn

from spareto.compression.checks import refuse_unfit
from spareto.compression.copies import Module, copy_of
from spareto.compression.folding import NORMS as NORMS
from spareto.compression.folding import Folding, plan_folding
from spareto.compression.layers import synaptic_layers
from spareto.compression.runs import Run
from spareto.compression.tensors import original
from spareto.core.errors import ConfigError, Problem


class NotFoldedWarning(UserWarning):
    """Some batch norms were folded and others had to stay."""


def fold_batch_norm(network: Module, run: Run | None = None) -> Module:
    """A copy whose batch norms are part of the weights and biases; in evaluation it computes the same.

    A batch norm is folded where it is proven to be the only reader of one layer: the children of an
    `nn.Sequential` prove it by their order, any other network by what `run` shows. One that is not stays, and
    a `NotFoldedWarning` names it and says why; `spareto.compression.plan_folding` tells the same without
    folding. An `nn.Identity` takes the place of what was folded, so that names stay.

    Args:
        network: Left untouched.
        run: A sample or two, or a function that runs a network on some; needed where batch norms are not in
            an `nn.Sequential`.

    Returns:
        The copy.

    Raises:
        ConfigError: No batch norm can be folded; all are named.

    Reference:
        jacob2018, section 3.2.
    """
    refuse_unfit(network)
    folded = copy_of(network)
    fold_in_place(folded, run, "network")
    return folded


def fold_in_place(network: nn.Module, run: Run | None, where: str) -> Folding:
    """As `fold_batch_norm`, on the network itself; `where` asked for it, for error messages."""
    plan = plan_folding(network, run)
    if not plan.folded and not plan.left:
        rule, cure = "a network with batch norms", "Leave the folding out."
        raise ConfigError(Problem(f"{where}.fold_batch_norm", "no batch norm", rule, cure))
    if not plan.folded:
        raise ConfigError(plan.left)
    with torch.no_grad():
        for norm, layer in plan.folded.items():
            _fold(network.get_submodule(layer), network.get_submodule(norm))
            _replaced(network, norm)
    if plan.left:
        told = "\n".join(str(problem) for problem in plan.left)
        warnings.warn(
            f"{len(plan.left)} batch norms were not folded:\n{told}", NotFoldedWarning, stacklevel=3
        )
    return plan


def fold_as_stored(network: nn.Module, stored: frozenset[str]) -> None:
    """Make room for the state dict of a folded network: norms that are not in it go, biases that are come.

    Args:
        network: Changed in place; its values are those of no network until the state dict is loaded.
        stored: Names in the state dict.
    """
    for name, module in list(network.named_modules()):
        if isinstance(module, NORMS) and not any(key.startswith(f"{name}.") for key in stored):
            _replaced(network, name)
    for name, layer in synaptic_layers(network).items():
        start = f"{name}.".lstrip(".")
        names = (f"{start}bias", f"{start}parametrizations.bias.original")
        if original(layer, "bias") is None and any(each in stored for each in names):
            weight = original(layer, "weight")
            layer.bias = nn.Parameter(weight.new_zeros(len(weight)), requires_grad=weight.requires_grad)


def _replaced(network: nn.Module, norm: str) -> None:
    """An `nn.Identity` in place of a module, under all its names."""
    module, identity = network.get_submodule(norm), nn.Identity()
    names = [name for name, each in network.named_modules(remove_duplicate=False) if each is module]
    for name in names:
        parent, _, child = name.rpartition(".")
        setattr(network.get_submodule(parent), child, identity)


def _fold(layer: nn.Module, norm: Any) -> None:
    deviation = (norm.running_var.double() + norm.eps).sqrt()
    factor = (1.0 if norm.weight is None else norm.weight.double()) / deviation
    shift = 0.0 if norm.bias is None else norm.bias.double()
    weight, bias = original(layer, "weight"), original(layer, "bias")
    before = torch.zeros_like(deviation) if bias is None else bias.double()
    after = shift + (before - norm.running_mean.double()) * factor
    weight.copy_(weight.double() * factor.view(-1, *[1] * (weight.dim() - 1)))
    if bias is None:
        moves = weight.requires_grad if norm.bias is None else norm.bias.requires_grad
        layer.bias = nn.Parameter(after.to(weight.dtype), requires_grad=moves)
    else:
        bias.copy_(after)
