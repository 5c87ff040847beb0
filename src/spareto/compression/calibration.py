"""Compression without training: scales, batch norms and biases corrected on a few batches."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from spareto.compression.compressing import compress
from spareto.compression.copies import Module
from spareto.compression.fold import NORMS
from spareto.compression.foreign import own_parametrization
from spareto.compression.layers import channel_axis, synaptic_layers
from spareto.compression.measuring import looking_at
from spareto.compression.runs import Run, bound
from spareto.compression.tensors import is_frozen, original
from spareto.compression.ties import shared_with
from spareto.core.errors import ConfigError, Problem
from spareto.observing import undisturbed
from spareto.records import Recipe
from spareto.training.norms import estimated


def calibrate(
    network: Module,
    recipe: Recipe,
    run: Run,
    *,
    batch_norm: bool = True,
    bias: bool = False,
    seed: int = 0,
) -> Module:
    """A compressed copy that is not trained again: quantizers start from the weights, `run` mends the rest.

    Quantizer `least_error_range` is the natural choice.

    Args:
        network: The trained network; left untouched.
        recipe: What to do; its training plan is not looked at.
        run: Frames, or a function that runs a network on a few batches, resetting its state first where it
            has any. Steps that look at more than weights are given it too, as by `compress`.
        batch_norm: Measure the statistics of batch norms afresh: compression moves them.
        bias: Shift the bias of every layer that has one, so that each channel's mean output is what it was.
        seed: Decides what is drawn at random.

    Returns:
        The compressed copy, in evaluation mode.

    Raises:
        ConfigError: The recipe does not fit the network, or biases are to be shifted and there are none.

    Reference:
        nagel2019, section 4.2, for the biases.

    Example:
        >>> import torch
        >>> from spareto import recipes
        >>> from spareto.compression import calibrate
        >>> network = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.BatchNorm1d(4))
        >>> data = torch.randn(16, 8)
        >>> recipe = recipes.quantize(4, quantizer="least_error_range")
        >>> calibrated = calibrate(network, recipe, data)
    """
    compressed = compress(network, recipe, run=run, seed=seed).eval()
    if batch_norm:
        measure_batch_norm(compressed, run)
    if bias:
        correct_bias(compressed, network, run)
    return compressed


def measure_batch_norm(network: nn.Module, run: Run) -> None:
    """Replace the running statistics of batch norms by the mean over the batches of `run`, in place.

    The network is in evaluation mode; only the norms it measures train.

    A frozen one, whose scale and shift take no gradient, keeps its own.
    """
    norms: list[Any] = [
        norm
        for norm in network.modules()
        if isinstance(norm, NORMS) and norm.running_mean is not None and not _is_frozen(norm)
    ]
    with torch.no_grad(), estimated(norms):
        bound(run, network)()


def _is_frozen(norm: nn.Module) -> bool:
    parameters = list(norm.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)


def correct_bias(network: nn.Module, reference: nn.Module, run: Run) -> None:
    """Shift biases until every channel's mean output is the reference's, layer after layer, in place.

    Biases that are frozen, shared or computed from others stay.

    Args:
        network: The compressed network.
        reference: The network it was compressed from.
        run: Runs a network on a few batches.

    Raises:
        ConfigError: No layer has a bias.
    """
    layers = {
        name: layer
        for name, layer in synaptic_layers(network).items()
        if not is_frozen(layer, "bias")
        and not shared_with(network, layer, "bias")
        and not own_parametrization(layer, "bias")
    }
    if not layers:
        rule, cure = "a layer with a bias", "Measure batch norms instead, or fold them first."
        raise ConfigError(Problem("calibrate.bias", "no layer with a bias", rule, cure))
    wanted = _mean_outputs(reference, run, set(layers))
    for name in wanted:  # in the order they run: each sees what the shifts before it have changed
        if name in layers:
            got = _mean_outputs(network, run, {name})[name]
            with torch.no_grad():
                own: Tensor = original(layers[name], "bias")
                own.add_((wanted[name] - got).to(own.dtype))


def _mean_outputs(network: nn.Module, run: Run, names: set[str]) -> dict[str, Tensor]:
    """Mean output of every channel of some layers, over all calls, in the order the layers first ran."""
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}

    def note(name: str, layer: nn.Module, _: Tensor, output: Tensor) -> None:
        rows = output.movedim(channel_axis(layer), -1).flatten(0, -2).double()
        sums[name] = sums.get(name, 0.0) + rows.sum(0)
        counts[name] = counts.get(name, 0) + len(rows)

    chosen = {name: layer for name, layer in synaptic_layers(network).items() if name in names}
    with undisturbed(network, training=False), torch.no_grad(), looking_at(network, chosen, note):
        bound(run, network)()
    return {name: total / counts[name] for name, total in sums.items()}
