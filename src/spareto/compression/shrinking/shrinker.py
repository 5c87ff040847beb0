"""Remove whole channels that pruning has silenced."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spareto.compression.checks import refuse_unfit
from spareto.compression.copies import Module, passing_copy
from spareto.compression.following import Followed, channels, follow
from spareto.compression.layers import synaptic_layers
from spareto.compression.runs import Run, bound
from spareto.compression.shrinking.channels import cut_channels, norms_of
from spareto.core.errors import ConfigError, Problem
from spareto.observing.watching import tensors
from spareto.widths import value_in_use

TOLERANCE = 1e-6


def shrink(network: Module, run: Run) -> Module:
    """A smaller copy of a network, without the output channels whose weights are all zero.

    With a channel go its bias, its batch norm, what its neurons have one of per channel, and the inputs of
    the next layer that it fed, through pooling and flattening. Masks and quantizers shrink along. The
    channels that leave the network stay, pruned or not.

    Args:
        network: A compressed network, or one with zeros; left untouched. Reset its state first if it has any.
        run: Frames, or a function that runs a network on some and returns its answer: which layer feeds which
            is seen, not guessed, and the smaller network has to answer the same.

    Returns:
        The smaller copy in the mode of the original.

    Raises:
        ConfigError: A silent channel cannot be cut out: its layer has groups, or its output passes
            through an operation nobody here understands, such as a residual sum; names the layer.
    """
    refuse_unfit(network)
    seen = follow(network, bound(run, network))
    smaller = cut_channels(network, seen, _kept_channels(network, seen))
    refuse_another_function(network, smaller, run, "the same output without its silent channels")
    return smaller


def _kept_channels(network: nn.Module, seen: Followed) -> dict[str, Tensor]:
    """Layer to True for the channels that stay, for layers inside the network that lose some."""
    keep: dict[str, Tensor] = {}
    for name, layer in synaptic_layers(network).items():
        if name in seen.arrivals and name not in seen.answer:
            silent = _zero(layer, "weight") & _zero(layer, "bias")
            for norm, places, channel in norms_of(name, seen):
                loud = ~(_zero(norm, "weight") & _zero(norm, "bias"))[places]
                silent[channel[loud]] = False
            if silent.any() and not silent.all():
                keep[name] = ~silent
    return keep


def _zero(layer: nn.Module, tensor: str) -> Tensor:
    """True for channels on which a tensor is all zero; an absent bias is zero, an absent scale is not."""
    if getattr(layer, tensor) is None:
        return torch.full((channels(layer),), tensor == "bias")
    zero = value_in_use(layer, tensor).cpu() == 0
    return zero.flatten(1).all(1) if zero.dim() > 1 else zero


def refuse_another_function(network: nn.Module, other: nn.Module, run: Run, rule: str) -> None:
    """Refuse a changed network that does not answer in evaluation mode as the one it was made of.

    Raises:
        ConfigError: It does not; `rule` says what was expected.
    """
    expected, got = _both(network, other, run)
    if got is None:
        difference = "a network that does not run any more"
    elif got.shape != expected.shape:
        difference = f"an output of shape {tuple(got.shape)} instead of {tuple(expected.shape)}"
    else:
        error = float((expected - got).abs().max())
        if error <= TOLERANCE * max(1.0, float(expected.abs().max())):
            return
        difference = f"an output that differs by {error:.1e}"
    cure = (
        "Neurons that fire without input, numbers of channels written in forward, or state left from an "
        "earlier run can be why: reset it first."
    )
    raise ConfigError(Problem("the network", difference, rule, cure))


def _both(network: nn.Module, other: nn.Module, run: Run) -> tuple[Tensor, Tensor | None]:
    """What the network answers, and what the other one does; None if it cannot."""
    try:
        expected, answer = _in_double(network, run), _in_double
    except RuntimeError:  # a network that makes single-precision tensors inside
        expected, answer = _answer(network, run), _answer
    try:
        return expected, answer(other, run)
    except (RuntimeError, ValueError, IndexError):
        return expected, None


def _answer(network: nn.Module, run: Run) -> Tensor:
    """A network's output; the network notices nothing."""
    with passing_copy(network) as copy, torch.no_grad():
        return next(tensors(bound(run, copy.eval())()))


def _in_double(network: nn.Module, run: Run) -> Tensor:
    """The same in double precision, where the order of additions moves no spike."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # for the state that networks make themselves
    try:
        with passing_copy(network) as copy, torch.no_grad():
            double = run.double() if isinstance(run, Tensor) else run
            return next(tensors(bound(double, copy.eval().double())()))
    finally:
        torch.set_default_dtype(usual)
