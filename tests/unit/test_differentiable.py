"""The differentiable quantization function: closed forms, derivatives, and that it hardens."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

from spareto import recipes
from spareto.compression import compress, compressed_weight
from spareto.compression.epochs import begin_epoch
from spareto.compression.packing import pack
from spareto.core.errors import ConfigError
from spareto.quantizers import registry
from spareto.records import LayerFilter, QuantizeStep, Recipe


def made(bits, weight, **options):
    quantizer = registry.make("differentiable", bits=bits, **options)
    quantizer.start(weight)
    return quantizer


def hot(quantizer, temperature):
    quantizer.first = float(temperature)
    return quantizer


def weights(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 0.1


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_soft_becomes_hard_except_at_thresholds(bits):
    weight = weights(40, 25)
    quantizer = made(bits, weight).requires_grad_(False)
    hard, place = quantizer.eval()(weight), weight * quantizer.beta
    far = (place[..., None] - quantizer.thresholds).abs().amin(-1) > 0.02
    errors = [(hot(quantizer.train(), t)(weight) - hard)[far].abs().max().item() for t in (10, 50, 250, 1250)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-6 * float(quantizer.alpha)
    at = (quantizer.thresholds / quantizer.beta).detach()
    halfway = hot(quantizer, 1250)(at) / quantizer.alpha
    assert ((halfway - halfway.floor()) * 2 % 1).abs().max() < 1e-6  # in the middle of a step, however steep


def test_soft_binary_weights_are_a_tanh():
    weight = weights(30, 30)
    quantizer = hot(made(1, weight), 7.0)
    expected = quantizer.alpha * torch.tanh(7.0 * quantizer.beta * weight / 2)
    torch.testing.assert_close(quantizer(weight), expected, rtol=1e-12, atol=0)


def test_the_largest_binary_weight_starts_at_four_fifths():
    weight = weights(30, 30)
    hard = made(1, weight).eval()(weight).detach()
    assert float(hard.abs().max()) == pytest.approx(0.8 * float(weight.abs().max()), rel=1e-6)


@pytest.mark.parametrize(("bits", "values"), [(1, 2), (2, 3), (3, 7), (4, 15)])
@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
def test_hard_weights_take_exactly_so_many_values(bits, values, granularity):
    weight = torch.linspace(-1, 1, 4002, dtype=torch.float64).repeat(2, 1)
    hard = made(bits, weight, granularity=granularity).eval()(weight)
    assert len(hard[0].unique()) == values
    ternary = made(2, weight).thresholds
    assert ternary.tolist() == pytest.approx([-0.05, 0.05])


@pytest.mark.parametrize("bits", [1, 2, 3])
@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
def test_three_derivatives_by_finite_differences(bits, granularity):
    weight = weights(3, 5).requires_grad_()
    quantizer = hot(made(bits, weight, granularity=granularity), 4.0).double()

    def soft(w, alpha, beta):
        return torch.func.functional_call(quantizer, {"alpha": alpha, "beta": beta}, (w,))

    inputs = weight, quantizer.alpha.detach().requires_grad_(), quantizer.beta.detach().requires_grad_()
    assert torch.autograd.gradcheck(soft, inputs, eps=1e-6, atol=1e-5)


def test_the_derivative_of_the_authors_code():
    weight = weights(1, 9).requires_grad_()
    quantizer = hot(made(1, weight, derivative="code"), 20.0)
    (found,) = torch.autograd.grad(quantizer(weight).sum(), weight)
    at_one = torch.sigmoid((quantizer.beta * weight).detach())
    expected = quantizer.alpha * quantizer.beta * 20.0 * 2 * at_one * (1 - at_one)
    torch.testing.assert_close(found, expected.detach())


def test_the_temperature_rises_every_epoch_and_is_stored():
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2))
    compressed = compress(network, recipes.differentiable(1, temperature=900))
    quantizer = compressed_weight(compressed[1]).quantizer
    assert compressed_weight(compressed[0]) is None
    assert compressed_weight(compressed[2]) is None
    seen = []
    for epoch in range(4):
        begin_epoch(compressed, epoch, 4)
        seen.append(quantizer.temperature)
    assert seen == [900, 1800, 2000, 2000]
    again = compress(network, recipes.differentiable(1, temperature=900))
    again.load_state_dict(compressed.state_dict())
    assert compressed_weight(again[1]).quantizer.temperature == 2000


def test_memory_of_binary_weights():
    """Of a network whose ends stay in float, against 4 bytes a weight; published are 31 times."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(8, 2000), nn.Linear(2000, 2000), nn.Linear(2000, 8))
    inside = {"first": False, "last": False}
    recipe = Recipe(layers=LayerFilter(**inside), steps=(QuantizeStep(bits=1, quantizer="differentiable"),))
    packed = pack(compressed := compress(network, recipe).eval(), compressed.state_dict())
    names = [name for name in packed if "bias" not in name and "mask" not in name]
    stored = sum(packed[name].numel() * packed[name].element_size() for name in names)
    floats = sum(4 * layer.weight.numel() for layer in network)
    ends = 2 * 8 * 2000
    assert floats / stored == pytest.approx(32 * (1 + ends / 4e6) / (1 + 32 * ends / 4e6), rel=1e-3)


def test_the_gap_between_soft_and_hard_accuracy_shrinks():
    """On scikit-learn's digits: what training sees and what is stored come together as the steps harden."""
    digits = load_digits()
    x, y = torch.from_numpy(digits.data / 16.0).float(), torch.from_numpy(digits.target.astype(np.int64))
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        F.cross_entropy(network(x[:1200]), y[:1200]).backward()
        optimizer.step()
    quantizer, weight = made(1, network[0].weight.detach()), network[0].weight.detach()

    def accuracy(own):
        hidden = F.linear(x[1200:], own, network[0].bias).relu()
        return float((network[2](hidden).argmax(1) == y[1200:]).float().mean())

    with torch.no_grad():
        hard = accuracy(quantizer.eval()(weight))
        gaps = [abs(accuracy(hot(quantizer.train(), t)(weight)) - hard) for t in (1, 10, 100, 2000)]
    assert min(gaps[:2]) > 0.02 > gaps[2] > gaps[3]
    assert gaps[3] < 0.005


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"temperature": 0}, "temperature: got 0; expected a number above 0, at most 2000."),
        ({"derivative": "printed"}, "derivative: got 'printed'; expected one of true, code."),
    ],
)
def test_wrong_options(options, said):
    with pytest.raises(ConfigError) as error:
        registry.make("differentiable", bits=2, **options)
    assert str(error.value) == f"quantizer 'differentiable'.{said}"
