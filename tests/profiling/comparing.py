"""Hold a workload to what a network wrote down of itself."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from profiling import twin
from profiling.book import Site


def assert_equal(workload, sites: list[Site], products=()):
    """Every layer of a workload equals the twin's counts, to the last bit."""
    layers = {layer.name: layer for layer in workload.layers}
    assert sorted(layers) == sorted(site.name for site in sites)
    for site in sites:
        assert_layer(layers[site.name], site)
    found = sorted(
        (product.effectual_mean, product.effectual_max, product.operation) for product in workload.products
    )
    assert found == sorted(_pair(*pair) for pair in products)


def _pair(left, right):
    counted = twin.count_pairs(left, right)
    spikes = [bool(np.isin(side, (0, 1)).all()) for side in (left, right)]
    return float(counted.mean()), float(counted.max()), ("multiply", "accumulate", "and")[sum(spikes)]


def assert_layer(layer, site: Site):
    """One layer of a workload equals the twin's counts."""
    weights, inputs = weights_of(site), site.inputs
    counted = twin.count(weights, inputs, site.places)
    where = layer.name
    found = {
        "effectual": (layer.effectual_synops_mean, layer.effectual_synops_max),
        "reached": (layer.reached_synops_mean, layer.reached_synops_max),
        "touched": (layer.touched_updates_mean, layer.touched_updates_max),
    }
    expected = {
        "effectual": _both(counted.effectual),
        "reached": _both(counted.reached),
        "touched": _both(counted.touched * site.held),
    }
    if site.pooled:
        most = inputs.shape[0] * int(np.prod(site.outputs.shape[2:]))
        expected["touched"] = _both(np.minimum(counted.touched, most))
    assert found == expected, where
    assert layer.timesteps == inputs.shape[0], where
    assert_tensor(layer.arriving, inputs, site.places, f"{where}: input")
    if site.outputs is None:
        assert layer.neuron is None, where
    else:
        assert layer.neuron is not None, where
        assert layer.neuron.count == int(np.prod(site.outputs.shape[2:])), where
        assert_tensor(layer.output, site.outputs, site.out_places, f"{where}: output")


def assert_tensor(tensor, values, places, where):
    """One tensor of a workload equals recorded values `(T, N, places..., channels, ...)`."""
    live = values != 0
    totals = live.reshape(*live.shape[:2], -1).sum((0, 2))
    assert (tensor.nonzero_mean, tensor.nonzero_max) == _both(totals), where
    flat = live.reshape(*live.shape[:2], -1)
    assert tensor.nonzero_per_timestep == tuple(flat.sum(2).mean(1).tolist()), where
    awake = flat.any(0).sum(1)
    assert (tensor.awake_mean, tensor.awake_max) == _both(awake), where
    by_channel = np.moveaxis(live, 2 + places, 2)
    by_channel = by_channel.reshape(*by_channel.shape[:3], -1).sum((1, 3)) / live.shape[1]
    assert np.array_equal(tensor.nonzero_by_channel.array(), by_channel), where
    spikes = bool(np.isin(values, (0, 1)).all())
    assert (tensor.kind == "spike") == spikes, where


def _both(counts):
    return float(counts.mean()), float(counts.max())


def weights_of(site: Site) -> twin.Weights:
    """The layer of a site, as numpy has it: its weight in use."""
    layer = site.layer
    if isinstance(layer, twin.Weights):
        return layer
    with torch.no_grad():
        values = layer.weight.detach().clone().double().numpy()
        bias = False if layer.bias is None else layer.bias.detach().numpy() != 0
    if isinstance(layer, nn.Linear):
        return twin.Weights(values, bias if site.driven is None else site.driven)
    return twin.Weights(
        values,
        bias if site.driven is None else site.driven,
        stride=layer.stride,
        padding=_padding(layer),
        dilation=layer.dilation,
        groups=layer.groups,
        transposed=layer.transposed,
        output_padding=layer.output_padding,
    )


def _padding(layer):
    if layer.padding == "same":
        totals = [step * (size - 1) for step, size in zip(layer.dilation, layer.kernel_size, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if layer.padding == "valid":
        return ((0, 0),) * len(layer.kernel_size)
    return tuple((size, size) for size in layer.padding)
