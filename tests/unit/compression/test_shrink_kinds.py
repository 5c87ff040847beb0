"""Channels are cut through every pooling and reshaping, and refused where something else reads them."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

from spareto.compression import shrink
from spareto.core.errors import ConfigError

X = torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(1))


class Net(nn.Module):
    """A convolution with silent channels 1 and 4, something, a convolution, something, a dense layer."""

    def __init__(self, between=None, behind=None, size=None):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(2, 6, 3, padding=1), nn.Conv2d(6, 5, 3, padding=1)
        self.between, self.behind = between or (lambda net, x: x), behind or (lambda net, x: x.flatten(1))
        self.scale = nn.Parameter(torch.rand(6, 1, 1))
        with torch.no_grad():
            for layer, places in ((self.first, [1, 4]), (self.second, [0])):
                layer.weight[places] = 0
                layer.bias[places] = 0
            inside = self.second(self.between(self, self.first(X)).relu())
            features = self.behind(self, inside).shape[-1]
        self.out = nn.Linear(features, 3)
        self.eval()

    def forward(self, x):
        x = self.second(self.between(self, self.first(x)).relu())
        return self.out(self.behind(self, x))


def split_time(net, x):
    return x.unflatten(0, (3, 1)).transpose(0, 1).flatten(0, 1)


def written(net, x):
    out = torch.zeros_like(x)
    for sample in range(len(x)):
        out[sample] = x[sample] * 2
    return out


def stacked(net, x):
    return torch.stack([sample.relu() for sample in x])


def gated(net, x):
    return x * (x > 0)


BETWEEN = {
    "max pool": lambda net, x: F.max_pool2d(x, 2),
    "average pool": lambda net, x: F.avg_pool2d(x, 3, 2, 1),
    "adaptive pool": lambda net, x: F.adaptive_avg_pool2d(x, 4),
    "adaptive max pool": lambda net, x: F.adaptive_max_pool2d(x, 4),
    "lp pool": lambda net, x: F.lp_pool2d(x.relu(), 2, 2),
    "upsampling": lambda net, x: F.interpolate(x, scale_factor=2),
    "padding": lambda net, x: F.pad(x, (1, 2, 0, 1)),
    "crop": lambda net, x: x[:, :, 1:-1, ::2],
    "mirror": lambda net, x: x.flip(3),
    "time first": split_time,
    "written": written,
    "stacked": stacked,
    "gated": gated,
    "with itself": lambda net, x: x + x.relu(),
    "mean of the plane": lambda net, x: x - x.mean((2, 3), keepdim=True),
    "dropout": lambda net, x: F.dropout(x, 0.5, training=False),
    "pixel by pixel": lambda net, x: x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
    "two halves of time": lambda net, x: torch.cat([x[:1], x[1:]]),
    "in place": lambda net, x: x.clone().mul_(2).clamp_(min=-1),
}
BEHIND = {
    "flatten": lambda net, x: x.flatten(1),
    "mean": lambda net, x: x.mean((2, 3)),
    "sum": lambda net, x: x.sum(-1).sum(-1),
    "maximum": lambda net, x: x.amax((2, 3)),
    "pool and reshape": lambda net, x: F.adaptive_avg_pool2d(x, 2).reshape(len(x), -1),
    "channels last": lambda net, x: x.permute(0, 2, 3, 1).flatten(1),
    "rows as tokens": lambda net, x: x.flatten(2).transpose(1, 2).mean(1),
}


@pytest.mark.parametrize("way", BETWEEN)
def test_between_two_convolutions(way):
    network = Net(between=BETWEEN[way])
    small = shrink(network, X)
    assert (small.first.out_channels, small.second.in_channels, small.second.out_channels) == (4, 4, 4)
    torch.testing.assert_close(small(X), network(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("way", BEHIND)
def test_before_a_dense_layer(way):
    network = Net(behind=BEHIND[way])
    small = shrink(network, X)
    assert small.out.in_features == network.out.in_features * 4 // 5
    torch.testing.assert_close(small(X), network(X), rtol=1e-5, atol=1e-5)


REFUSED = {
    "layer norm": (lambda net, x: F.layer_norm(x, x.shape[1:]), "passes through 'layer_norm'"),
    "group norm": (lambda net, x: F.group_norm(x, 2), "passes through 'group_norm'"),
    "softmax": (lambda net, x: x.softmax(1), "passes through 'softmax'"),
    "sorted": (lambda net, x: x.sort(1).values, "passes through 'sort'"),
    "turned": (lambda net, x: x.flip(1), "passes through 'flip'"),
    "rolled": (lambda net, x: x.roll(2, 1), "passes through 'roll'"),
    "some channels": (lambda net, x: F.pad(x[:, :5], (0, 0, 0, 0, 0, 1)), "passes through 'slice'"),
    "padded channels": (lambda net, x: F.pad(x[:, 1:], (0, 0, 0, 0, 0, 1)), "passes through 'slice'"),
    "shuffled": (lambda net, x: F.channel_shuffle(x, 2), "passes through"),
    "pixel shuffle": (
        lambda net, x: F.pixel_unshuffle(F.pixel_shuffle(x[:, :4], 2), 2).repeat(1, 2, 1, 1)[:, :6],
        "passes through",
    ),
    "its own product": (lambda net, x: x @ x.transpose(-1, -2), "that matmul reads"),
    "scaled": (lambda net, x: x * net.scale, "that meets parameter 'scale'"),
    "shifted": (lambda net, x: x + net.scale, "that meets parameter 'scale'"),
    "sum of channels": (lambda net, x: x + x.sum(1, keepdim=True), "passes through 'sum'"),
}


@pytest.mark.parametrize("way", REFUSED)
def test_what_cannot_be_cut_is_named(way):
    between, reason = REFUSED[way]
    network = Net(between=between)
    with pytest.raises(ConfigError) as error:
        shrink(network, X)
    mine = [problem for problem in error.value.problems if problem.where == "layer 'first'"]
    assert any(reason in problem.got for problem in mine), str(error.value)
    assert all(problem.rule and problem.cure for problem in mine)


def test_two_layers_added_are_refused():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.out = nn.Conv2d(2, 4, 1), nn.Conv2d(2, 4, 1), nn.Conv2d(4, 1, 1)
            for layer in (self.a, self.b):
                nn.init.zeros_(layer.weight[0])
                nn.init.zeros_(layer.bias[:1])

        def forward(self, x):
            return self.out(self.a(x) + self.b(x))

    with pytest.raises(ConfigError) as error:
        shrink(Sum(), X)
    rule = "expected channels that can be followed to 'out'"
    cure = "Exclude it from channel pruning, or leave the network as it is."
    assert str(error.value).splitlines() == [
        f"layer '{name}': got an output that passes through 'add'; {rule}. {cure}" for name in "ab"
    ]


def test_two_layers_side_by_side_are_refused_as_their_places_are_written_in_code():
    class Side(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.out = nn.Conv2d(2, 4, 1), nn.Conv2d(2, 4, 1), nn.Conv2d(8, 1, 1)
            nn.init.zeros_(self.a.weight[0])
            nn.init.zeros_(self.a.bias[:1])

        def forward(self, x):
            return self.out(torch.cat([self.a(x), self.b(x)], 1))

    with pytest.raises(ConfigError, match="layer 'a': got an output that passes through 'cat'"):
        shrink(Side(), X)


def test_a_number_of_channels_written_in_forward_is_noticed():
    network = Net(behind=lambda net, x: x.reshape(len(x), 5 * 64))
    with pytest.raises(ConfigError) as error:
        shrink(network, X)
    assert "a network that does not run any more" in str(error.value)
    assert "numbers of channels written in forward" in str(error.value)


def test_shared_and_computed_weights_are_refused():
    network = Net()
    network.copy = nn.Conv2d(2, 6, 3, padding=1)
    network.copy.weight = network.first.weight
    with pytest.raises(ConfigError, match="a weight of 'first' that 'copy' shares"):
        shrink(network, X)
    network = Net()
    parametrizations.weight_norm(network.second)
    with pytest.raises(ConfigError, match="weight norm on the weight of 'second'"):
        shrink(network, X)


def test_a_layer_called_on_two_sizes():
    class Sizes(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.first, self.second, self.out = nn.Conv2d(2, 6, 3), nn.Conv2d(6, 6, 3), nn.Conv2d(6, 2, 3)
            nn.init.zeros_(self.first.weight[2])
            nn.init.zeros_(self.first.bias[2:3])

        def forward(self, x):
            large, small = self.first(x), self.first(x[:, :, ::2, ::2])
            return self.out(self.second(large)).mean((2, 3)) + self.second(small).mean((2, 3))[:, :2]

    network = Sizes().eval()
    torch.testing.assert_close(
        shrink(network, X.repeat(1, 1, 2, 2))(X.repeat(1, 1, 2, 2)),
        network(X.repeat(1, 1, 2, 2)),
        rtol=1e-5,
        atol=1e-5,
    )
    assert shrink(network, X.repeat(1, 1, 2, 2)).second.in_channels == 5


def test_a_layer_called_twice_on_its_own_output_is_refused():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.step, self.out = nn.Linear(4, 4), nn.Linear(4, 2)
            nn.init.zeros_(self.step.weight[1])
            nn.init.zeros_(self.step.bias[1:2])

        def forward(self, x):
            return self.out(self.step(self.step(x).relu()))

    with pytest.raises(ConfigError, match="passes through 'several paths'"):
        shrink(Twice(), torch.rand(3, 4))
