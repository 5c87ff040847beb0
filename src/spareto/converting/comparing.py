"""Run both networks and compare every spike of every neuron."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from spareto.converting.following import is_neuron
from spareto.converting.graph import Graph
from spareto.converting.network import ConvertedNetwork
from spareto.converting.potentials import Potentials
from spareto.core.errors import ConfigError, Problem
from spareto.frameworks import neuron_facts
from spareto.frameworks.spareto import NEVER
from spareto.kernels import reference
from spareto.neurons.multi_spike import MultiSpike
from spareto.neurons.recurrent import Recurrent
from spareto.observing.calls import listening
from spareto.observing.watching import tensors

ROUNDING: Final = 1e-5
"""How near to the threshold, relative to it or to 1, a potential decides by rounding."""

CURE: Final = (
    "Set states of neurons before the first timestep only. Else please report the network; until then keep"
    " it as it is, spareto compresses and costs it all the same."
)


@dataclass(frozen=True)
class Difference:
    """A spike that one of two networks has and the other has not.

    Args:
        layer: Name of the neurons.
        timestep: From 0.
        element: Place in the batch and in the layer.
        theirs: What the original emits.
        ours: What the converted network emits.
        distance: Of our potential from the threshold.
    """

    layer: str
    timestep: int
    element: tuple[int, ...]
    theirs: float
    ours: float
    distance: float

    def problem(self) -> Problem:
        """As a problem."""
        where = (
            f"'{self.layer}', timestep {self.timestep}, sample {self.element[0]}, neuron {self.element[1:]}"
        )
        got = f"{self.ours:g} from the converted network, {self.distance:.2g} from the threshold"
        return Problem(where, got, f"{self.theirs:g}, as the original gives", CURE)


def spikes_of(
    network: nn.Module, names: list[str], run: Callable[[], Any], samples: int
) -> tuple[dict[str, Tensor], Any]:
    """What each layer of neurons of another framework emits, `(time, batch, ...)`, and the output."""
    found: dict[str, list[Tensor]] = {name: [] for name in names}
    modules = {name: network.get_submodule(name) for name in names}

    def after(name: str, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        if output is not None:
            found[name].append(next(tensors(output)).clone())

    with listening(modules, after=after):
        output = run()
    return {name: _time_first(modules[name], calls, samples) for name, calls in found.items()}, output


def _time_first(module: nn.Module, calls: list[Tensor], samples: int) -> Tensor:
    facts = neuron_facts(module)
    axes = "one step" if facts is None else facts.axes
    if facts is None and getattr(module, "step_mode", "s") == "m":
        axes = "time-batch"
    if axes == "one step":
        return torch.stack(calls)
    if facts is not None and facts.squeezed:
        return calls[0].unflatten(0, (samples, -1)).transpose(0, 1)
    return calls[0] if axes == "time-batch" else calls[0].transpose(0, 1)


def compared(
    network: ConvertedNetwork, graph: Graph, frames: Tensor, theirs: dict[str, Tensor], output: Any
) -> tuple[str, ...]:
    """Compare every spike, then what is returned; notes on what rounding decided.

    Args:
        network: The converted network, in evaluation mode.
        graph: What it was built of.
        frames: As the converted network takes them.
        theirs: What each layer of the original emitted, `(time, batch, ...)`.
        output: What the original returned.

    Raises:
        ConfigError: They differ; says which neuron, when and where, the first one of each sample.
    """
    currents, ours = dict[str, Tensor](), dict[str, Tensor]()
    modules = {name: network.get_submodule(network.neurons[name]) for name in theirs}

    def after(name: str, module: nn.Module, args: Any, kwargs: Any, made: Any) -> None:
        if made is not None:
            currents[name] = args[0]
            number = 1 if isinstance(module, Potentials) and _integrates(module) else 0
            ours[name] = list(tensors(made))[number]

    with reference(), listening(modules, after=after):
        mine = network(frames)
    first = _first_differences(modules, currents, theirs, ours)
    wrong = [each.problem() for each in first if each.distance > ROUNDING]
    if wrong:
        raise ConfigError(wrong[:3])
    rounded = {each.element[0] for each in first}
    _check_output(network, frames, mine, output, rounded)
    total = sum(spikes.numel() for spikes in theirs.values())
    if not first:
        return (f"Every one of {total:,} spikes and silences of the sample is the original's.",)
    names = ", ".join(dict.fromkeys(f"'{each.layer}'" for each in first))
    return (
        f"In {len(rounded)} samples rounding decides a spike otherwise than in the original, first in"
        f" {names}: a potential lies within {ROUNDING:g} of the threshold. All else before it is equal.",
    )


def _integrates(module: Potentials) -> bool:
    return getattr(module.neuron, "v_threshold", 0.0) >= NEVER


def _first_differences(
    modules: dict[str, nn.Module],
    currents: dict[str, Tensor],
    theirs: dict[str, Tensor],
    ours: dict[str, Tensor],
) -> list[Difference]:
    """The first difference of each sample: earliest timestep, then the layer that runs first."""
    found: dict[int, Difference] = {}
    for name, expected in theirs.items():
        got = ours[name].reshape(expected.shape).to(expected.dtype)
        module = modules[name]
        integrates = isinstance(module, Potentials) and _integrates(module)
        limit = 1e-4 * max(1.0, float(expected.abs().max())) if integrates else 0.0
        differs = (got - expected).abs() > limit
        for sample in differs.flatten(2).any(-1).any(0).nonzero().flatten().tolist():
            t = int(differs[:, sample].flatten(1).any(-1).nonzero()[0])
            if sample in found and found[sample].timestep <= t:
                continue
            place = tuple(int(index) for index in differs[t, sample].nonzero()[0])
            at = (t, sample, *place)
            distance = float("inf") if integrates else _distance(module, currents[name], at, expected.shape)
            values = float(expected[at]), float(got[at])
            found[sample] = Difference(name, t, (sample, *place), *values, distance)
    return [found[sample] for sample in sorted(found)]


def _distance(module: nn.Module, currents: Tensor, at: tuple[int, ...], shape: torch.Size) -> float:
    """How far the potential is from the nearest threshold, relative to the threshold or to 1."""
    neuron = module.neuron if isinstance(module, Potentials) else module
    _, before = Potentials(neuron, "before")(currents)
    inner = neuron.neuron if isinstance(neuron, Recurrent) else neuron
    family = inner.neuron if isinstance(inner, MultiSpike) else inner
    threshold = float(family.v_threshold)  # type: ignore[arg-type]
    potential = float(before.reshape(shape)[at])
    times = max(1.0, round(potential / threshold)) if isinstance(inner, MultiSpike) and threshold else 1.0
    return abs(potential - times * threshold) / max(1.0, abs(times * threshold))


def _check_output(
    network: ConvertedNetwork, frames: Tensor, mine: Any, output: Any, rounded: set[int]
) -> None:
    """What is returned, child by child and fused, is what the original returns, but for rounded spikes."""
    if rounded:
        return
    for fused, made in ((False, mine), (True, network(frames))):
        pairs = zip(tensors(made), _wanted(network, output), network.layouts, strict=True)
        for number, (got, theirs, layout) in enumerate(pairs):
            expected = _turned(layout, got, theirs if theirs.is_floating_point() else theirs.to(got.dtype))
            where = f"output {number} of the {'fused ' if fused else ''}network"
            if got.shape != expected.shape:
                shapes = f"shape {tuple(got.shape)}", f"{tuple(expected.shape)}, as the original gives"
                raise ConfigError(Problem(where, *shapes, CURE))
            error = float((got.to(expected.dtype) - expected).abs().max()) if got.numel() else 0.0
            if not error <= 1e-4 * max(1.0, float(expected.abs().max())):
                raise ConfigError(
                    Problem(where, f"a difference of {error:.2g}", "that of the original", CURE)
                )


def _wanted(network: ConvertedNetwork, output: Any) -> list[Tensor]:
    """Tensors of the original's output that the converted network returns too, in order."""
    found = list[Tensor]()

    def walk(ours: Any, theirs: Any) -> None:
        if isinstance(ours, dict):
            for key, item in ours.items():
                walk(item, theirs[key])
        elif isinstance(ours, list):
            for item, other in zip(ours, theirs, strict=True):
                walk(item, other)
        elif ours is not None:
            found.append(torch.stack(list(theirs)) if isinstance(theirs, list | tuple) else theirs)

    walk(network.output, output)
    return found


def _turned(layout: str, got: Tensor, expected: Tensor) -> Tensor:
    """The original's output with time first."""
    if layout == "BT":
        return expected.transpose(0, 1)
    if layout == "B*T":
        return expected.unflatten(0, (got.shape[1], got.shape[0])).transpose(0, 1)
    return expected.unflatten(0, got.shape[:2]) if layout == "T*B" else expected


def neuron_names(network: nn.Module) -> list[str]:
    """Dotted names of all layers of neurons, those inside of others left out."""
    found = list[str]()
    for name, module in network.named_modules():
        if name and is_neuron(module) and not any(name.startswith(f"{other}.") for other in found):
            found.append(name)
    return found
