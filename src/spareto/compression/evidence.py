"""Measure what pruners look at beside the weights, on a copy of the network."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from spareto.compression.copies import passing_copy
from spareto.compression.layers import channel_axis, synaptic_layers
from spareto.compression.measuring import looking_at
from spareto.compression.parametrization import bake
from spareto.compression.runs import bound, loss_of
from spareto.compression.steps._base import StepContext
from spareto.compression.ties import shared_with
from spareto.core.errors import ConfigError, Problem
from spareto.pruners import Need, PrunerEvidence


def evidence(
    layers: Collection[str], needs: Collection[Need], context: StepContext, asks: str, seed: int | None = None
) -> PrunerEvidence:
    """What `needs` names, measured on the network as it computes now.

    The network runs in training mode, as it does when the result is used, with random numbers that depend
    on the seed alone; neither it nor the global generator notices.

    Args:
        layers: Dotted names of the layers it is wanted for.
        needs: Gradients, activity, responses; any of them.
        context: Network, seed and data.
        asks: Who needs it, for the error: `pruner 'snip'`.
        seed: Decides what is random; left out, the context's.

    Raises:
        ConfigError: There is something to measure, but nothing to run.
    """
    seed = context.seed if seed is None else seed
    if not needs:
        return PrunerEvidence(seed)
    run = context.run
    if run is None:
        cure = "Pass 'run' to spareto.compress, or --data to the command."
        rule = f"a way to measure {' and '.join(sorted(needs))}, which {asks} needs"
        raise ConfigError(Problem(context.where, "no data", rule, cure))
    with passing_copy(context.network) as copy:
        bake(copy)
        chosen = {name: copy.get_submodule(name) for name in layers}
        for layer in chosen.values():
            _weight(layer).requires_grad_(True)
        inputs = _Inputs(copy, chosen)
        looks = bool({"activity", "responses"} & set(needs))
        with torch.random.fork_rng(devices=[]), inputs.counted() if looks else nullcontext():
            torch.manual_seed(seed)
            answer = bound(run, copy.train())()
        gradients = _gradients(loss_of(answer, asks), chosen) if "gradients" in needs else {}
        activity = inputs.activity() if "activity" in needs else {}
        return PrunerEvidence(seed, gradients, activity, inputs.responses() if "responses" in needs else {})


def _gradients(loss: Tensor, layers: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {name: layer.weight for name, layer in layers.items()}  # pyright: ignore
    found = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
    return {
        name: torch.zeros_like(weight) if gradient is None else gradient
        for (name, weight), gradient in zip(weights.items(), found, strict=True)
    }


class _Inputs:
    """How often each input channel of a layer is not zero, and how large each output channel is.

    Layers that share a weight count together.
    """

    def __init__(self, network: nn.Module, layers: Mapping[str, nn.Module]) -> None:
        self._network, self._layers = network, dict(layers)
        self._nonzero: dict[str, Tensor] = {}
        self._seen: dict[str, int] = {}
        self._squares: dict[str, Tensor] = {}
        self._made: dict[str, int] = {}
        known = synaptic_layers(network)
        self._owners = {layer: name for name, layer in layers.items()}
        for name, layer in layers.items():
            others = [other for other in shared_with(network, layer) if other in known]
            self._owners |= {known[other]: name for other in others}

    def counted(self) -> AbstractContextManager[None]:
        """Count inside the block."""
        called = {str(place): layer for place, layer in enumerate(self._owners)}
        return looking_at(self._network, called, self._count)

    def _count(self, _: str, layer: nn.Module, given: Tensor, made: Tensor) -> None:
        name = self._owners[layer]
        axis = channel_axis(layer)
        channels = (given.detach() != 0).movedim(axis, 0).flatten(1)
        self._nonzero[name] = self._nonzero.get(name, 0) + channels.double().sum(1)
        self._seen[name] = self._seen.get(name, 0) + channels.shape[1]
        answers = made.detach().movedim(axis, 0).flatten(1).double().square()
        self._squares[name] = self._squares.get(name, 0) + answers.sum(1)
        self._made[name] = self._made.get(name, 0) + answers.shape[1]

    def responses(self) -> dict[str, Tensor]:
        """Mean square of each output channel; 0 for layers that the network never calls."""
        return {
            name: self._squares[name] / self._made[name]
            if name in self._squares
            else _weight(layer).detach().new_zeros(len(_weight(layer)), dtype=torch.float64)
            for name, layer in self._layers.items()
        }

    def activity(self) -> dict[str, Tensor]:
        """Share of inputs that are not zero, in a shape that broadcasts to the layer's weight."""
        return {name: self._to_weight(name, layer) for name, layer in self._layers.items()}

    def _to_weight(self, name: str, layer: nn.Module) -> Tensor:
        weight = _weight(layer)
        if name not in self._nonzero:  # the network never calls it: its inputs never spike
            return weight.new_zeros(weight.shape[1])[(None, ...) + (None,) * (weight.dim() - 2)]
        share = self._nonzero[name] / self._seen[name]
        groups = getattr(layer, "groups", 1)
        by_output = share.view(groups, -1).repeat_interleave(weight.shape[0] // groups, 0)
        return by_output[(..., *(None,) * (weight.dim() - 2))]


def _weight(layer: nn.Module) -> Tensor:
    return layer.weight  # pyright: ignore[reportReturnType]
