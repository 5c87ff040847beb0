"""Remove whole channels that pruning has silenced."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spareto.compression.checks import refuse_unfit
from spareto.compression.copies import Module, copy_of, passing_copy
from spareto.compression.layers import SYNAPTIC, synaptic_layers
from spareto.compression.shrinking.cut import channels, resize, select, select_neurons, spread
from spareto.compression.shrinking.origins import Origin
from spareto.compression.shrinking.trace import NORMS, Trace, Visit, tensors, trace
from spareto.core.errors import ConfigError, Problem

TOLERANCE = 1e-6


def shrink(network: Module, example: Tensor) -> Module:
    """A smaller copy of a network, without the output channels whose weights are all zero.

    With a channel go its bias, its batch norm, what its neurons have one of per channel, and the inputs of
    the next layer that it fed, through pooling and flattening. Masks and quantizers shrink along. The
    channels that leave the network stay, pruned or not.

    Args:
        network: A compressed network, or one with zeros; left untouched. Reset its state first if it has any.
        example: Input to run it on: which layer feeds which is seen, not guessed, and the smaller network
            has to answer the same.

    Returns:
        The smaller copy in the mode of the original.

    Raises:
        ConfigError: A silent channel cannot be cut out: its layer has groups, or its output passes
            through an operation nobody here understands, such as a residual sum; names the layer.
    """
    refuse_unfit(network)
    with passing_copy(network) as copy:
        seen = trace(copy.eval(), example)
    smaller = copy_of(network)
    keep = _kept_channels(network, seen)
    problems = [problem for name in keep for problem in _obstacles(name, seen)]
    if keep:
        problems += _strangers(seen)
    if problems:
        raise ConfigError(problems)
    with torch.no_grad():
        for name, kept in keep.items():
            _cut_outputs(smaller.get_submodule(name), kept)
        for name, visit in seen.visits.items():
            origin = next(iter(visit.origins))
            if origin is not None and origin.layer in keep:
                _cut_inputs(smaller.get_submodule(name), origin, visit, keep[origin.layer])
    _refuse_another_function(network, smaller, example)
    return smaller


def _kept_channels(network: nn.Module, seen: Trace) -> dict[str, Tensor]:
    """Layer to True for the channels that stay, for layers inside the network that lose some."""
    keep: dict[str, Tensor] = {}
    for name, layer in synaptic_layers(network).items():
        if name in seen.visits and (seen.output is None or name != seen.output.layer):
            silent = _zero(layer, "weight") & _zero(layer, "bias")
            for norm in _norms(name, seen, network):
                silent &= _zero(norm, "weight") & _zero(norm, "bias")
            if silent.any():
                keep[name] = ~silent
    return keep


def _norms(layer: str, seen: Trace, network: nn.Module) -> list[nn.Module]:
    return [
        network.get_submodule(name)
        for name, visit in seen.visits.items()
        if isinstance(visit.module, NORMS) and any(o is not None and o.layer == layer for o in visit.origins)
    ]


def _zero(layer: nn.Module, tensor: str) -> Tensor:
    """True for channels on which a tensor is all zero; an absent bias is zero, an absent scale is not."""
    value: Tensor | None = getattr(layer, tensor)
    if value is None:
        return torch.full((channels(layer),), tensor == "bias")
    zero = value.detach().cpu() == 0
    return zero.flatten(1).all(1) if zero.dim() > 1 else zero


def _obstacles(name: str, seen: Trace) -> list[Problem]:
    """Why the channels of a layer cannot be cut."""
    where, cure = f"layer '{name}'", "Exclude it from channel pruning, or leave the network as it is."
    found: list[Problem] = []
    if getattr(seen.visits[name].module, "groups", 1) > 1:
        found.append(Problem(where, "groups", "a layer without groups, to cut channels out of it", cure))
    for reader, visit in seen.visits.items():
        for origin in visit.origins:
            if origin is None or origin.layer != name:
                continue
            if origin.lost or len(visit.origins) > 1:
                rule = f"channels that can be followed to '{reader}'"
                found.append(
                    Problem(
                        where, f"an output that passes through '{origin.lost or 'several paths'}'", rule, cure
                    )
                )
            elif getattr(visit.module, "groups", 1) > 1:
                found.append(Problem(where, f"a reader with groups, '{reader}'", "one without groups", cure))
    return found


def _strangers(seen: Trace) -> list[Problem]:
    """Layers that read what was not seen to come from any other, so perhaps from one that is to be cut."""
    cure = "Use torch operations on the way there, or leave the network as it is."
    return [
        Problem(
            f"layer '{name}'", "an input of unknown origin", "one that comes from the network's input", cure
        )
        for name, visit in seen.visits.items()
        if None in visit.origins and isinstance(visit.module, (*SYNAPTIC, *NORMS))
    ]


def _cut_outputs(layer: nn.Module, kept: Tensor) -> None:
    positions = torch.nonzero(kept).flatten()
    select(layer, "weight", 0, positions)
    select(layer, "bias", 0, positions)
    resize(layer)


def _cut_inputs(module: nn.Module, origin: Origin, visit: Visit, kept: Tensor) -> None:
    extent = next(iter(visit.shapes))[-origin.axis]
    positions = spread(kept, extent)
    if isinstance(module, NORMS):
        for tensor in ("weight", "bias", "running_mean", "running_var"):
            select(module, tensor, 0, positions)
        resize(module)
    elif isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
        select(module, "weight", 1, positions)
        resize(module)
    else:
        select_neurons(module, origin.axis, extent, positions)


def _refuse_another_function(network: nn.Module, smaller: nn.Module, example: Tensor) -> None:
    """Both answer the same in evaluation mode."""
    try:
        answers = [_in_double(each, example) for each in (network, smaller)]
    except RuntimeError:  # a network that makes single-precision tensors inside
        answers = [_answer(each, example) for each in (network, smaller)]
    error = float((answers[0] - answers[1]).abs().max())
    if not error <= TOLERANCE * max(1.0, float(answers[0].abs().max())):
        rule = "the same output without its silent channels"
        cure = (
            "Neurons that fire without input, or state left from an earlier run, can be why: reset it first."
        )
        raise ConfigError(Problem("the network", f"an output that differs by {error:.1e}", rule, cure))


def _answer(network: nn.Module, example: Tensor) -> Tensor:
    """A network's output; the network notices nothing."""
    with passing_copy(network) as copy, torch.no_grad():
        return next(tensors(copy.eval()(example)))


def _in_double(network: nn.Module, example: Tensor) -> Tensor:
    """The same in double precision, where the order of additions moves no spike."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # for the state that networks make themselves
    try:
        with passing_copy(network) as copy, torch.no_grad():
            return next(tensors(copy.eval().double()(example.double())))
    finally:
        torch.set_default_dtype(usual)
