"""A batch norm is folded only where it is proven to be the only reader of one layer."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, prune

from spareto.compression import NotFoldedWarning, fold_batch_norm, plan_folding
from spareto.core.errors import ConfigError
from spareto.testing.steps import state_bytes

C = 4
X = torch.randn(3, C, 6, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


class Body(nn.Module):
    """Two convolutions, a norm behind each, and a way in which the tensors go."""

    def __init__(self, way):
        super().__init__()
        torch.manual_seed(0)
        self.norm2 = nn.BatchNorm2d(C)  # defined in another order than they run
        self.conv2 = nn.Conv2d(C, C, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(C)
        self.conv1 = nn.Conv2d(C, C, 3, padding=1, bias=False)
        self.way = way
        for norm in (self.norm1, self.norm2):
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.3, 2.0)
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
        self.double().eval()

    def forward(self, x):
        return self.way(self, x)


def plain(net, x):
    return net.norm2(net.conv2(net.norm1(net.conv1(x)).relu()))


def skip_from_the_layer(net, x):
    y = net.conv1(x)
    return net.norm2(net.conv2(net.norm1(y).relu())) + y


def skip_into_the_norm(net, x):
    return net.norm2(net.conv2(net.norm1(net.conv1(x) + x)))


def skip_behind_the_norm(net, x):
    y = net.norm1(net.conv1(x))
    return net.norm2(net.conv2(y.relu())) + y


def skip_by_concatenation(net, x):
    y = net.conv1(x)
    return torch.cat([net.norm2(net.conv2(net.norm1(y))), y], 1)


def skip_in_place(net, x):
    y = net.conv1(x)
    z = net.norm1(y)
    y += 1
    return net.norm2(net.conv2(z)) + y


def skip_by_a_view(net, x):
    y = net.conv1(x)
    flat = y.flatten(1)
    return net.norm2(net.conv2(net.norm1(y))).flatten(1) + flat


def skip_of_some_channels(net, x):
    y = net.conv1(x)
    out = net.norm2(net.conv2(net.norm1(y)))
    return out + y[:, :1]


def layer_called_twice(net, x):
    return net.norm2(net.conv2(net.norm1(net.conv1(net.conv1(x)))))


def layer_and_norm_called_twice(net, x):
    return net.norm2(net.conv2(net.norm1(net.conv1(net.norm1(net.conv1(x)).relu()))))


def layer_called_on_two_sizes(net, x):
    once, again = net.norm1(net.conv1(x)), net.norm1(net.conv1(x[:, :, ::2, ::2]))
    return net.norm2(net.conv2(once)) + F.interpolate(net.norm2(net.conv2(again)), scale_factor=2)


def norm_of_two_layers(net, x):
    return net.norm1(net.conv2(net.norm1(net.conv1(x)).relu()))


def norm_called_on_the_input_too(net, x):
    return net.norm2(net.conv2(net.norm1(net.conv1(net.norm1(x)))))


def layer_returned_too(net, x):
    y = net.conv1(x)
    return net.norm2(net.conv2(net.norm1(y))), y


def max_pool_between(net, x):
    return net.norm2(net.conv2(net.norm1(F.max_pool2d(net.conv1(x), 2))))


def average_pool_between(net, x):
    return net.norm2(net.conv2(net.norm1(F.avg_pool2d(net.conv1(x), 2))))


def adaptive_pool_between(net, x):
    return net.norm2(net.conv2(net.norm1(F.adaptive_avg_pool2d(net.conv1(x), 3))))


def activation_between(net, x):
    return net.norm2(net.conv2(net.norm1(net.conv1(x).relu())))


def padding_between(net, x):
    return net.norm2(net.conv2(net.norm1(F.pad(net.conv1(x), (1, 1, 1, 1)))))


def channels_turned_between(net, x):
    return net.norm2(net.conv2(net.norm1(net.conv1(x).flip(1))))


def axes_merged_between(net, x):
    y = net.conv1(x).unflatten(0, (-1, 1)).transpose(0, 1).flatten(0, 1)
    return net.norm2(net.conv2(net.norm1(y)))


def rows_turned_between(net, x):
    return net.norm2(net.conv2(net.norm1(net.conv1(x).flip(3))))


def loop_over_samples(net, x):
    return torch.stack([net.norm2(net.conv2(net.norm1(net.conv1(s[None])).relu()))[0] for s in x])


def one_call_then_a_loop(net, x):
    y = net.conv1(x)
    return torch.cat([net.norm2(net.conv2(net.norm1(part))) for part in y.split(1)])


def weight_read_elsewhere(net, x):
    y = net.norm1(net.conv1(x))
    return net.norm2(net.conv2(y)) + F.conv2d(x, net.conv1.weight, padding=1)


def gate_from_the_layer(net, x):
    y = net.conv1(x)
    return net.norm2(net.conv2(net.norm1(y))) * y.mean((2, 3), keepdim=True).sigmoid()


WAYS = {
    plain: {"norm1", "norm2"},
    skip_from_the_layer: {"norm2"},
    skip_into_the_norm: {"norm2"},
    skip_behind_the_norm: {"norm1", "norm2"},
    skip_by_concatenation: {"norm2"},
    skip_in_place: {"norm2"},
    skip_by_a_view: {"norm2"},
    skip_of_some_channels: {"norm2"},
    layer_called_twice: {"norm2"},
    layer_and_norm_called_twice: {"norm1", "norm2"},
    layer_called_on_two_sizes: {"norm1", "norm2"},
    norm_of_two_layers: set(),
    norm_called_on_the_input_too: {"norm2"},
    layer_returned_too: {"norm2"},
    max_pool_between: {"norm2"},
    average_pool_between: {"norm2"},
    adaptive_pool_between: {"norm2"},
    activation_between: {"norm2"},
    padding_between: {"norm2"},
    channels_turned_between: {"norm2"},
    axes_merged_between: {"norm1", "norm2"},
    rows_turned_between: {"norm1", "norm2"},
    loop_over_samples: {"norm1", "norm2"},
    one_call_then_a_loop: {"norm1", "norm2"},
    weight_read_elsewhere: {"norm2"},
    gate_from_the_layer: {"norm2"},
}


def folded(network, run=lambda network: network(X)):
    before = state_bytes(network)
    plan = plan_folding(network, run)
    assert state_bytes(network) == before
    if not plan.folded:
        with pytest.raises(ConfigError) as error:
            fold_batch_norm(network, run)
        assert error.value.problems == plan.left
        return network, set()
    if not plan.left:
        return fold_batch_norm(network, run), set(plan.folded)
    with pytest.warns(NotFoldedWarning):
        return fold_batch_norm(network, run), set(plan.folded)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_is_folded_and_that_it_changes_nothing(way):
    network = Body(way)
    with torch.no_grad():
        expected = network(X)
        small, gone = folded(network)
        torch.testing.assert_close(small(X), expected, rtol=1e-9, atol=1e-9)
    left = {name for name, module in small.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert gone == WAYS[way]
    assert left == {"norm1", "norm2"} - gone


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_norm_that_stays_is_named_with_a_reason(way):
    plan = plan_folding(Body(way), lambda network: network(X))
    places = [problem.where for problem in plan.left]
    assert places == [f"batch norm '{name}'" for name in ("norm2", "norm1") if name not in plan.folded]
    assert all(problem.got and problem.rule and problem.cure for problem in plan.left)


TIED = "a layer with weights of its own"
UNFIT = {
    "weight norm": (lambda net: parametrizations.weight_norm(net.conv1), "weight norm on the weight"),
    "spectral norm": (lambda net: parametrizations.spectral_norm(net.conv1), "spectral norm on the weight"),
    "mask": (lambda net: prune.l1_unstructured(net.conv1, "weight", 0.5), "a mask of torch.nn.utils.prune"),
    "shared": (
        lambda net: setattr(net.conv2, "weight", net.conv1.weight),
        "a weight that layer 'conv1' shares",
    ),
    "batch statistics": (lambda net: setattr(net, "norm1", batch_statistics()), "statistics of each batch"),
}


def batch_statistics():
    return nn.BatchNorm2d(C, track_running_stats=False).double()


@pytest.mark.parametrize("case", UNFIT)
def test_a_layer_that_can_take_no_factor(case):
    change, got = UNFIT[case]
    network = Body(plain)
    change(network)
    network.eval()
    with torch.no_grad():
        expected = network(X)
        plan = plan_folding(network, lambda network: network(X))
        assert any(got in problem.got for problem in plan.left), plan
        assert "norm1" not in plan.folded
        small, _ = folded(network)
        torch.testing.assert_close(small(X), expected, rtol=1e-9, atol=1e-9)


def test_a_dense_layer_over_time_whose_batch_is_as_large_as_its_features():
    """The batch norm then goes over another axis than the features."""

    class Over(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.norm = nn.Linear(5, C), nn.BatchNorm1d(C)
            nn.init.normal_(self.norm.running_mean)

        def forward(self, x):
            return self.norm(self.layer(x))

    network, x = Over().eval(), torch.randn(2, C, 5)
    assert not plan_folding(network, lambda network: network(x)).folded
    assert list(plan_folding(network, lambda network: network(x[0])).folded) == ["norm"]


def test_a_sequential_inside_of_ones_own_class_proves_nothing_by_itself():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(C, C, 3, padding=1), nn.BatchNorm2d(C))

        def forward(self, x):
            return self.body(x) + self.body[0](x)

    network = Own().double().eval()
    with pytest.raises(ConfigError, match="Give `run`"):
        fold_batch_norm(network)
    with pytest.raises(ConfigError, match="it is not the only reader: add"):
        fold_batch_norm(network, lambda network: network(X))


def test_a_layer_twice_in_a_sequential():
    torch.manual_seed(0)
    conv = nn.Conv2d(C, C, 3, padding=1)
    network = nn.Sequential(conv, nn.BatchNorm2d(C), conv, nn.ReLU()).double().eval()
    with pytest.raises(ConfigError, match="Give `run`"):
        fold_batch_norm(network)
    with pytest.raises(ConfigError, match="not the only reader: relu in '3'"):
        fold_batch_norm(network, lambda network: network(X))
    ends = nn.Sequential(conv, nn.BatchNorm2d(C), conv).double().eval()
    with pytest.raises(ConfigError, match="not the only reader: the network's output"):
        fold_batch_norm(ends, lambda network: network(X))


def test_a_frozen_layer_gets_a_bias_that_is_as_free_as_the_norms():
    network = Body(plain)
    network.conv1.weight.requires_grad_(False)
    small, _ = folded(network)
    assert not small.conv1.weight.requires_grad
    assert small.conv1.bias.requires_grad
    network.norm1.bias.requires_grad_(False)
    assert not folded(network)[0].conv1.bias.requires_grad
