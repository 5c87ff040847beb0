"""Make the hidden layers of a network wider without changing what it computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import torch
from torch import Tensor, nn

from spareto.compression.checks import refuse_unfit
from spareto.compression.copies import Module, copy_of
from spareto.compression.following import Arrival, Followed, follow
from spareto.compression.layers import synaptic_layers
from spareto.compression.parametrization import compressed_weight
from spareto.compression.runs import Run, bound
from spareto.compression.shrinking.channels import neuron_channels, select_inputs
from spareto.compression.shrinking.cut import resize, select, select_neurons
from spareto.compression.shrinking.obstacles import obstacles
from spareto.compression.shrinking.shrinker import refuse_another_function
from spareto.core.arguments import of_kind
from spareto.core.errors import ConfigError, Problem

CURE: Final = "Widen by 1, or build a wider network."


def widen(network: Module, multiplier: float, run: Run, *, noise: float = 0.0, seed: int = 0) -> Module:
    """A wider copy of a network: hidden channels come several times, and their readers share them out.

    A layer of C hidden channels gets `round(multiplier * C)`: channel i is a copy of channel i modulo C, with
    its bias, batch norm and what its neurons have one of per channel. What reads a channel that comes k times
    reads each copy with a k-th of its weight, so without noise the wider network answers as before. The
    channels that leave the network stay.

    Args:
        network: Not compressed; left untouched.
        multiplier: At least 1.
        run: Frames, or a function that runs a network on some and returns its answer: which layer feeds which
            is seen, not guessed.
        noise: Standard deviation of normal numbers added to the weights of the copies, by that of their
            layer's weights.
        seed: Decides these numbers.

    Raises:
        ConfigError: A layer cannot be widened, or the network is compressed; names the layer.

    Reference:
        chen2015 (Net2Net): wider networks that compute the same.
    """
    _refuse_numbers(multiplier, noise)
    refuse_unfit(network)
    refuse_compressed(network)
    seen = follow(network, bound(run, network))
    copies = _copies(network, seen, multiplier)
    ConfigError.if_any([*obstacles(network, copies, seen), *_scattered(seen, copies)])
    wider = copy_of(network)
    with torch.no_grad():
        for name, chosen in copies.items():
            _repeat_outputs(wider.get_submodule(name), chosen)
        for arrival in seen.arrivals.values():
            if arrival.layers & set(copies):
                _repeat_inputs(wider.get_submodule(arrival.reader), arrival, seen, copies)
    refuse_another_function(network, wider, run, "the same output with copies of its channels")
    with torch.no_grad():
        _disturb(wider, {name: seen.size[name] for name in copies}, noise, seed)
    return wider


def hidden_layers(network: nn.Module, seen: Followed) -> list[str]:
    """Layers whose channels stay inside the network."""
    return [name for name in synaptic_layers(network) if name in seen.arrivals and name not in seen.answer]


def _copies(network: nn.Module, seen: Followed, multiplier: float) -> dict[str, Tensor]:
    """Layer to the channel that each of its new ones is a copy of; only layers that grow."""
    found: dict[str, Tensor] = {}
    for name in hidden_layers(network, seen):
        size = seen.size[name]
        wide = int(multiplier * size + 0.5)
        if wide > size:
            found[name] = torch.arange(wide) % size
    return found


def _repeat_outputs(layer: nn.Module, chosen: Tensor) -> None:
    for tensor in ("weight", "bias"):
        select(layer, tensor, 0, chosen)
    resize(layer)


def _repeat_inputs(module: nn.Module, arrival: Arrival, seen: Followed, copies: Mapping[str, Tensor]) -> None:
    if arrival.kind == "neuron":
        axis, vector = neuron_channels(arrival)
        select_neurons(module, -axis, len(vector), _places(vector, seen, copies))
        return
    vector = arrival.vector()
    assert vector is not None, "what differs between calls is an obstacle"
    places = _places(vector, seen, copies)
    select_inputs(module, arrival.kind, places)
    if arrival.kind == "layer":
        weight = getattr(module, "weight")  # noqa: B009 - a layer's, whatever its class
        shares = torch.bincount(places, minlength=len(vector))[places].to(weight.dtype)
        weight.div_(shares.view(1, -1, *[1] * (weight.dim() - 2)))


def _places(vector: Tensor, seen: Followed, copies: Mapping[str, Tensor]) -> Tensor:
    """Positions of an input vector in the order of the wider network."""
    found: list[Tensor] = []
    for name, run in _runs(vector, seen):
        places = torch.nonzero(run).flatten()
        if name in copies:
            channel = vector[places] - seen.first[name]
            places = torch.cat([places[channel == each] for each in copies[name]])
        found.append(places)
    return torch.cat(found)


def _runs(vector: Tensor, seen: Followed) -> Iterator[tuple[str, Tensor]]:
    """Stretches of an input vector that hold one layer's channels, in order: the layer's name, and where."""
    owner = torch.full(vector.shape, -1)
    names = list(seen.first)
    for index, name in enumerate(names):
        owner[(vector >= seen.first[name]) & (vector < seen.first[name] + seen.size[name])] = index
    values, lengths = torch.unique_consecutive(owner, return_counts=True)
    begin = 0
    for value, length in zip(values.tolist(), lengths.tolist(), strict=True):
        run = torch.zeros(len(vector), dtype=torch.bool)
        run[begin : begin + length] = True
        begin += length
        yield names[value] if value >= 0 else "", run


def _scattered(seen: Followed, copies: Mapping[str, Tensor]) -> Iterator[Problem]:
    """Readers to which a layer's channels do not come one behind the other, each with all its elements."""
    for arrival in seen.arrivals.values():
        for name in arrival.layers & set(copies):
            vector = neuron_channels(arrival)[1] if arrival.kind == "neuron" else arrival.vector()
            if vector is None:
                continue
            runs = [run for owner, run in _runs(vector, seen) if owner == name]
            order = torch.unique_consecutive(vector[runs[0]]).tolist() if len(runs) == 1 else []
            if order != seen.channels(name).tolist() and not _repeats_whole(vector, runs, seen, name):
                got = f"channels that reach '{arrival.reader}' in another order"
                yield Problem(f"layer '{name}'", got, "one channel behind the other", CURE)


def _repeats_whole(vector: Tensor, runs: list[Tensor], seen: Followed, name: str) -> bool:
    """Whether each stretch has every channel once, as where a layer's output is read twice side by side."""
    whole = seen.channels(name).tolist()
    return all(torch.unique_consecutive(vector[run]).tolist() == whole for run in runs) and bool(runs)


def _disturb(network: nn.Module, sizes: Mapping[str, int], noise: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for name, size in sizes.items():
        weight: Tensor = network.get_submodule(name).get_parameter("weight")
        added = weight[size:]
        drawn = torch.randn(added.shape, generator=generator).to(added)
        added.add_(drawn, alpha=noise * float(weight[:size].std(unbiased=False)))


def _refuse_numbers(multiplier: float, noise: float) -> None:
    of_kind(multiplier, (int, float), "multiplier", "a number from 1 to 64")
    of_kind(noise, (int, float), "noise", "a number of at least 0")
    problems = [
        Problem(where, f"{value:g}", rule)
        for where, value, rule, fits in (
            ("multiplier", multiplier, "a number from 1 to 64", 1 <= multiplier <= 64),
            ("noise", noise, "a number of at least 0", 0 <= noise < float("inf")),
        )
        if not fits
    ]
    ConfigError.if_any(problems)


def refuse_compressed(
    network: nn.Module, rule: str = "a plain weight", cure: str = "Widen first, then compress."
) -> None:
    """Refuse a network of which a layer has masks or quantizers."""
    ConfigError.if_any(
        Problem(f"layer '{name}'", "masks or quantizers", rule, cure)
        for name, layer in synaptic_layers(network).items()
        if compressed_weight(layer) is not None
    )
