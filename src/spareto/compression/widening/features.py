"""Let a wide network's spikes carry what a trained network's do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from spareto.core.errors import ConfigError, Problem
from spareto.kernels import dense
from spareto.layers import SpikingLayer
from spareto.neurons import SpikingNeuron
from spareto.observing import undisturbed
from spareto.running import Runner

OURS = (SpikingLayer, SpikingNeuron)
"""Layers whose outputs are `(time, batch, channels, ...)`; others give `(batch, channels, ...)` a call."""
HOLDER = "feature_projection"


def projection(wide: int, channels: int) -> nn.Parameter:
    """A 1x1 projection of `wide` channels onto `channels`, as a matrix to be learned.

    It starts as the mean over the copies of each channel, as `widen` makes them: channel i is one of channel
    i modulo C.
    """
    copies = (torch.arange(wide) % channels == torch.arange(channels)[:, None]).float()
    return nn.Parameter(copies / copies.sum(1, keepdim=True))


def projected(matrix: Tensor, features: Tensor) -> Tensor:
    """Features `(batch, wide, ...)` to `(batch, channels, ...)`."""
    return torch.einsum("cw,bw...->bc...", matrix, features)


class FeatureLoss:
    """The squared distance of projected features from a frozen network's: `mean (P q - f)²`, over layers.

    Features are the outputs of named modules, their mean over time: what a projection makes of the mean of
    binary spikes is the mean of what it makes of them. Of the network in training they are kept as it runs;
    the frozen one runs here.

    Args:
        teacher: How the frozen network is run.
        names: The modules, in both networks.
        weight: Factor of the distance.
    """

    def __init__(self, teacher: Runner, names: Sequence[str], weight: float) -> None:
        self.teacher, self.names, self.weight = teacher, tuple(names), weight
        self._seen: dict[str, list[Any]] = {}

    @contextmanager
    def following(self, network: nn.Module, frames: Tensor) -> Iterator[None]:
        """While the network trains: its modules are watched, and it holds the projections, which train too.

        Args:
            network: The wide network; as it was, behind.
            frames: Some samples, in the layout of the data, for the sizes of the features.
        """
        sizes = zip(
            self.names, self._run(network, frames), self._run(self.teacher.network, frames), strict=True
        )
        for name, wide, own in sizes:
            network.register_parameter(_key(name), projection(wide.shape[1], own.shape[1]))
        try:
            with self._watching(network, self._seen, in_training=True):
                yield
        finally:
            for name in self.names:
                delattr(network, _key(name))

    def __call__(self, network: nn.Module, frames: Tensor) -> Tensor:
        """The distance for a batch that the network has just run on."""
        own = self._features(network, self._seen)
        self._seen.clear()
        distances = [
            (projected(network.get_parameter(_key(name)), wide) - feature).square().mean()
            for name, wide, feature in zip(
                self.names, own, self._run(self.teacher.network, frames), strict=True
            )
        ]
        return self.weight * torch.stack(distances).mean()

    @torch.no_grad()
    def _run(self, network: nn.Module, frames: Tensor) -> list[Tensor]:
        """Features of a network in evaluation mode."""
        seen: dict[str, list[Any]] = {}
        with undisturbed(network, training=False), self._watching(network, seen):
            self.teacher.bound_to(network).run(frames)
        return self._features(network, seen)

    def _features(self, network: nn.Module, seen: dict[str, list[Any]]) -> list[Tensor]:
        return [feature_of(network.get_submodule(name), seen.get(name, []), name) for name in self.names]

    @contextmanager
    def _watching(
        self, network: nn.Module, seen: dict[str, list[Any]], *, in_training: bool = False
    ) -> Iterator[None]:
        """Keep what the modules put out; in training, not what is only measured."""

        def keeper(name: str) -> Any:
            def keep(module: nn.Module, given: Any, output: Any) -> None:
                if not in_training or (module.training and torch.is_grad_enabled()):
                    seen.setdefault(name, []).append(output)

            return keep

        modules = {name: network.get_submodule(name) for name in self.names}
        handles = [module.register_forward_hook(keeper(name)) for name, module in modules.items()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _key(name: str) -> str:
    """The projection's name: a parameter of the network itself, which no container runs as a layer."""
    return f"{HOLDER}_{name.replace('.', '_')}"


def feature_of(module: nn.Module, outputs: list[Any], name: str) -> Tensor:
    """The mean over time of what a module gave, shape `(batch, channels, ...)`.

    Raises:
        ConfigError: It gave no tensor with channels.
    """
    ours = isinstance(module, OURS)
    tensors = [dense(output) if ours else output for output in outputs]
    if not tensors or not all(
        isinstance(each, Tensor) and each.dim() >= (3 if ours else 2) for each in tensors
    ):
        got, rule = "an output that is no tensor of channels", "one of shape (batch, channels, ...)"
        raise ConfigError(Problem(f"features '{name}'", got, rule, "Name layers of neurons."))
    return torch.stack([each.mean(0) if ours else each for each in tensors]).mean(0)


def feature_names(network: nn.Module, asked: Sequence[str]) -> tuple[str, ...]:
    """The modules whose outputs are features: those asked for, else our spiking layers but the last.

    Raises:
        ConfigError: A name is no module, or there is no layer of ours.
    """
    known = dict(network.named_modules())
    if asked:
        ConfigError.if_any(
            Problem(f"plan.features[{place}]", repr(name), "the name of a module of the network")
            for place, name in enumerate(asked)
            if name not in known
        )
        return tuple(asked)
    found = tuple(name for name, each in known.items() if isinstance(each, SpikingLayer) and each.fires)
    if len(found) < 2:
        got, cure = "no two spiking layers of spareto", "Name the layers of neurons in plan.features."
        raise ConfigError(Problem("plan.features", got, "modules whose outputs are compared", cure))
    return found[:-1]
