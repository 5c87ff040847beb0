"""A pruned channel takes with it the batch norms that read it, whatever the order of definition."""

from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spareto.compression import bake, compress, compressed_weight
from spareto.compression.parametrization import KeptChannels
from spareto.core.errors import ConfigError
from spareto.records import LayerFilter, PruneStep, Recipe

C = 6
X = torch.randn(3, C, 6, 6, generator=torch.Generator().manual_seed(3))
CHANNELS = PruneStep(sparsity=0.5, pruner="channels", scope="per_layer")


class Body(nn.Module):
    """Two convolutions, each with a norm, defined crosswise, and a way in which the tensors go."""

    def __init__(self, way):
        super().__init__()
        torch.manual_seed(0)
        self.conv1 = nn.Conv2d(C, C, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(C)
        self.conv2 = nn.Conv2d(C, C, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(C)
        self.out = nn.Conv2d(C, C, 1)
        self.way = way
        for norm in (self.norm1, self.norm2):
            nn.init.normal_(norm.running_mean)
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
        self.eval()

    def forward(self, x):
        return self.out(self.way(self, x))


def plain(net, x):
    return net.norm2(net.conv2(net.norm1(net.conv1(x)).relu())).relu()


def pool_between(net, x):
    return net.norm2(net.conv2(net.norm1(F.max_pool2d(net.conv1(x), 2)))).relu()


def average_pool_between(net, x):
    return net.norm2(net.conv2(net.norm1(F.avg_pool2d(net.conv1(x), 2)))).relu()


def norm_behind_the_activation(net, x):
    return net.norm2(net.conv2(net.norm1(net.conv1(x).relu())))


def loop(net, x):
    return torch.cat([net.norm2(net.conv2(net.norm1(net.conv1(s[None])))) for s in x])


def skip_behind(net, x):
    y = net.norm1(net.conv1(x))
    return net.norm2(net.conv2(y)) + y


def skip_into_the_norm(net, x):
    return net.norm2(net.conv2(net.norm1(net.conv1(x) + x)))


def norm_of_both(net, x):
    return net.norm1(net.conv2(net.norm1(net.conv1(x))))


def turned(net, x):
    return net.norm2(net.conv2(net.norm1(net.conv1(x).flip(1))))


def crossed(net, x):
    """The norm that is defined behind a layer reads the other one."""
    return net.norm1(net.conv2(net.norm2(net.conv1(x)).relu()))


SILENCED = {
    plain: {"norm1": "conv1", "norm2": "conv2"},
    pool_between: {"norm1": "conv1", "norm2": "conv2"},
    average_pool_between: {"norm1": "conv1", "norm2": "conv2"},
    norm_behind_the_activation: {"norm1": "conv1", "norm2": "conv2"},
    loop: {"norm1": "conv1", "norm2": "conv2"},
    skip_behind: {"norm1": "conv1", "norm2": "conv2"},
    skip_into_the_norm: {"norm2": "conv2"},
    norm_of_both: {},
    turned: {"norm1": "conv1", "norm2": "conv2"},
    crossed: {"norm2": "conv1", "norm1": "conv2"},
}


def pruned(network, **changes):
    recipe = Recipe(steps=(CHANNELS.model_copy(update=changes),), layers=LayerFilter(exclude=("out",)))
    return compress(network, recipe, run=lambda net: net(X).square().mean())


def gone(network, layer):
    return (compressed_weight(network.get_submodule(layer)).mask == 0).flatten(1).all(1)


def silent(norm):
    return (norm.weight == 0) & (norm.bias == 0)


@pytest.mark.parametrize("way", SILENCED, ids=lambda way: way.__name__)
def test_the_norm_that_reads_a_layer_goes_with_its_channels(way):
    network = pruned(Body(way)).eval()
    for name in ("norm1", "norm2"):
        norm = network.get_submodule(name)
        if name not in SILENCED[way]:
            assert not KeptChannels.of(norm), "a norm that reads something else must not be silenced"
            continue
        expected = gone(network, SILENCED[way][name])
        expected = expected.flip(0) if way is turned and name == "norm1" else expected
        assert expected.sum() == C // 2
        assert torch.equal(silent(norm), expected)


@pytest.mark.parametrize("way", SILENCED, ids=lambda way: way.__name__)
def test_what_a_norm_gives_for_a_pruned_channel_is_zero(way):
    network = pruned(Body(way)).eval()
    for name, layer in SILENCED[way].items():
        seen = []
        network.get_submodule(name).register_forward_hook(
            lambda _, __, output, seen=seen: seen.append(output)
        )
        network(X)
        places = gone(network, layer)
        places = places.flip(0) if way is turned and name == "norm1" else places
        assert seen
        assert all(not output[:, places].any() for output in seen)


def test_masks_that_change_later_take_the_norm_along():
    from spareto.compression.masking import prune_to
    from spareto.compression.steps import StepContext

    network = pruned(Body(crossed), sparsity=0.2).eval()
    layers = {name: network.get_submodule(name) for name in ("conv1", "conv2")}
    prune_to(layers, CHANNELS, 0.7, StepContext(network, "recipe.steps[0]", "quantize_then_mask"))
    assert gone(network, "conv1").sum() == 4
    assert torch.equal(silent(network.norm2), gone(network, "conv1"))
    assert torch.equal(silent(network.norm1), gone(network, "conv2"))


def test_the_callers_network_is_only_run():
    network = Body(plain).train()
    before = deepcopy(network.state_dict())
    pruned(network)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert network.training


def test_without_data_the_order_must_be_plain():
    with pytest.raises(ConfigError) as error:
        compress(Body(plain), Recipe(steps=(CHANNELS,)))
    rule = "a way to see which batch norm reads the channels that are pruned"
    cure = "Pass 'run' to spareto.compress, or --data to the command."
    assert str(error.value) == f"recipe.steps[0]: got no data; expected {rule}. {cure}"
    row = nn.Sequential(
        nn.Conv2d(C, C, 3), nn.BatchNorm2d(C), nn.ReLU(), nn.Conv2d(C, 2, 3), nn.BatchNorm2d(2)
    )
    compressed = compress(row, Recipe(steps=(CHANNELS,)))
    assert torch.equal(silent(compressed[1]), gone(compressed, "0"))
    assert torch.equal(silent(compressed[4]), gone(compressed, "3"))


def test_a_network_without_norms_needs_no_data():
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(C, C, 3), nn.Conv2d(C, C, 3)

        def forward(self, x):
            return self.b(self.a(x))

    compressed = compress(Plain(), Recipe(steps=(CHANNELS,)))
    assert torch.equal(compressed.a.bias == 0, gone(compressed, "a"))


def test_a_norm_of_one_value_a_pixel():
    """Behind a flattening, a channel is many features."""

    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.norm, self.out = nn.Conv2d(C, 4, 3), nn.BatchNorm1d(64), nn.Linear(64, 2)
            nn.init.normal_(self.norm.bias)

        def forward(self, x):
            return self.out(self.norm(self.conv(x).flatten(1)))

    recipe = Recipe(steps=(CHANNELS,), layers=LayerFilter(exclude=("out",)))
    compressed = compress(Flat(), recipe, run=lambda net: net(X).sum())
    assert torch.equal(silent(compressed.norm), gone(compressed, "conv").repeat_interleave(16))


def test_a_norm_of_two_layers_side_by_side():
    class Side(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b, self.norm = nn.Conv2d(C, 4, 1), nn.Conv2d(C, 2, 1), nn.BatchNorm2d(6)
            self.out = nn.Conv2d(6, 2, 1)
            nn.init.normal_(self.norm.bias)

        def forward(self, x):
            return self.out(self.norm(torch.cat([self.b(x), self.a(x)], 1)))

    recipe = Recipe(steps=(CHANNELS,), layers=LayerFilter(exclude=("out",)))
    compressed = compress(Side(), recipe, run=lambda net: net(X).sum())
    assert torch.equal(silent(compressed.norm), torch.cat([gone(compressed, "b"), gone(compressed, "a")]))
    expected = compressed.eval()(X)
    bake(compressed)
    assert torch.equal(compressed(X), expected)


def test_layers_of_one_weight_lose_their_biases_together():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b = nn.Conv2d(C, C, 3, padding=1), nn.Conv2d(C, C, 3, padding=1)
            self.na, self.nb = nn.BatchNorm2d(C), nn.BatchNorm2d(C)
            self.b.weight = self.a.weight
            nn.init.normal_(self.nb.bias)

        def forward(self, x):
            return self.nb(self.b(self.na(self.a(x))))

    compressed = compress(Tied(), Recipe(steps=(CHANNELS,)), run=lambda net: net(X).sum())
    places = gone(compressed, "a")
    assert torch.equal(compressed.a.bias == 0, places)
    assert torch.equal(compressed.b.bias == 0, places)
    assert torch.equal(silent(compressed.na), places)
    assert torch.equal(silent(compressed.nb), places)
