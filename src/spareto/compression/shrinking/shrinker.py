"""Remove whole channels that pruning has silenced."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from spareto.compression.checks import refuse_unfit
from spareto.compression.copies import Module, copy_of, passing_copy
from spareto.compression.following import Arrival, Followed, channels, follow
from spareto.compression.layers import synaptic_layers
from spareto.compression.shrinking.cut import resize, select, select_neurons
from spareto.compression.shrinking.obstacles import obstacles
from spareto.core.errors import ConfigError, Problem
from spareto.observing.watching import tensors
from spareto.widths import value_in_use

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
    seen = follow(network, lambda: network(example))
    smaller = copy_of(network)
    keep = _kept_channels(network, seen)
    problems = obstacles(network, keep, seen)
    if problems:
        raise ConfigError(problems)
    gone = torch.cat([seen.channels(name)[~kept] for name, kept in keep.items()]) if keep else torch.empty(0)
    with torch.no_grad():
        for name, kept in keep.items():
            _cut_outputs(smaller.get_submodule(name), kept)
        for arrival in seen.arrivals.values():
            if arrival.layers & set(keep):
                _cut_inputs(smaller.get_submodule(arrival.reader), arrival, gone)
    _refuse_another_function(network, smaller, example)
    return smaller


def _kept_channels(network: nn.Module, seen: Followed) -> dict[str, Tensor]:
    """Layer to True for the channels that stay, for layers inside the network that lose some."""
    keep: dict[str, Tensor] = {}
    for name, layer in synaptic_layers(network).items():
        if name in seen.arrivals and name not in seen.answer:
            silent = _zero(layer, "weight") & _zero(layer, "bias")
            for norm, vector in _norms(name, seen):
                own = (vector >= seen.first[name]) & (vector < seen.first[name] + seen.size[name])
                loud = ~(_zero(norm, "weight") & _zero(norm, "bias")) & own
                silent[(vector[loud] - seen.first[name]).long()] = False
            if silent.any() and not silent.all():
                keep[name] = ~silent
    return keep


def _norms(layer: str, seen: Followed) -> Iterator[tuple[nn.Module, Tensor]]:
    """Batch norms that read a layer's channels, and which each of theirs is."""
    for arrival in seen.arrivals.values():
        vector = arrival.vector() if arrival.kind == "norm" and layer in arrival.layers else None
        if vector is not None and arrival.module is not None:
            yield arrival.module, vector


def _zero(layer: nn.Module, tensor: str) -> Tensor:
    """True for channels on which a tensor is all zero; an absent bias is zero, an absent scale is not."""
    if getattr(layer, tensor) is None:
        return torch.full((channels(layer),), tensor == "bias")
    zero = value_in_use(layer, tensor).cpu() == 0
    return zero.flatten(1).all(1) if zero.dim() > 1 else zero


def _cut_outputs(layer: nn.Module, kept: Tensor) -> None:
    positions = torch.nonzero(kept).flatten()
    for tensor in ("weight", "bias"):
        select(layer, tensor, 0, positions)
    resize(layer)


def _cut_inputs(module: nn.Module, arrival: Arrival, gone: Tensor) -> None:
    marks = arrival.marks[0]
    assert marks is not None, "what is unknown is an obstacle"
    if arrival.kind == "neuron":
        axis = marks.axis()
        assert axis is not None, "what lies along several axes is an obstacle"
        vector = marks.along(axis)
        assert vector is not None, "it lies along one axis"
        select_neurons(module, -axis, len(vector), _positions(vector, gone))
        return
    vector = arrival.vector()
    assert vector is not None, "what differs between calls is an obstacle"
    norm = arrival.kind == "norm"
    for tensor in ("weight", "bias", "running_mean", "running_var") if norm else ("weight",):
        select(module, tensor, 0 if norm else 1, _positions(vector, gone))
    resize(module)


def _positions(vector: Tensor, gone: Tensor) -> Tensor:
    return torch.nonzero(~torch.isin(vector, gone)).flatten()


def _refuse_another_function(network: nn.Module, smaller: nn.Module, example: Tensor) -> None:
    """Both answer the same in evaluation mode."""
    expected, got = _both(network, smaller, example)
    if got is None:
        difference = "a network that does not run any more"
    elif got.shape != expected.shape:
        difference = f"an output of shape {tuple(got.shape)} instead of {tuple(expected.shape)}"
    else:
        error = float((expected - got).abs().max())
        if error <= TOLERANCE * max(1.0, float(expected.abs().max())):
            return
        difference = f"an output that differs by {error:.1e}"
    rule = "the same output without its silent channels"
    cure = (
        "Neurons that fire without input, numbers of channels written in forward, or state left from an "
        "earlier run can be why: reset it first."
    )
    raise ConfigError(Problem("the network", difference, rule, cure))


def _both(network: nn.Module, smaller: nn.Module, example: Tensor) -> tuple[Tensor, Tensor | None]:
    """What the network answers, and what the smaller one does; None if it cannot."""
    try:
        expected, run = _in_double(network, example), _in_double
    except RuntimeError:  # a network that makes single-precision tensors inside
        expected, run = _answer(network, example), _answer
    try:
        return expected, run(smaller, example)
    except (RuntimeError, ValueError, IndexError):
        return expected, None


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
